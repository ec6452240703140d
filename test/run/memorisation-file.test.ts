import type { Sequence } from '../../lib/data/sequences.ts';
import { OverlapIndex } from '../../lib/evaluate/overlap.ts';
import type { ComparedVariant } from '../../lib/run/comparison.ts';
import type { ComparisonFile } from '../../lib/run/comparison-file.ts';
import { findMemorisation } from '../../lib/run/memorisation-file.ts';
import { reportedMemorisation } from '../../lib/run/memorisation-report.ts';

const of = (...ids: number[]): Int32Array => Int32Array.from(ids);
const train: Sequence[] = [
  { ids: of(1, 2, 3, 4, 5), source: 'a.txt', offset: 0 },
  { ids: of(6, 7, 8, 9), source: 'b.txt', offset: 40 },
];

function variant(
  name: string,
  isHyperfitted: boolean,
  decoding: ComparedVariant['decoding'],
  texts: readonly [Int32Array, number?][],
): ComparedVariant {
  const generations = texts.map(([ids, interventions]) => ({
    promptIds: of(0),
    ids,
    ...(interventions === undefined ? {} : { interventions }),
  }));
  return { name, isHyperfitted, decoding, result: { generations } as unknown as ComparedVariant['result'] };
}

const variants = [
  variant('original', false, 'greedy', [[of(9, 9, 9)], [of(6, 7, 8)]]),
  variant('greedy', true, 'greedy', [[of(0, 2, 3, 4)], [of(0, 0, 0)]]),
  variant('blocked', true, 'citation-blocker', [
    [of(0, 2, 3, 9), 1],
    [of(0, 0, 0), 0],
  ]),
];
const parts = {
  variants,
  train,
  overlapIndex: new OverlapIndex(train.map(({ ids }) => ids)),
  minLength: 3,
  matchLength: 2,
  tokenizer: undefined,
};

test('names each span, the sequences they come from, and what the blocker did to the same model', () => {
  const file = findMemorisation(parts);
  expect(file.variants.map(({ name, spans }) => [name, spans])).toEqual([
    ['original', [[], [{ start: 0, length: 3, sequence: 1, offset: 0 }]]],
    ['greedy', [[{ start: 1, length: 3, sequence: 0, offset: 1 }], []]],
    ['blocked', [[], []]],
  ]);
  expect(file.samples).toEqual([
    { sequence: 0, source: 'a.txt', offset: 0, ids: [1, 2, 3, 4, 5] },
    { sequence: 1, source: 'b.txt', offset: 40, ids: [6, 7, 8, 9] },
  ]);
  expect(file.blocker).toMatchObject({ name: 'blocked', unblocked: 'greedy', matchLength: 2, counts: [1, 0], divergences: [3, null] });
});

test('the page shows the two hyperfitted texts beside each other, and others where they quote', () => {
  const comparison = {
    contexts: [of(0), of(0)].map((context) => ({ context: Array.from(context), original: [], source: 'c' })),
    variants,
  } as unknown as ComparisonFile;
  const shown = reportedMemorisation(findMemorisation(parts), comparison);
  expect(
    shown.contexts.map(({ number, texts }) => [
      number,
      texts.map(({ name, interventions, divergence }) => [name, interventions, divergence]),
    ]),
  ).toEqual([
    [
      1,
      [
        ['greedy', undefined, 3],
        ['blocked', 1, 3],
      ],
    ],
    [
      2,
      [
        ['original', undefined, null],
        ['greedy', undefined, null],
        ['blocked', 0, null],
      ],
    ],
  ]);
  expect(shown.samples[1]!.pieces.join('')).toBe('6 7 8 9 ');
});

test('without a blocked variant there is nothing to compare it with', () => {
  expect(findMemorisation({ ...parts, variants: variants.slice(0, 2) }).blocker).toBeNull();
});
