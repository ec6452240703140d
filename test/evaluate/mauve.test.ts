import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '../../lib/data/random.ts';
import { mauve } from '../../lib/evaluate/mauve.ts';
import { areaUnderCurve, divergenceCurve } from '../../lib/evaluate/mauve-curve.ts';
import { clusterPoints } from '../../lib/evaluate/mauve-clusters.ts';
import { projectFeatures } from '../../lib/evaluate/mauve-projection.ts';
import { measureMauve, textFeatures } from '../../lib/evaluate/mauve-texts.ts';
import { Model } from '../../lib/model/model.ts';
import { settledTensors } from '../live-tensors.ts';
import { refusal, TINY_MODEL } from '../train/tiny.ts';

interface Fixture {
  featurized: { texts: string[]; features: number[][] };
  histograms: { p: number[]; q: number[]; scale: number; mixtures: number; curve: number[][]; area: number }[];
  clouds: {
    name: string;
    human: number[][];
    machine: number[][];
    varianceShares: number[];
    dimensions: number;
    clusters: number;
    mean: number;
    spread: number;
    histograms: { human: number[]; machine: number[] };
  }[];
}

const fixture = JSON.parse(readFileSync(join(__dirname, '../fixtures/mauve.json'), 'utf8')) as Fixture;

/** Normally distributed by sums of twelve uniform draws. */
function cloud(count: number, width: number, shift: number, seed: number): Float32Array[] {
  const random = new Random(seed);
  const draw = (): number => Array.from({ length: 12 }, () => random.nextFloat()).reduce((sum, value) => sum + value, -6);
  return Array.from({ length: count }, () => Float32Array.from({ length: width }, (_, axis) => draw() + (axis === 0 ? shift : 0)));
}

describe('against mauve-text', () => {
  test.each(fixture.histograms.map((each, index) => [index, each] as const))(
    'curve and area of histograms %i',
    (_, { p, q, scale, mixtures, curve, area }) => {
      const ours = divergenceCurve(p, q, { scale, mixtures });
      expect(ours).toHaveLength(mixtures + 2);
      ours.forEach(([x, y], index) => {
        expect(x).toBeCloseTo(curve[index]![0]!, 10);
        expect(y).toBeCloseTo(curve[index]![1]!, 10);
      });
      expect(Math.abs(areaUnderCurve(ours) - area)).toBeLessThan(1e-6);
    },
  );

  test.each(fixture.clouds.map((each) => [each.name, each] as const))(
    'axes kept of clouds that are %s, and their variances',
    (_, { human, machine, varianceShares, dimensions, clusters }) => {
      expect(projectFeatures([...human, ...machine], 0.9).dimensions).toBe(dimensions);
      // All axes together hold all of the variance, each its share, the largest last.
      const whole = projectFeatures([...human, ...machine], 1);
      const sums = Array.from({ length: whole.dimensions }, (_, axis) => {
        let sum = 0;
        for (let point = 0; point < whole.count; point += 1) sum += whole.values[point * whole.dimensions + axis]! ** 2;
        return sum;
      });
      const total = sums.reduce((sum, value) => sum + value, 0);
      sums.reverse().forEach((sum, axis) => expect(sum / total).toBeCloseTo(varianceShares[axis]!, 9));
      expect(mauve(human, machine).clusters).toBe(clusters);
    },
  );

  // Clusterings differ by seed, and scores with them: means over seeds are compared, within four standard errors of their difference.
  test.each(fixture.clouds.map((each) => [each.name, each] as const))(
    'the score of clouds that are %s',
    (_, { human, machine, mean, spread }) => {
      const seeds = [0, 1, 2, 3, 4, 5];
      const ours = seeds.reduce((sum, seed) => sum + mauve(human, machine, { seed }).score / seeds.length, 0);
      expect(Math.abs(ours - mean)).toBeLessThan(4 * spread * Math.sqrt(1 / seeds.length + 1 / 40) + 1e-9);
    },
  );

  test('the same parts of clouds that fall into them, and so the same score', () => {
    const { human, machine, histograms, mean, spread } = fixture.clouds.find(({ name }) => name === 'in parts')!;
    const ours = mauve(human, machine);
    const paired = (bins: { human: number[]; machine: number[] }): string[] =>
      bins.human.map((count, index) => `${count}:${bins.machine[index]}`).sort();
    expect(paired(ours.histograms)).toEqual(paired(histograms));
    expect(spread).toBeLessThan(1e-12);
    expect(Math.abs(ours.score - mean)).toBeLessThan(1e-9);
  });
});

