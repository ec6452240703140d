import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '../../lib/data/random.ts';
import { bootstrapMean, fewPairsWarning, pairedBootstrap } from '../../lib/evaluate/bootstrap.ts';
import { crossedMean } from '../../lib/evaluate/crossed.ts';
import { holm } from '../../lib/evaluate/holm.ts';
import { selfBleu, selfBleuScores } from '../../lib/evaluate/self-bleu.ts';
import { selfBleuPseudoValues, selfBleuWithoutEach } from '../../lib/evaluate/self-bleu-jackknife.ts';
import { signFlipTest } from '../../lib/evaluate/sign-flip-test.ts';
import { studentCumulative, studentTail, studentUpper } from '../../lib/evaluate/student-t.ts';

interface Fixture {
  t: { t: number; freedom: number; cumulative: number; tail: number }[];
  quantiles: { tail: number; freedom: number; t: number }[];
  flips: { differences: number[]; p: number }[];
  manyFlips: { differences: number[]; p: number }[];
  crossed: { table: number[][]; mean: number; low: number; high: number; p: number }[];
  selfBleu: { texts: string[]; whole: number; without: number[] };
}

const fixture = JSON.parse(readFileSync(join(__dirname, '../fixtures/significance.json'), 'utf8')) as Fixture;

/** A standard normal number (Box and Muller 1958). */
const normal = (random: Random): number => Math.sqrt(-2 * Math.log(1 - random.nextFloat())) * Math.cos(2 * Math.PI * random.nextFloat());
const normals = (count: number, random: Random): number[] => Array.from({ length: count }, () => normal(random));
const share = (count: number, of: (at: number) => boolean): number =>
  Array.from({ length: count }, (_, at) => of(at)).filter(Boolean).length / count;

describe("Student's t, as SciPy", () => {
  test.each(fixture.t)('$t of $freedom', ({ t, freedom, cumulative, tail }) => {
    expect(studentCumulative(t, freedom)).toBeCloseTo(cumulative, 12);
    expect(studentTail(Math.abs(t), freedom) / tail).toBeCloseTo(1, 9);
  });

  test.each(fixture.quantiles)('beyond which lies $tail, of $freedom', ({ tail, freedom, t }) => {
    expect(studentUpper(tail, freedom) / t).toBeCloseTo(1, 9);
  });
});

describe('signFlipTest', () => {
  test.each(fixture.flips)('exact, as SciPy: $differences', ({ differences, p }) => {
    expect(signFlipTest(differences)).toMatchObject({ p: expect.closeTo(p, 12), isExact: true, isBound: false });
  });

  test.each(fixture.manyFlips)('drawn beyond twenty pairs, near what SciPy draws', ({ differences, p }) => {
    const ours = signFlipTest(differences)!;
    expect(ours.isExact).toBe(false);
    // Four standard errors of 99,999 draws, and of the 400,000 there.
    expect(Math.abs(ours.p - p)).toBeLessThan(4 * Math.sqrt(p * (1 - p) * (1e-5 + 2.5e-6)) + 2e-5);
  });

  test('eight pairs of one sign give 2 in 256, and no set of eight gives less', () => {
    const random = new Random(3);
    expect(signFlipTest([5, 1, 2, 3, 4, 9, 7, 8])!.p).toBe(2 / 256);
    for (let trial = 0; trial < 200; trial += 1)
      expect(signFlipTest(normals(8, random).map((value) => value + 3))!.p).toBeGreaterThanOrEqual(2 / 256);
  });

  test('says where p is a bound only, and draws the same again', () => {
    const clear = Array.from({ length: 60 }, (_, at) => 1 + at / 100);
    expect(signFlipTest(clear)).toEqual({ p: 1e-5, floor: 1e-5, isExact: false, isBound: true });
    expect(signFlipTest(clear, { flips: 1999 })).toMatchObject({ p: 1 / 2000, isBound: true });
    const unclear = normals(60, new Random(1));
    expect(signFlipTest(unclear, { seed: 4 })).toEqual(signFlipTest(unclear, { seed: 4 }));
    expect(signFlipTest(unclear)!.isBound).toBe(false);
  });

  test('rounding does not tell equal sums apart', () => {
    expect(signFlipTest([0.1, 0.2, 0.3, -0.3, 0.6])!.p).toBe(signFlipTest([1, 2, 3, -3, 6])!.p);
  });

  test('has nothing to say of nothing and refuses what is no number', () => {
    expect(signFlipTest([])).toBeNull();
    for (const bad of [Number.NaN, Infinity]) expect(() => signFlipTest([1, bad])).toThrow(expect.objectContaining({ code: 'ERR_DATA' }));
    expect(() => signFlipTest([1], { flips: 0 })).toThrow(expect.objectContaining({ code: 'ERR_CONFIG' }));
  });
});

