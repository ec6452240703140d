import type { LikelihoodCellResult } from './cell-results.ts';
import type { Part } from './measured.ts';

/** Per sequence, at how many of its predicted tokens two models have the same first choice. Both must have seen the same sequences. */
export function agreementParts(left: LikelihoodCellResult, right: LikelihoodCellResult): Part[] {
  let at = 0;
  return left.sums.tokens.map((count) => {
    let sum = 0;
    for (let end = at + count; at < end; at += 1) sum += left.top1Ids[at] === right.top1Ids[at] ? 1 : 0;
    return { sum, count };
  });
}
