import { HyperfitError } from '../errors.ts';

/** A share of a count and the bounds of its interval, all in [0, 1]. */
export interface ProportionInterval {
  /** From 0 to 1. */
  share: number;
  /** Lower end of the interval. */
  low: number;
  /** Upper end of the interval. */
  high: number;
}

/**
 * How the interval was made, for a table.
 *
 * @example
 * wilsonSignature(); // wilson|confidence:0.95|continuity-correction:no
 */
export function wilsonSignature(confidence = 0.95): string {
  return `wilson|confidence:${confidence}|continuity-correction:no`;
}

/**
 * Wilson's score interval of a binomial share; it takes every trial as independent, and keeps a width at 0 and at 1. Null without trials.
 * Source: Wilson 1927, Journal of the American Statistical Association 22.
 * @throws HyperfitError ERR_DATA for counts that no experiment can have, ERR_CONFIG for a `confidence` of 1 or more
 *
 * @example
 * wilsonInterval(6, 8); // { share: 0.75, low: 0.41, high: 0.93 }, rounded
 */
export function wilsonInterval(successes: number, trials: number, confidence = 0.95): ProportionInterval | null {
  checkCounts(successes, trials);
  if (trials === 0) return null;
  const z = normalQuantile(0.5 + confidence / 2);
  const share = successes / trials;
  const widening = (z * z) / trials;
  const centre = (share + widening / 2) / (1 + widening);
  const half = (z / (1 + widening)) * Math.sqrt((share * (1 - share)) / trials + widening / (4 * trials));
  return { share, low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}

function checkCounts(successes: number, trials: number): void {
  if (Number.isInteger(successes) && Number.isInteger(trials) && successes >= 0 && successes <= trials) return;
  throw new HyperfitError(
    'ERR_DATA',
    `expected whole numbers with 0 <= \`successes\` <= \`trials\`, got ${successes} of ${trials}; count again`,
  );
}

/**
 * The z below which a standard normal falls with this probability, by Newton's method from the middle.
 * @throws HyperfitError ERR_CONFIG for a probability within 1e-9 of 0 or 1, or beyond
 *
 * @example
 * normalQuantile(0.975); // 1.96, rounded
 */
export function normalQuantile(probability: number): number {
  if (!(probability > 1e-9 && probability < 1 - 1e-9)) {
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected a probability strictly between 0 and 1 for \`confidence\`, got one that needs the quantile of ${probability}; 0.95 is usual`,
    );
  }
  let z = 0;
  for (let step = 0; step < 100; step += 1) {
    const change = (probability - normalCumulative(z)) / normalDensity(z);
    // Far from the middle the density is small and a full step would overshoot.
    z += Math.max(-1, Math.min(1, change));
    if (Math.abs(change) < 1e-14) break;
  }
  return z;
}

const normalDensity = (z: number): number => Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);

/**
 * Probability below z: 1/2 + density * (z + z^3 / 3 + z^5 / (3 * 5) + ...), exact to rounding for |z| below 6 or so. Source: Marsaglia
 * 2004.
 */
export function normalCumulative(z: number): number {
  let term = z;
  let sum = z;
  for (let odd = 3; Math.abs(term) > 1e-17 * Math.abs(sum); odd += 2) {
    term *= (z * z) / odd;
    sum += term;
  }
  return 0.5 + normalDensity(z) * sum;
}
