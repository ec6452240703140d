import fc from 'fast-check';
import { distinctN, diversity, repN } from '../../lib/evaluate/repetition.ts';

const grams = (text: readonly number[], n: number): string[] =>
  text.slice(0, Math.max(0, text.length - n + 1)).map((_, start) => text.slice(start, start + n).join(' '));
const anyTexts = fc.array(fc.array(fc.nat(3), { maxLength: 12 }), { maxLength: 6 });

describe('repN', () => {
  test('sums over texts before dividing', () => {
    // Bigrams: {12, 21, 12} has 2 of 3 distinct, {33, 33, 33, 33} has 1 of 4: 1 - 3/7.
    expect(
      repN(
        [
          [1, 2, 1, 2],
          [3, 3, 3, 3, 3],
        ],
        2,
      ),
    ).toBeCloseTo(4 / 7, 12);
    // Trigrams: 2 of 2, 1 of 3.
    expect(
      repN(
        [
          [1, 2, 1, 2],
          [3, 3, 3, 3, 3],
        ],
        3,
      ),
    ).toBeCloseTo(2 / 5, 12);
  });

  test('includes the last n-gram and skips texts that are too short', () => {
    expect(repN([[1, 2, 1, 2], [5]], 2)).toBeCloseTo(1 / 3, 12);
    expect(repN([[1], []], 2)).toBeNull();
  });

  test('equals counting joined strings', () => {
    fc.assert(
      fc.property(anyTexts, fc.integer({ min: 1, max: 5 }), (texts, n) => {
        const lists = texts.map((text) => grams(text, n));
        const total = lists.flat().length;
        const unique = lists.reduce((sum, list) => sum + new Set(list).size, 0);
        expect(repN(texts, n)).toBe(total === 0 ? null : 1 - unique / total);
        expect(distinctN(texts, n)).toBe(total === 0 ? null : new Set(lists.flat()).size / total);
      }),
    );
  });
});

test('distinctN counts over all texts together', () => {
  expect(
    distinctN(
      [
        [1, 2, 3],
        [1, 2, 3],
      ],
      1,
    ),
  ).toBe(3 / 6);
  expect(
    distinctN(
      [
        [1, 2, 3],
        [1, 2, 4],
      ],
      2,
    ),
  ).toBe(3 / 4);
});

test('diversity multiplies what is not repeated', () => {
  // 1 2 1 2 1: bigrams 2 of 4, trigrams 2 of 3, 4-grams 2 of 2.
  expect(diversity([[1, 2, 1, 2, 1]])).toBeCloseTo((2 / 4) * (2 / 3), 12);
  expect(diversity([[1, 2, 3]])).toBeNull();
});
