import { Tensor, torch } from '../../lib/tensor/index.ts';
import { scope } from '../../lib/tensor/scope.ts';
import { makeRandom } from '../oracle/batches.ts';
import { launchesOf, serveKernels } from './kernels-on-guard.ts';

// The kernels that choose tokens, compiled for the host and launched on the guarded device, against a sampler in float64 that sorts the
// vocabulary.

serveKernels();

interface Options {
  penalty?: number;
  ngram?: number;
  suppressed?: number[];
  temperature?: number;
  topK?: number;
  topP?: number;
  minP?: number;
}

/** What a row may go on with, in falling order, and where each candidate's share of the mass ends. */
function candidatesOf(logits: Float32Array, history: readonly number[], options: Options) {
  const { penalty = 1, ngram = 0, suppressed = [], temperature = 0, topK = 0, topP = 1, minP = 0 } = options;
  const scores = Float32Array.from(logits);
  const factor = Math.fround(penalty);
  for (const id of new Set(history)) scores[id] = scores[id]! < 0 ? scores[id]! * factor : scores[id]! / factor;
  const last = history.slice(history.length - ngram + 1).join();
  for (let start = 0; ngram > 0 && start + ngram <= history.length; start++) {
    if (ngram === 1 || history.slice(start, start + ngram - 1).join() === last) scores[history[start + ngram - 1]!] = -Infinity;
  }
  for (const id of suppressed) scores[id] = -Infinity;
  let order = [...scores.keys()].filter((id) => scores[id]! > -Infinity).sort((a, b) => scores[b]! - scores[a]! || a - b);
  if (topK > 0 && topK < order.length) order = order.filter((id) => scores[id]! >= scores[order[topK - 1]!]!);
  if (temperature === 0) return { order: order.slice(0, 1), ends: [1] };
  const weights = order.map((id) => Math.exp((scores[id]! - scores[order[0]!]!) / temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const ends: number[] = [];
  let before = 0;
  for (const [rank, weight] of weights.entries()) {
    if (rank > 0 && ((topP < 1 && total - before <= (1 - topP) * total) || weight < minP)) break;
    ends.push((before += weight));
  }
  return { order, ends };
}

/** -2 where all is banned; null where the number falls on the border of two candidates. */
function expectedId(logits: Float32Array, history: readonly number[], uniform: number, options: Options): number | null {
  const { order, ends } = candidatesOf(logits, history, options);
  if (order.length === 0) return -2;
  const target = uniform * ends.at(-1)!;
  const rank = Math.min(
    ends.findIndex((end) => target < end),
    ends.length - 1,
  );
  if ((options.temperature ?? 0) > 0 && ends.some((end) => Math.abs(end - target) < 1e-10 * ends.at(-1)!)) return null;
  return order[rank]!;
}

function choose(rows: Float32Array[], histories: number[][], uniform: number[], options: Options): number[] {
  return scope(() => {
    const to = (tensor: Tensor): Tensor => tensor.to({ device: 'guard' });
    const ids = BigInt64Array.from(histories.flat().map(BigInt));
    const args = [
      to(Tensor.from(Float32Array.from(rows.flatMap((row) => [...row])), { shape: [rows.length, rows[0]!.length] })),
      to(Tensor.from(ids, { shape: [rows.length, histories[0]!.length] })),
      to(Tensor.from(Float64Array.from(uniform), { dtype: 'float64' })),
      ...[
        options.penalty ?? 1,
        options.ngram ?? 0,
        options.suppressed ?? [],
        options.temperature ?? 0,
        options.topK ?? 0,
        options.topP ?? 1,
        options.minP ?? 0,
      ],
    ];
    const chosen = torch.call('hyperfit::choose_tokens', args) as Tensor;
    return [...(chosen.to({ device: 'cpu' }).toTypedArray() as BigInt64Array)].map(Number);
  });
}

const WAYS: Record<string, Options> = {
  greedy: {},
  'a penalty': { penalty: 1.4 },
  'a penalty below 1': { penalty: 0.7 },
  'no id twice': { ngram: 1 },
  'no trigram twice, suppressed ids': { ngram: 3, suppressed: [0, 2, 3] },
  drawn: { temperature: 0.9 },
  'drawn at a low temperature': { temperature: 0.05 },
  'drawn at a high temperature': { temperature: 30 },
  'top-k': { temperature: 1.3, topK: 7 },
  'top-p': { temperature: 1.1, topP: 0.7 },
  'a low top-p': { temperature: 1, topP: 0.001 },
  'min-p': { temperature: 1.5, minP: 0.05 },
  'min-p of 1': { temperature: 1.5, minP: 1 },
  'all of them': { temperature: 1.2, topK: 50, topP: 0.9, minP: 0.02, penalty: 1.2, ngram: 2, suppressed: [1] },
};

const SPREADS: Record<string, (random: () => number) => number> = {
  even: (random) => 18 * random() - 9,
  normal: (random) => 2.5 * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()),
  'in steps, so that many tie': (random) => Math.round(8 * random()) / 2 - 3,
  'all alike': () => 1.25,
  'with ids that cannot be': (random) => (random() < 0.3 ? -Infinity : 30 * random() - 40),
  'far from each other': (random) => 10 ** (60 * random() - 30) * (random() < 0.5 ? -1 : 1),
};

describe.each(Object.entries(SPREADS))('scores %s', (_, score) => {
  test.each([2, 80, 4096, 4097, 9001])('of %i ids: the ids of a sampler that sorts', (size) => {
    const random = makeRandom(size);
    const rows = Array.from({ length: 6 }, () => Float32Array.from({ length: size }, () => score(random)));
    const histories = rows.map(() => Array.from({ length: 40 }, () => Math.floor(random() * Math.min(size, 12))));
    let compared = 0;
    for (const [name, options] of Object.entries(WAYS)) {
      const asked = { ...options, suppressed: (options.suppressed ?? []).filter((id) => id < size) };
      const uniform = rows.map((__, row) => (row === 0 ? 0 : row === 1 ? 1 - 2 ** -53 : random()));
      const expected = rows.map((row, index) => expectedId(row, histories[index]!, uniform[index]!, asked));
      const found = choose(rows, histories, uniform, asked);
      const sure = expected.flatMap((id, row) => (id === null || row === 1 ? [] : [row]));
      expect([name, sure.map((row) => found[row])]).toEqual([name, sure.map((row) => expected[row])]);
      compared += sure.length;
      // The last number of all draws one of the last candidates, which weigh too little to be told apart.
      const { order, ends } = candidatesOf(rows[1]!, histories[1]!, asked);
      if (order.length > 0) expect(order.slice(0, ends.length)).toContain(found[1]);
      expect(choose(rows, histories, uniform, asked)).toEqual(found);
    }
    expect(compared).toBeGreaterThan(4 * Object.keys(WAYS).length);
  });
});

test('a vocabulary of 131,072 ids, and more that tie than are held against each other', () => {
  const random = makeRandom(7);
  const size = 131_072;
  const rows = [
    Float32Array.from({ length: size }, () => SPREADS.normal!(random)),
    Float32Array.from({ length: size }, (_, id) => (id % 3 === 0 ? 2 : 1)),
  ];
  const histories = rows.map(() => [5, 6, 7, 5, 6]);
  for (const options of [{}, { temperature: 1 }, { temperature: 0.8, topK: 40, topP: 0.9 }, { temperature: 1, topK: 50_000, ngram: 3 }]) {
    const uniform = [random(), random()];
    expect(choose(rows, histories, uniform, options)).toEqual(
      rows.map((row, index) => expectedId(row, histories[index]!, uniform[index]!, options)),
    );
  }
});

test('scores that are not finite, and rows that nothing is left for, are told by numbers below 0', () => {
  const rows = [
    [1, Number.NaN, 0],
    [1, Infinity, 0],
    [-Infinity, -Infinity, -Infinity],
    [1, 2, 3],
  ].map((row) => Float32Array.from(row));
  const histories = rows.map(() => [0]);
  expect(choose(rows, histories, [0, 0, 0, 0], {})).toEqual([-3, -3, -3, 2]);
  expect(choose(rows.slice(3), [[0]], [0], { suppressed: [0, 1, 2] })).toEqual([-2]);
});

test('two launches choose, three draw', () => {
  const [rows, histories] = [[Float32Array.of(1, 2, 3)], [[0]]];
  const launches = (options: Options): number[] =>
    ['score_tokens', 'weigh_tokens', 'choose_tokens'].map((name) => launchesOf(name, () => choose(rows, histories, [0.5], options)));
  expect([launches({ penalty: 1.1, ngram: 2 }), launches({ temperature: 1, topK: 2 })]).toEqual([
    [1, 0, 1],
    [1, 1, 1],
  ]);
});
