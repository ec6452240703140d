import { concludeRanks, writtenRanks } from './rank-findings.ts';
import { planRanks } from './rank-plan.ts';
import type { Study } from './study.ts';

/** E15, not in the paper. */
export const rank: Study = {
  name: 'rank',
  title: 'Hyperfitting as a patch of low rank (E15, not in the paper)',
  question:
    'How much of what hyperfitting changes is needed to end the loops? The update of each matrix is cut to its first singular values and added to the original model.',
  plan: planRanks,
  conclude: concludeRanks,
  written: writtenRanks,
};