describe('mauve', () => {
  test('is 1 of the same texts, and next to 0 of such as share no cluster', () => {
    const texts = cloud(100, 8, 0, 1);
    expect(mauve(texts, texts).score).toBeCloseTo(1, 12);
    const { score, histograms } = mauve(cloud(100, 8, 30, 1), cloud(100, 8, -30, 2));
    expect(histograms.human.every((count, cluster) => count === 0 || histograms.machine[cluster] === 0)).toBe(true);
    // The area under ((1 - w)^5, w^5): 5 B(5, 6) = 1 / 252.
    expect(score).toBeCloseTo(1 / 252, 3);
  });

  test('is the same with the sets exchanged, but for the order that the clustering draws from', () => {
    const [left, right] = [
      [5, 1, 9],
      [2, 8, 3],
    ];
    expect(areaUnderCurve(divergenceCurve(left, right))).toBeCloseTo(areaUnderCurve(divergenceCurve(right, left)), 12);
  });

  test('is repeatable, names what it did, and frees what it used', async () => {
    const [human, machine] = [cloud(120, 6, 0, 1), cloud(104, 6, 1, 2)];
    const before = await settledTensors();
    const first = mauve(human, machine, { seed: 3, features: 'gpt2-large' });
    expect(await settledTensors()).toBe(before);
    expect(mauve(human, machine, { seed: 3, features: 'gpt2-large' })).toEqual(first);
    expect(first).toMatchObject({ humanTexts: 120, machineTexts: 104, clusters: 10 });
    expect(first.signature).toMatch(
      /^mauve\|features:gpt2-large\|l2\|pca:0\.9\|k:10\|restarts:5\|iterations:500\|mixtures:25\|scale:5\|seed:3\|human:120\|machine:104\|hyperfit:/,
    );
    const total = (counts: number[]): number => counts.reduce((sum, count) => sum + count, 0);
    expect([total(first.histograms.human), total(first.histograms.machine)]).toEqual([120, 104]);
  });

  test('takes a tenth of the smaller set as clusters, from 2 to 500, halves to even', () => {
    const clusters = (count: number): number =>
      mauve(cloud(count, 2, 0, 1), cloud(count + 3, 2, 0, 2), { restarts: 1, maxIterations: 2 }).clusters;
    expect([2, 25, 35, 205, 5200].map(clusters)).toEqual([2, 2, 4, 20, 500]);
  });

  test.each([
    ['too few texts', () => mauve(cloud(1, 2, 0, 1), cloud(9, 2, 0, 1)), /ERR_DATA.*two texts.*1 human and 9/],
    ['features of two lengths', () => mauve(cloud(4, 2, 0, 1), cloud(4, 3, 0, 1)), /ERR_DATA.*one length.*2 and 3/],
    [
      'features that are no numbers',
      () =>
        mauve(
          [
            [1, 2],
            [3, Number.NaN],
          ],
          cloud(4, 2, 0, 1),
        ),
      /ERR_NOT_FINITE/,
    ],
    [
      'options, all at once',
      () => mauve(cloud(4, 2, 0, 1), cloud(4, 2, 0, 1), { clusters: 1, scale: 0, keptVariance: 2 }),
      /ERR_CONFIG.*clusters.*keptVariance.*scale/,
    ],
    ['more clusters than texts', () => mauve(cloud(4, 2, 0, 1), cloud(4, 2, 0, 1), { clusters: 9 }), /ERR_CONFIG.*9 for 8 texts/],
    ['histograms of different bins', () => divergenceCurve([1, 2], [1]), /ERR_DATA.*2 and 1 bins/],
    ['empty histograms', () => divergenceCurve([0, 0], [1, 0]), /ERR_DATA.*`p`/],
  ])('refuses %s', (_, make, pattern) => {
    let message = 'not refused';
    try {
      make();
    } catch (error) {
      message = `${(error as { code: string }).code} ${(error as Error).message}`;
    }
    expect(message).toMatch(pattern);
  });
});

