// Engines that compute in float32 must write the same ids. Where one parts from ours, the two ids must have had nearly the
// same score: sums in another order may then choose either, and the rows are no longer the same text.
import { contender, runOnce } from './rounds.mjs';

const NEAR_TIE = 1e-2;

/** For each other engine: rows, identical rows, and for each parting row after how many ids and at which difference of scores. */
export async function checkAgreement({ weights, tokens, batch }, reference, others) {
  const found = [];
  for (const { name, ids } of others) {
    const partings = findPartings(reference, ids);
    const gaps =
      partings.length === 0
        ? []
        : (await runOnce(contender(`partings from ${name}`, 'parting.mjs', { weights, tokens, batch, partings }))).gaps;
    const worst = Math.max(0, ...gaps);
    if (worst > NEAR_TIE)
      throw new Error(`${name} parts from hyperfit in row ${partings[gaps.indexOf(worst)].row} where the scores are ${worst} apart`);
    found.push({
      name,
      rows: ids.length,
      identical: ids.length - partings.length,
      nearTies: partings.map(({ row, shared }, index) => ({ row, after: shared.length, gap: gaps[index] })),
    });
  }
  return found;
}

function findPartings(reference, ids) {
  return reference.flatMap((ours, row) => {
    const at = ours.findIndex((id, index) => id !== ids[row][index]);
    return at < 0 ? [] : [{ row, shared: ours.slice(0, at), ours: ours[at], theirs: ids[row][at] }];
  });
}

export function renderAgreement({ name, rows, identical, nearTies }) {
  const ties = nearTies.map(({ row, after, gap }) => `row ${row} after ${after} ids at a difference of ${gap.toExponential(1)}`);
  return `float32 ids equal to those of ${name} in ${identical} of ${rows} rows${ties.length > 0 ? `; near ties: ${ties.join(', ')}` : ''}`;
}
