import fc from 'fast-check';
import { addon } from '../../lib/addon.ts';
import { naiveNoRepeatNgram } from './blocker-references.ts';

const banned = (history: number[], ngramSize: number): number[] =>
  [...new Set(addon().noRepeatNgramBanned(Int32Array.from(history), ngramSize))].sort((a, b) => a - b);

describe('noRepeatNgramBanned', () => {
  test.each([
    [[1, 2, 3, 1, 2], 3, [3]],
    [[1, 2, 3, 1, 2, 4, 1, 2], 3, [3, 4]],
    [[1, 2, 3], 1, [1, 2, 3]],
    [[1, 1, 1], 2, [1]],
    [[1, 2], 3, []],
    [[], 2, []],
  ])('after %j with n = %i: %j', (history, ngramSize, expected) => {
    expect(banned(history, ngramSize)).toEqual(expected);
  });

  test('equals the array version on random histories', () => {
    const histories = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 40 });
    fc.assert(
      fc.property(histories, fc.integer({ min: 1, max: 6 }), (history, ngramSize) => {
        expect(banned(history, ngramSize)).toEqual(naiveNoRepeatNgram(history, ngramSize));
      }),
      { numRuns: 500 },
    );
  });
});
