import fc from 'fast-check';
import { meanTypeTokenRatio, ttrSignature, typeTokenRatio, typeTokenRatioByPosition } from '../../lib/evaluate/type-token-ratio.ts';

describe('typeTokenRatio', () => {
  test('counts distinct over total among the last tokens of the window', () => {
    expect(typeTokenRatio([1, 2, 1, 3])).toBe(3 / 4);
    expect(typeTokenRatio([1, 2, 3, 3, 3, 4], 4)).toBe(2 / 4);
    expect(typeTokenRatio(Int32Array.of(9, 9, 9))).toBe(1 / 3);
    expect(typeTokenRatio(['a', 'b', 'a'])).toBe(2 / 3);
  });

  test('has a window of 96', () => {
    const ids = [...new Array<number>(50).fill(7), ...Array.from({ length: 96 }, (_, id) => id % 48)];
    expect(typeTokenRatio(ids)).toBe(0.5);
  });

  test('has no value for an empty continuation, which the mean leaves out', () => {
    expect(typeTokenRatio([])).toBeNull();
    expect(meanTypeTokenRatio([[], [1, 1], [1, 2]])).toBe(0.75);
    expect(meanTypeTokenRatio([[], []])).toBeNull();
  });

  test('is signed with its window', () => {
    expect(ttrSignature(32)).toBe('ttr|unit:token-ids|window:last-32|context:excluded|mean:texts|empty:skipped');
  });
});

test('typeTokenRatioByPosition is the ratio of the text up to each position', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(5), { maxLength: 40 }), fc.integer({ min: 1, max: 12 }), (ids, window) => {
      const expected = ids.map((_, position) => typeTokenRatio(ids.slice(0, position + 1), window)!);
      expect([...typeTokenRatioByPosition(ids, window)]).toEqual(expected);
    }),
  );
});
