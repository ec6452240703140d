import { packageVersion } from '../libtorch/package-root.ts';

/**
 * What a number is, in sacrebleu's manner: the formula, the facts of this measurement, and the version that made it, as in
 * `ttr|unit:token-ids|window:last-96|context:excluded|n:32|hyperfit:0.1.0`.
 *
 * @example
 * signNumber('ttr|unit:token-ids', { n: 32 }); // ttr|unit:token-ids|n:32|hyperfit:...
 */
export function signNumber(formula: string, facts: Readonly<Record<string, string | number>> = {}): string {
  const parts = Object.entries(facts).map(([name, value]) => `${name}:${value}`);
  return [formula, ...parts, `hyperfit:${packageVersion()}`].join('|');
}

const TEACHER_FORCED = 'positions:predicted-tokens|mean:tokens|teacher-forced';

/** Formulas of the teacher-forced metrics, each by itself; those of texts are beside their functions. */
export const LIKELIHOOD_FORMULAS = {
  loss: `loss|unit:nats|${TEACHER_FORCED}`,
  perplexity: `perplexity|exp-of:mean-loss|${TEACHER_FORCED}`,
  entropy: `entropy|unit:nats|vocabulary:full|${TEACHER_FORCED}`,
  top1Mass: `top-k-mass|k:1|${TEACHER_FORCED}`,
  top3Mass: `top-k-mass|k:3|${TEACHER_FORCED}`,
  top5Mass: `top-k-mass|k:5|${TEACHER_FORCED}`,
  top1Accuracy: `top-1-accuracy|${TEACHER_FORCED}`,
  agreement: `top-1-agreement|${TEACHER_FORCED}`,
} as const;
