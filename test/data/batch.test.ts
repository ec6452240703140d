import fc from 'fast-check';
import { batches, IGNORE_INDEX, makeBatch, targetCount } from '../../lib/data/batch.ts';
import { epochOrder } from '../../lib/data/order.ts';

const anySequences = fc.array(
  fc.array(fc.nat(1000), { minLength: 1, maxLength: 12 }).map((ids) => Int32Array.from(ids)),
  { minLength: 1, maxLength: 20 },
);

describe('makeBatch', () => {
  test('shifts targets and pads on the right', () => {
    const batch = makeBatch([Int32Array.of(5, 6, 7, 8), Int32Array.of(1, 2)], 99);
    expect(batch).toEqual({
      tokens: Int32Array.of(5, 6, 7, 8, 1, 2, 99, 99),
      targets: Int32Array.of(6, 7, 8, IGNORE_INDEX, 2, IGNORE_INDEX, IGNORE_INDEX, IGNORE_INDEX),
      batchSize: 2,
      sequenceLength: 4,
    });
    expect(targetCount(batch)).toBe(4);
  });

  test('refuses nothing and empty sequences', () => {
    expect(() => makeBatch([])).toThrow(expect.objectContaining({ code: 'ERR_DATA' }));
    expect(() => makeBatch([Int32Array.of(1), new Int32Array()])).toThrow('index 1');
  });
});

describe('batches', () => {
  test('hold every token of every sequence once, in the given order', () => {
    fc.assert(
      fc.property(anySequences, fc.integer({ min: 1, max: 7 }), fc.integer(), (sequences, batchSize, seed) => {
        const order = epochOrder({ kind: 'shuffle' }, sequences.length, { seed, epoch: 0 });
        const rows = [...batches(sequences, { batchSize, order, padId: 1 })].flatMap((batch) =>
          Array.from(batch.indices, (index, row) => {
            const start = row * batch.sequenceLength;
            const { length } = sequences[index]!;
            expect(batch.targets.slice(start + length - 1, start + batch.sequenceLength).every((target) => target === IGNORE_INDEX)).toBe(
              true,
            );
            return { index, ids: batch.tokens.slice(start, start + length) };
          }),
        );
        expect(rows.map(({ index }) => index)).toEqual([...order]);
        for (const { index, ids } of rows) expect(ids).toEqual(sequences[index]);
      }),
    );
  });

  test('leave the last small one out on request, and can start later', () => {
    const sequences = [1, 2, 3, 4, 5].map((id) => Int32Array.of(id, id));
    const indices = (options: { dropLast?: boolean; start?: number }): number[][] =>
      [...batches(sequences, { batchSize: 2, ...options })].map((batch) => [...batch.indices]);
    expect(indices({})).toEqual([[0, 1], [2, 3], [4]]);
    expect(indices({ dropLast: true })).toEqual([
      [0, 1],
      [2, 3],
    ]);
    expect(indices({ start: 1 })).toEqual([[2, 3], [4]]);
  });

  test.each([0, -1, 1.5, NaN])('refuse a batch size of %p', (batchSize) => {
    expect(() => [...batches([Int32Array.of(1)], { batchSize })]).toThrow(expect.objectContaining({ code: 'ERR_CONFIG' }));
  });
});
