import { Random } from '../../lib/data/random.ts';
import {
  coveredTokens,
  firstDivergence,
  measureInterventions,
  measureMemorisation,
  memorisedSpans,
} from '../../lib/evaluate/memorisation.ts';
import { OverlapIndex } from '../../lib/evaluate/overlap.ts';

const of = (...ids: number[]): Int32Array => Int32Array.from(ids);
const text = (ids: ArrayLike<number>): string => ` ${Array.from(ids).join(' ')} `;

/** Start and length of every span that stands in a sequence and would not when lengthened, by trying them all. */
function tried(train: readonly Int32Array[], ids: Int32Array, minLength: number): [number, number][] {
  const stands = (start: number, end: number): boolean =>
    start >= 0 && end <= ids.length && train.some((sequence) => text(sequence).includes(text(ids.subarray(start, end))));
  const spans: [number, number][] = [];
  for (let start = 0; start < ids.length; start++) {
    for (let end = start + minLength; end <= ids.length; end++) {
      if (stands(start, end) && !stands(start - 1, end) && !stands(start, end + 1)) spans.push([start, end - start]);
    }
  }
  return spans;
}

describe('memorisedSpans', () => {
  test.each([1, 2, 3, 5])('of %d tokens and more are all maximal ones, and stand where they are said to', (minLength) => {
    const random = new Random(minLength);
    const draw = (length: number): Int32Array => Int32Array.from({ length }, () => random.nextBelow(4));
    const train = [3, 12, 30, 1, 25].map(draw);
    const index = new OverlapIndex(train);
    for (let round = 0; round < 40; round++) {
      const ids = draw(random.nextBelow(30));
      const spans = memorisedSpans(index, ids, minLength);
      expect(spans.map(({ start, length }) => [start, length])).toEqual(tried(train, ids, minLength));
      for (const { start, length, sequence, offset } of spans)
        expect(train[sequence]!.subarray(offset, offset + length)).toEqual(ids.subarray(start, start + length));
    }
  });

  test('overlap where one passage ends as another begins, and never run across two sequences', () => {
    const index = new OverlapIndex([of(1, 2, 3, 4), of(3, 4, 5, 6)]);
    expect(memorisedSpans(index, of(9, 1, 2, 3, 4, 5, 6), 3)).toEqual([
      { start: 1, length: 4, sequence: 0, offset: 0 },
      { start: 3, length: 4, sequence: 1, offset: 0 },
    ]);
    expect(memorisedSpans(index, of(4, 3, 4), 2)).toEqual([expect.objectContaining({ start: 1, length: 2 })]);
  });
});

test('measureMemorisation counts each token of overlapping spans once', () => {
  const index = new OverlapIndex([of(1, 2, 3, 4), of(3, 4, 5, 6)]);
  const result = measureMemorisation(index, [of(9, 1, 2, 3, 4, 5, 6), of(9, 9, 9)], 3);
  expect(result).toMatchObject({ minLength: 3, texts: 2, textsWithSpans: 1, longest: 4, tokenShare: 6 / 10 });
  expect(result.signature).toBe('memorisation|unit:token-ids|spans:maximal|minLength:3|within:one-training-sequence|context:excluded');
  expect(
    coveredTokens([
      { start: 0, length: 9, sequence: 0, offset: 0 },
      { start: 2, length: 3, sequence: 1, offset: 0 },
    ]),
  ).toBe(9);
  expect(measureMemorisation(index, [])).toMatchObject({ texts: 0, longest: 0, tokenShare: null });
});

test('firstDivergence is the first token that differs, or the end of the shorter text', () => {
  expect([
    firstDivergence([1, 2, 3], [1, 5, 3]),
    firstDivergence([1, 2], [1, 2, 3]),
    firstDivergence([1], [1]),
    firstDivergence([], []),
  ]).toEqual([1, 2, null, null]);
});

test('measureInterventions puts blocked and unblocked texts beside each other', () => {
  const blocked = [
    { ids: of(1, 2, 3, 4), interventions: 2 },
    { ids: of(5, 6, 7, 8), interventions: 0 },
  ];
  expect(measureInterventions(blocked, [{ ids: of(1, 2, 9, 4) }, { ids: of(5, 6, 7, 8) }])).toEqual({
    counts: [2, 0],
    total: 2,
    texts: 2,
    textsWithInterventions: 1,
    per100Tokens: 25,
    divergences: [2, null],
  });
});