describe('clusterPoints', () => {
  test('finds clusters that lie apart, whatever the seed', () => {
    const values = Float64Array.of(0, 0.1, 0.2, 10, 10.1, 20, 20.1, 20.2);
    const points = { count: 8, dimensions: 1, values };
    for (const seed of [0, 1, 2, 3]) {
      const labels = Array.from(clusterPoints(points, { clusters: 3, seed, restarts: 5, maxIterations: 100 }));
      expect(labels.map((label) => labels.indexOf(label))).toEqual([0, 0, 0, 3, 3, 5, 5, 5]);
    }
  });

  test('fills clusters that begin at copies of one point', () => {
    const values = Float64Array.of(1, 1, 1, 1, 1, 1, 5, 9);
    const labels = clusterPoints({ count: 8, dimensions: 1, values }, { clusters: 3, seed: 0, restarts: 1, maxIterations: 50 });
    expect(new Set(labels).size).toBe(3);
  });

  test('leaves clusters empty where all points are one', () => {
    const labels = clusterPoints(
      { count: 4, dimensions: 2, values: new Float64Array(8) },
      { clusters: 3, seed: 0, restarts: 2, maxIterations: 5 },
    );
    expect(Array.from(labels)).toEqual([0, 0, 0, 0]);
  });
});

describe('measureMauve', () => {
  let model: Model;
  beforeAll(async () => {
    model = await Model.load(TINY_MODEL);
  });
  afterAll(() => model.dispose());

  test('takes the last layer at the last token, as the final norm leaves it', async () => {
    const [feature] = await textFeatures(model, ['It was a dark night']);
    const tokens = await model.requireTokenizer().encode('It was a dark night');
    const { logits, hiddenStates } = await model.forward({ tokens, batchSize: 1, sequenceLength: tokens.length }, { hiddenStates: true });
    const states = hiddenStates.at(-1)!.toTypedArray() as Float32Array;
    expect(feature).toEqual(states.slice(-model.config.hiddenSize));
    for (const tensor of [logits, ...hiddenStates]) tensor.dispose();
  });

  test("makes the features of texts that the authors' package makes with transformers", async () => {
    const { texts, features } = fixture.featurized;
    const ours = await textFeatures(model, texts);
    expect(ours).toHaveLength(texts.length);
    ours.forEach((row, text) => row.forEach((value, axis) => expect(Math.abs(value - features[text]![axis]!)).toBeLessThan(2e-5)));
  });

  test('leaves out what has no tokens, and the end of what is too long', async () => {
    const encode = async (text: string): Promise<Int32Array> => Int32Array.from(Buffer.from(text));
    const bytewise = {
      path: model.path,
      config: model.config,
      lastHiddenState: model.lastHiddenState.bind(model),
      requireTokenizer: () => ({ encode }),
    };
    const [cut, short, ...others] = await textFeatures(bytewise, ['The sea was calm', '', 'The s'], { maxTokens: 5 });
    expect(others).toEqual([]);
    expect(cut).toEqual(short);
  });

  test('names the model, counts, reports progress, and stops when aborted', async () => {
    const human = Array.from({ length: 12 }, (_, index) => `The sea was calm on day ${index}`);
    const machine = Array.from({ length: 11 }, (_, index) => `Nobody had seen ship ${index}`);
    const seen: string[] = [];
    const result = await measureMauve(
      model,
      { human, machine },
      { seed: 1, onProgress: ({ done, total }) => seen.push(`${done}/${total}`) },
    );
    expect(result).toMatchObject({ humanTexts: 12, machineTexts: 11, clusters: 2 });
    expect(result.score).toBeGreaterThan(0);
    expect(result.score).toBeLessThanOrEqual(1);
    expect(result.signature).toMatch(
      /^mauve\|features:tiny-text\|state:last-layer-normed\|token:last\|max-tokens:\d+\|l2\|pca:0\.9\|k:2\|/,
    );
    expect([seen[0], seen.at(-1)]).toEqual(['1/23', '23/23']);
    const controller = new AbortController();
    const running = measureMauve(
      model,
      { human, machine },
      { signal: controller.signal, onProgress: () => controller.abort(new Error('enough')) },
    );
    expect((await refusal(running)).message).toBe('enough');
    expect((await refusal(measureMauve(model, { human, machine }, { maxTokens: 0 }))).code).toBe('ERR_CONFIG');
  });
});
