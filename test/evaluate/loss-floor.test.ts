import { IGNORE_INDEX } from '../../lib/data/batch.ts';
import { Random } from '../../lib/data/random.ts';
import { trainingLossFloor } from '../../lib/evaluate/loss-floor.ts';

/** The mean loss of the table of next-token frequencies of every beginning, made the obvious way. */
function tabulated(sequences: readonly Int32Array[]): number {
  const counts = new Map<string, number>();
  const beginnings = sequences.flatMap((ids) =>
    Array.from(ids)
      .slice(1)
      .map((_, at) => ids.slice(0, at + 2).join()),
  );
  const add = (key: string): unknown => counts.set(key, (counts.get(key) ?? 0) + 1);
  for (const beginning of beginnings) [`${beginning}`, `${beginning.slice(0, beginning.lastIndexOf(','))},?`].forEach(add);
  const losses = beginnings.map(
    (beginning) => -Math.log(counts.get(beginning)! / counts.get(`${beginning.slice(0, beginning.lastIndexOf(','))},?`)!),
  );
  return losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
}

test('n different sequences that share their first token cost ln(n) each', () => {
  const sequences = Array.from({ length: 8 }, (_, index) =>
    Int32Array.of(1, ...Array.from({ length: 15 }, (__, at) => (at === 6 ? index : 3))),
  );
  expect(trainingLossFloor(sequences)).toBeCloseTo(Math.log(8) / 15, 12);
});

test('first tokens that differ leave nothing to choose, and so do copies', () => {
  expect(trainingLossFloor([Int32Array.of(1, 2, 3), Int32Array.of(2, 2, 4), Int32Array.of(3, 5, 3)])).toBe(0);
  expect(trainingLossFloor([Int32Array.of(1, 2, 3), Int32Array.of(1, 2, 3)])).toBe(0);
});

test('is that of the table of frequencies, for ragged sequences too', () => {
  const random = new Random(5);
  const sequences = Array.from({ length: 60 }, () => Int32Array.from({ length: 1 + random.nextBelow(9) }, () => random.nextBelow(3)));
  expect(trainingLossFloor(sequences)).toBeCloseTo(tabulated(sequences), 12);
});

test('targets that do not count are left out', () => {
  const row = (second: number, third: number, learnt: number): object => ({
    ids: Int32Array.of(1, second, third),
    targets: Int32Array.of(IGNORE_INDEX, learnt, IGNORE_INDEX),
  });
  const rows = [row(2, 4, 4), row(2, 5, 5), row(3, 6, 6)] as never;
  expect(trainingLossFloor(rows)).toBeCloseTo((2 * Math.LN2) / 3, 12);
  expect(trainingLossFloor([])).toBeNull();
  expect(trainingLossFloor([Int32Array.of(1)])).toBeNull();
});
