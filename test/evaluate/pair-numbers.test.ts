import fc from 'fast-check';
import { NgramNumbers } from '../../lib/evaluate/ngrams.ts';
import { PairNumbers } from '../../lib/evaluate/pair-numbers.ts';

describe('PairNumbers', () => {
  test('numbers pairs as a dictionary of strings does', () => {
    const anyNumber = fc.oneof(fc.nat(3), fc.integer({ min: 0, max: 2 ** 31 - 1 }));
    fc.assert(
      fc.property(fc.array(fc.tuple(anyNumber, anyNumber), { maxLength: 300 }), (pairs) => {
        const [numbers, known] = [new PairNumbers(), new Map<string, number>()];
        for (const [left, right] of pairs) {
          const key = `${left} ${right}`;
          if (!known.has(key)) known.set(key, known.size);
          expect(numbers.of(left, right)).toBe(known.get(key));
        }
        expect(numbers.size).toBe(known.size);
      }),
    );
  });

  test('keeps its numbers while it grows', () => {
    const numbers = new PairNumbers();
    for (const round of [0, 1]) for (let at = 0; at < 5000; at += 1) expect([round, numbers.of(at % 71, at)]).toEqual([round, at]);
  });
});

test('n-grams count order by order', () => {
  const numbers = new NgramNumbers();
  numbers.of(['a', 'b', 'a', 'b', 'c'], 3);
  expect([1, 2, 3, 4].map((n) => numbers.distinct(n))).toEqual([3, 3, 3, 0]);
});