describe('pairedBootstrap', () => {
  test('of eight pairs is not surer than sign flips, warns, and rejects no true null too often', () => {
    const random = new Random(11);
    const clear = pairedBootstrap([0.4, 0.5, 0.45, 0.38, 0.52, 0.47, 0.41, 0.44])!;
    expect(clear).toMatchObject({
      p: 2 / 256,
      isBound: false,
      n: 8,
      warning: expect.stringMatching(/^8 pairs are few: .*below 0\.0078; take 20 or more$/),
    });
    expect(holm([clear.p, 1, 1, 1, 1, 1, 1])[0]).toBeCloseTo(0.055, 3);
    const rejected = share(1500, () => pairedBootstrap(normals(8, random), { resamples: 50 })!.p <= 0.05);
    // 12 of the 256 ways to flip eight signs: .047.
    expect(Math.abs(rejected - 12 / 256)).toBeLessThan(0.02);
  });

  test('draws and flips whole clusters', () => {
    const differences = [1, 1, 2, 2, 3, 3];
    const clustered = pairedBootstrap(differences, { clusters: [0, 0, 1, 1, 2, 2] })!;
    expect(clustered).toMatchObject({ n: 3, p: 0.25 });
    expect(pairedBootstrap(differences)!.p).toBe(2 / 64);
    expect(fewPairsWarning(20)).toBeNull();
  });
});

describe('bootstrapMean of few values', () => {
  test('covers about 95 %', () => {
    const random = new Random(21);
    const covered = share(1200, () => {
      const { low, high } = bootstrapMean(normals(8, random), { resamples: 400, seed: random.nextUint32() })!;
      return low <= 0 && 0 <= high;
    });
    expect(covered).toBeGreaterThan(0.93);
    expect(covered).toBeLessThan(0.97);
  });
});

describe('crossedMean', () => {
  const asRuns = (table: readonly (readonly number[])[]) => table.map((row) => row.map((sum) => ({ sum, count: 1 })));

  test.each(fixture.crossed)('as the mean squares of a two-way table have it: $mean', ({ table, mean, low, high, p }) => {
    const ours = crossedMean(asRuns(table))!;
    expect(ours.mean).toBeCloseTo(mean, 12);
    expect(ours.low).toBeCloseTo(low, 9);
    expect(ours.high).toBeCloseTo(high, 9);
    expect(ours.p / p).toBeCloseTo(1, 6);
  });

  test.each([
    [2, 32, 0.3],
    [2, 128, 1],
    [3, 32, 0],
    [3, 128, 0.3],
    [5, 20, 1],
  ])('%d seeds and %d contexts cover 94 %% or more where seeds differ by %d of what contexts do', (seeds, contexts, spread) => {
    const random = new Random(seeds, contexts);
    const trials = 400;
    const covered = share(trials, () => {
      const ofContexts = normals(contexts, random);
      const runs = Array.from({ length: seeds }, () => {
        const ofSeed = spread * normal(random);
        return ofContexts.map((value) => ({ sum: value + ofSeed + normal(random), count: 1 }));
      });
      const { low, high, p } = crossedMean(runs)!;
      expect(p > 0.05).toBe(low < 0 && 0 < high);
      return low <= 0 && 0 <= high;
    });
    // Two standard errors of the simulation below .94.
    expect(covered).toBeGreaterThan(0.94 - 2 * Math.sqrt((0.94 * 0.06) / trials));
  });

  test('is a ratio of sums, whatever the counts', () => {
    const runs = [
      [
        { sum: 1, count: 10 },
        { sum: 8, count: 20 },
        { sum: 0, count: 0 },
      ],
      [
        { sum: 3, count: 10 },
        { sum: 6, count: 20 },
        { sum: 0, count: 0 },
      ],
    ];
    expect(crossedMean(runs)!.mean).toBeCloseTo(18 / 60, 12);
    const doubled = runs.map((run) => run.map(({ sum, count }) => ({ sum: 2 * sum, count: 2 * count })));
    expect(crossedMean(doubled)!.high).toBeCloseTo(crossedMean(runs)!.high, 12);
  });

  test('needs two of either kind, and the same clusters in each run', () => {
    expect(
      crossedMean([
        [
          { sum: 1, count: 1 },
          { sum: 2, count: 1 },
        ],
      ]),
    ).toBeNull();
    expect(crossedMean([[{ sum: 1, count: 1 }], [{ sum: 2, count: 1 }]])).toBeNull();
    expect(crossedMean([])).toBeNull();
    expect(() => crossedMean([[{ sum: 1, count: 1 }], []])).toThrow(expect.objectContaining({ code: 'ERR_DATA' }));
    expect(
      crossedMean(
        asRuns([
          [2, 2],
          [2, 2],
        ]),
      ),
    ).toMatchObject({ mean: 2, low: 2, high: 2, p: 0 });
    expect(
      crossedMean(
        asRuns([
          [1, -1],
          [1, -1],
        ]),
      )!.p,
    ).toBe(1);
  });
});

