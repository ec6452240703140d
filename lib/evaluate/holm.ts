import { HyperfitError } from '../errors.ts';

/** How p values were corrected, for a table. */
export const HOLM_SIGNATURE = 'holm|step-down';

/**
 * Probabilities of several tests, adjusted so that rejecting below a level errs anywhere with at most that probability, in the order given.
 * Throws
 * ERR_DATA for a value outside [0, 1]. Source: Holm 1979: the k-th smallest of m is multiplied by m - k + 1, never below the one before, at
 * most 1.
 *
 * @example
 * holm([0.01, 0.04, 0.03]); // 0.03, 0.06, 0.06
 */
export function holm(probabilities: readonly number[]): number[] {
  const bad = probabilities.find((p) => !(p >= 0 && p <= 1));
  if (bad !== undefined)
    throw new HyperfitError('ERR_DATA', `expected probabilities from 0 to 1 for \`probabilities\`, got ${bad}; give p-values`);
  const order = probabilities.map((_, index) => index).sort((a, b) => probabilities[a]! - probabilities[b]!);
  const adjusted = new Array<number>(probabilities.length);
  let least = 0;
  order.forEach((index, rank) => {
    least = Math.max(least, Math.min(1, probabilities[index]! * (probabilities.length - rank)));
    adjusted[index] = least;
  });
  return adjusted;
}
