import fc from 'fast-check';
import { earlierOccurrences, shadeOf } from '../../lib/report/repeated-spans.ts';

/** Straight from the definition: for each trigram around a token, count equal ones that start earlier. */
function naive(ids: readonly number[]): number[] {
  const gram = (start: number): string => ids.slice(start, start + 3).join();
  const earlier = (start: number): number => ids.slice(0, start).filter((_, before) => gram(before) === gram(start)).length;
  return ids.map((_, at) => Math.max(0, ...[at - 2, at - 1, at].filter((start) => start >= 0 && start + 3 <= ids.length).map(earlier)));
}

describe('earlierOccurrences', () => {
  test('counts how often the run around a token was there before', () => {
    expect(earlierOccurrences([1, 2, 3, 4, 1, 2, 3, 5, 1, 2, 3])).toEqual([0, 0, 0, 0, 1, 1, 1, 0, 2, 2, 2]);
    expect(earlierOccurrences([1, 2])).toEqual([0, 0]);
    expect(earlierOccurrences([])).toEqual([]);
  });

  test('equals the definition', () => {
    fc.assert(fc.property(fc.array(fc.nat(2), { maxLength: 30 }), (ids) => expect(earlierOccurrences(ids)).toEqual(naive(ids))));
  });
});

test('shadeOf grows with the count', () => {
  expect([0, 1, 2, 3, 5, 6, 50].map(shadeOf)).toEqual([0, 1, 2, 3, 3, 4, 4]);
});
