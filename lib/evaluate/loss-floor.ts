import { IGNORE_INDEX, rowIds, type Row } from '../data/batch.ts';

/** Sequences that agree in their first `depth` tokens. */
interface Group {
  rows: readonly Row[];
  depth: number;
}

/**
 * The least mean loss, nats per predicted token, that any causal model can have on these sequences: that of the model which knows how often
 * each token follows each beginning. For n different sequences of T tokens with one first token it is ln(n) / (T - 1); every
 * beginning that tells sequences apart lowers it. Null without a predicted token.
 * Source: chain rule of the empirical entropy; targets that do not count are left out.
 *
 * @example
 * trainingLossFloor([Int32Array.of(1, 2, 3), Int32Array.of(1, 4, 5)]); // 0.347 = ln 2 / 2: nobody can know which of the two it is
 */
export function trainingLossFloor(sequences: readonly Row[]): number | null {
  const tokens = sequences.reduce(
    (sum, row) => sum + rowIds(row).reduce((count, _, at) => count + (targetAt(row, at) === undefined ? 0 : 1), 0),
    0,
  );
  if (tokens === 0) return null;
  let loss = 0;
  const groups = partition(sequences, 0);
  for (let group = groups.pop(); group !== undefined; group = groups.pop()) {
    loss += choiceLoss(group);
    groups.push(...partition(group.rows, group.depth));
  }
  return loss / tokens;
}

/** By the token at `depth`; a sequence without companions has nothing left to choose. */
function partition(rows: readonly Row[], depth: number): Group[] {
  const byToken = new Map<number, Row[]>();
  for (const row of rows) {
    const token = rowIds(row)[depth];
    if (token === undefined) continue;
    const members = byToken.get(token);
    if (members === undefined) byToken.set(token, [row]);
    else members.push(row);
  }
  return [...byToken.values()].filter(({ length }) => length > 1).map((members) => ({ rows: members, depth: depth + 1 }));
}

/** What the choice of the next token after a common beginning costs at least, summed over the group. */
function choiceLoss({ rows, depth }: Group): number {
  const counts = new Map<number, number>();
  for (const row of rows) {
    const target = targetAt(row, depth - 1);
    if (target !== undefined) counts.set(target, (counts.get(target) ?? 0) + 1);
  }
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  return [...counts.values()].reduce((sum, count) => sum - count * Math.log(count / total), 0);
}

/** The id to be predicted after position `at`, undefined where none counts. */
function targetAt(row: Row, at: number): number | undefined {
  const target = 'ids' in row && row.targets !== undefined ? row.targets[at] : rowIds(row)[at + 1];
  return target === IGNORE_INDEX ? undefined : target;
}
