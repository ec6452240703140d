import { HyperfitError } from '../errors.ts';

/** Agreement of readers beyond chance (Fleiss 1971). */
export interface FleissKappa {
  /** 1 is full agreement, 0 what chance gives; null when every answer is the same, so that chance alone agrees fully. */
  kappa: number | null;
  /** Share of pairs of answers to one item that agree, mean over items. */
  observed: number;
  /** The same share if answers were drawn from the pooled ones. */
  expected: number;
  /** Items with two answers or more, and their answers; others say nothing about agreement. */
  items: number;
  /** How many answers were counted. */
  answers: number;
}

/** How agreement was computed, for a table. */
export const FLEISS_KAPPA_SIGNATURE = 'fleiss-kappa|items:two-answers-or-more|pooled-categories|unweighted';

/**
 * Agreement beyond chance. `counts[item][category]` says how many gave that answer; items may have unequal numbers of answers (pairs are
 * counted within an item, categories pooled over all answers), and with equal ones this is the formula of Fleiss 1971, Psychological
 * Bulletin 76. Null when no item has two answers.
 * @throws HyperfitError ERR_DATA for rows of unequal length or counts that are not whole
 *
 * @example
 * fleissKappa([[3, 0], [2, 1], [0, 3]])?.kappa; // 0.55: three items, each answered by three readers with one of two answers
 */
export function fleissKappa(counts: readonly (readonly number[])[]): FleissKappa | null {
  checkCounts(counts);
  const rated = counts.filter((row) => sum(row) >= 2);
  if (rated.length === 0) return null;
  const answers = sum(rated.map(sum));
  const observed = sum(rated.map(agreement)) / rated.length;
  const expected = sum(rated[0]!.map((_, category) => (sum(rated.map((row) => row[category]!)) / answers) ** 2));
  return { kappa: expected === 1 ? null : (observed - expected) / (1 - expected), observed, expected, items: rated.length, answers };
}

/** Ordered pairs of answers that agree, over all ordered pairs. */
function agreement(row: readonly number[]): number {
  const total = sum(row);
  return sum(row.map((count) => count * (count - 1))) / (total * (total - 1));
}

function checkCounts(counts: readonly (readonly number[])[]): void {
  const width = counts[0]?.length ?? 0;
  const isSound = counts.every((row) => row.length === width && row.every((count) => Number.isInteger(count) && count >= 0));
  if (!isSound)
    throw new HyperfitError(
      'ERR_DATA',
      'expected whole counts, one for each category, in every row of `counts`, got others; count the answers of each item again',
    );
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