describe('Self-BLEU without each text', () => {
  const words = fixture.selfBleu.texts.map((text) => text.split(' '));

  test('as nltk scores the others again', () => {
    const ours = selfBleuWithoutEach(words);
    fixture.selfBleu.without.forEach((value, at) => expect(ours[at]).toBeCloseTo(value, 12));
  });

  test('as our own, whole again, of random texts of unequal lengths', () => {
    const random = new Random(5);
    for (let trial = 0; trial < 20; trial += 1) {
      const texts = Array.from({ length: 3 + random.nextBelow(8) }, () =>
        Array.from({ length: random.nextBelow(12) }, () => random.nextBelow(4)),
      );
      selfBleuWithoutEach(texts).forEach((value, left) => expect(value).toBeCloseTo(selfBleu(texts.filter((_, at) => at !== left))!, 12));
    }
  });

  test('gives values whose mean is that of the set', () => {
    const values = selfBleuPseudoValues(words);
    expect(values.reduce((sum, value) => sum + value, 0) / values.length).toBeCloseTo(fixture.selfBleu.whole, 12);
    expect(selfBleuPseudoValues(words.slice(0, 2))).toEqual([]);
  });

  const random = new Random(9);
  // Text of a chain in which few successors are common, and of which some loops: texts meet in the common ones.
  const successors = Array.from({ length: 200 }, () => Array.from({ length: 40 }, () => Math.floor(200 * random.nextFloat() ** 2.5)));
  const drawText = (): number[] => {
    const period = random.nextFloat() < 0.3 ? 8 : 48;
    const ids = [random.nextBelow(200)];
    for (let at = 1; at < 48; at += 1)
      ids.push(at >= period ? ids[at - period]! : successors[ids[at - 1]!]![Math.floor(40 * random.nextFloat() ** 3)]!);
    return ids;
  };

  test('two sets from one source are told apart about once in twenty', () => {
    const rejected = share(120, () => {
      const [first, second] = [0, 1].map(() => selfBleuPseudoValues(Array.from({ length: 24 }, drawText)));
      return (
        signFlipTest(
          first!.map((value, at) => value - second![at]!),
          { flips: 999 },
        )!.p <= 0.05
      );
    });
    expect(rejected).toBeLessThan(0.05 + 2 * Math.sqrt((0.05 * 0.95) / 120));
  });

  test('spreads as sets of texts do, where single scores spread too little', () => {
    const sets = Array.from({ length: 130 }, () => Array.from({ length: 24 }, drawText));
    const spread = (values: readonly number[]): number => {
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
    };
    const truth = spread(sets.map((set) => selfBleu(set)!));
    const estimated = sets.reduce((sum, set) => sum + spread(selfBleuPseudoValues(set)) / set.length, 0) / sets.length;
    const single = sets.reduce((sum, set) => sum + spread(selfBleuScores(set)) / set.length, 0) / sets.length;
    expect(estimated / truth).toBeGreaterThan(0.75);
    expect(estimated / truth).toBeLessThan(1.5);
    expect(single / truth).toBeLessThan(0.6);
  });
});
