import fc from 'fast-check';
import { sortSuffixes } from '../../lib/evaluate/induced-sorting.ts';
import { OverlapIndex } from '../../lib/evaluate/overlap.ts';

const anyIds = (minLength: number): fc.Arbitrary<Int32Array> =>
  fc.array(fc.nat(3), { minLength, maxLength: 24 }).map((ids) => Int32Array.from(ids));

/** Every pair of starting places, one token at a time. */
function naiveLongest(continuation: Int32Array, train: readonly Int32Array[]): number {
  let best = 0;
  for (const ids of train) {
    for (let start = 0; start < continuation.length; start += 1) {
      for (let offset = 0; offset < ids.length; offset += 1) {
        let length = 0;
        while (
          start + length < continuation.length &&
          offset + length < ids.length &&
          continuation[start + length] === ids[offset + length]
        )
          length += 1;
        best = Math.max(best, length);
      }
    }
  }
  return best;
}

describe('OverlapIndex', () => {
  test('finds the longest span of any one sequence, and where it stands', () => {
    fc.assert(
      fc.property(anyIds(0), fc.array(anyIds(0), { maxLength: 6 }), (continuation, train) => {
        const { length, start, sequence, offset } = new OverlapIndex(train).longest(continuation);
        expect(length).toBe(naiveLongest(continuation, train));
        if (length === 0) expect([sequence, offset]).toEqual([-1, -1]);
        else expect(train[sequence]!.slice(offset, offset + length)).toEqual(continuation.slice(start, start + length));
      }),
    );
  });

  test('finds it, and the first of several, in long texts as well', () => {
    const anyText = fc.array(fc.nat(2), { minLength: 20, maxLength: 120 }).map((ids) => Int32Array.from(ids));
    fc.assert(
      fc.property(anyText, fc.array(anyText, { minLength: 1, maxLength: 3 }), (continuation, train) => {
        const { length, start } = new OverlapIndex(train).longest(continuation);
        expect(length).toBe(naiveLongest(continuation, train));
        expect(naiveLongest(continuation.subarray(0, start + length - 1), train)).toBeLessThan(length);
      }),
      { numRuns: 300 },
    );
  });

  test('does not run from one sequence into the next', () => {
    const index = new OverlapIndex([Int32Array.of(1, 2, 3), Int32Array.of(4, 5, 6)]);
    expect(index.longest(Int32Array.of(2, 3, 4, 5, 6))).toEqual({ length: 3, start: 2, sequence: 1, offset: 0 });
  });

  test('summarizes', () => {
    const train = [Int32Array.from({ length: 20 }, (_, id) => id)];
    const summary = new OverlapIndex(train).summarize([
      train[0]!.slice(3, 14),
      train[0]!.slice(0, 10),
      Int32Array.of(99),
      new Int32Array(),
    ]);
    expect(summary).toMatchObject({ mean: 21 / 4, max: 11, shareOver10: 1 / 4 });
    expect(summary.histogram).toEqual([2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
    expect(summary.overlaps[0]).toEqual({ length: 11, start: 0, sequence: 0, offset: 3 });
  });

  test('has nothing to say of no continuations, and finds nothing in no sequences', () => {
    expect(new OverlapIndex([]).summarize([])).toEqual({ mean: null, max: null, shareOver10: null, histogram: [], overlaps: [] });
    expect(new OverlapIndex([]).longest(Int32Array.of(1, 2)).length).toBe(0);
  });

  test('copes with many equal sequences', () => {
    const ids = new Int32Array(64).fill(5);
    expect(new OverlapIndex(new Array<Int32Array>(200).fill(ids)).longest(new Int32Array(96).fill(5)).length).toBe(64);
  });

  test('refuses ids that no vocabulary has', () => {
    for (const id of [-1, 2 ** 24]) expect(() => new OverlapIndex([Int32Array.of(1, id)])).toThrow(`got ${id}`);
  });
});

describe('sortSuffixes', () => {
  /** Symbols from 1 on and a last 0. */
  const anyText = fc
    .tuple(fc.integer({ min: 1, max: 5 }), fc.array(fc.nat(1000), { maxLength: 200 }))
    .map(([greatest, draws]) => Int32Array.of(...draws.map((draw) => 1 + (draw % greatest)), 0));

  function naivelySorted(text: Int32Array): Int32Array {
    const below = (left: number, right: number): number => {
      let length = 0;
      while (left !== right && text[left + length] === text[right + length]) length += 1;
      return text[left + length]! - text[right + length]!;
    };
    return Int32Array.from(text.keys()).sort(below);
  }

  test('sorts as comparing every two suffixes does, few symbols and long repeats among them', () => {
    fc.assert(
      fc.property(anyText, (text) => expect(sortSuffixes(text, 6)).toEqual(naivelySorted(text))),
      { numRuns: 500 },
    );
    const repeated = Int32Array.of(...Array.from({ length: 600 }, (_, at) => 1 + Number(at % 7 === 3) + Number(at % 21 === 5)), 0);
    expect(sortSuffixes(repeated, 4)).toEqual(naivelySorted(repeated));
  });

  test('sorts a large alphabet of which little occurs', () => {
    const text = Int32Array.of(90_000, 7, 90_000, 7, 90_000, 8, 0);
    expect(sortSuffixes(text, 90_001)).toEqual(naivelySorted(text));
  });

  test('has nothing to sort in no text', () => {
    expect(sortSuffixes(new Int32Array(), 0)).toEqual(new Int32Array());
  });
});
