import { PackedIds } from '../../lib/data/packed-ids.ts';

test('arrays keep their numbers, and short ones share memory', () => {
  const packed = new PackedIds();
  const given = Array.from({ length: 5000 }, (_, index) => Int32Array.from({ length: index % 40 }, (_, at) => index * at));
  const kept = given.map((ids) => packed.pack(ids));
  expect(kept).toEqual(given);
  expect(new Set(kept.map(({ buffer }) => buffer)).size).toBeLessThan(20);
});

test('a long array is not copied', () => {
  const long = new Int32Array(100_000);
  expect(new PackedIds().pack(long)).toBe(long);
});
