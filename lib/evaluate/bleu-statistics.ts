import { HyperfitError } from '../errors.ts';
import { countEach, NgramNumbers, type Tokens } from './ngrams.ts';

/** What BLEU adds up over segments. Index 0 of `matches` and `totals` is for unigrams. */
export interface BleuStatistics {
  /** N-grams of the hypothesis found in a reference, each counted at most as often as in the one reference that has it most. */
  matches: number[];
  totals: number[];
  hypothesisLength: number;
  referenceLength: number;
}

export function emptyStatistics(maxOrder: number): BleuStatistics {
  const zeros = (): number[] => new Array<number>(maxOrder).fill(0);
  return { matches: zeros(), totals: zeros(), hypothesisLength: 0, referenceLength: 0 };
}

export function addStatistics(left: BleuStatistics, right: BleuStatistics): BleuStatistics {
  return {
    matches: left.matches.map((count, index) => count + right.matches[index]!),
    totals: left.totals.map((count, index) => count + right.totals[index]!),
    hypothesisLength: left.hypothesisLength + right.hypothesisLength,
    referenceLength: left.referenceLength + right.referenceLength,
  };
}

/**
 * @throws HyperfitError ERR_DATA without a reference
 */
export function segmentStatistics(hypothesis: Tokens, references: readonly Tokens[], maxOrder: number): BleuStatistics {
  if (references.length === 0)
    throw new HyperfitError('ERR_DATA', 'expected at least one reference for `references`, got none; BLEU compares');
  const numbers = new NgramNumbers();
  const statistics = emptyStatistics(maxOrder);
  statistics.hypothesisLength = hypothesis.length;
  statistics.referenceLength = nearestLength(
    references.map((reference) => reference.length),
    hypothesis.length,
  );
  for (let order = 1; order <= maxOrder; order += 1) {
    const counts = countEach(numbers.of(hypothesis, order));
    const limits = references.map((reference) => countEach(numbers.of(reference, order)));
    statistics.matches[order - 1] = clippedMatches(counts, limits);
    statistics.totals[order - 1] = Math.max(0, hypothesis.length - order + 1);
  }
  return statistics;
}

function clippedMatches(counts: Map<number, number>, limits: readonly Map<number, number>[]): number {
  let matches = 0;
  for (const [gram, count] of counts) {
    matches += Math.min(
      count,
      limits.reduce((most, limit) => Math.max(most, limit.get(gram) ?? 0), 0),
    );
  }
  return matches;
}

/** The length nearest to `target`; the shorter one when two are equally near. */
export function nearestLength(lengths: readonly number[], target: number): number {
  return lengths.reduce((best, length) => {
    const difference = Math.abs(length - target) - Math.abs(best - target);
    return difference < 0 || (difference === 0 && length < best) ? length : best;
  });
}
