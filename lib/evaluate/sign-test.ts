import { HyperfitError } from '../errors.ts';

/** A two-sided sign test; ties are left out. */
export interface SignTest {
  /** Pairs in which the first is better, in which the second is, and ties, which say nothing about direction. */
  wins: number;
  /** Pairs for the second. */
  losses: number;
  /** Pairs for neither. */
  ties: number;
  /** Two-sided exact probability, under equal chances, of a split at least as uneven; 1 without wins and losses. */
  p: number;
}

/** How the test was made, for a table. */
export const SIGN_TEST_SIGNATURE = 'sign-test|exact|two-sided|ties:dropped';

/**
 * Exact sign test of `differences`, one for each independent pair: positive where the first is better, 0 for a tie. Source: Dixon and Mood
 * 1946; with p = 1/2 the two-sided binomial test is twice the smaller tail.
 * @throws HyperfitError ERR_DATA for a difference that is not a number
 *
 * @example
 * const { p } = signTest([1, 1, 0, 1, -1, 1]);
 */
export function signTest(differences: readonly number[]): SignTest {
  const bad = differences.find((difference) => Number.isNaN(difference));
  if (bad !== undefined) throw new HyperfitError('ERR_DATA', 'expected numbers for `differences`, got NaN; leave such pairs out');
  const wins = differences.filter((difference) => difference > 0).length;
  const losses = differences.filter((difference) => difference < 0).length;
  return { wins, losses, ties: differences.length - wins - losses, p: binomialTwoSided(Math.min(wins, losses), wins + losses) };
}

/**
 * Twice the probability of at most `fewer` heads in `trials` throws of a fair coin, at most 1. In logarithms: 2^-trials underflows from
 * 1075 on.
 */
function binomialTwoSided(fewer: number, trials: number): number {
  let logTerm = -trials * Math.LN2;
  let sum = Math.exp(logTerm);
  for (let heads = 1; heads <= fewer; heads += 1) {
    logTerm += Math.log(trials - heads + 1) - Math.log(heads);
    sum += Math.exp(logTerm);
  }
  return Math.min(1, 2 * sum);
}
