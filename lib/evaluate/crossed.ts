import { HyperfitError } from '../errors.ts';
import type { Cluster } from './bootstrap.ts';
import { studentTail, studentUpper } from './student-t.ts';

/** A mean over runs (seeds) that all measured the same clusters (contexts), with its uncertainty from both. */
export interface CrossedMean {
  /** Mean over all of them. */
  mean: number;
  /** Lower end of the interval. */
  low: number;
  /** Upper end of the interval. */
  high: number;
  /** Two-sided probability of a mean as far from 0 if there were none, over other seeds and other contexts. */
  p: number;
  /** Of the mean, from the spread of the clusters and from that of the seeds. */
  standardErrors: { clusters: number; seeds: number };
}

/** How the interval over contexts and seeds was made, for a table. */
export const CROSSED_SIGNATURE = 'crossed:contexts-x-seeds|t:cochran';

/**
 * Interval and test of sum over count where every run (`runs[run][cluster]`) has met the same clusters, so that runs and clusters are
 * crossed: both are samples, of seeds and of contexts. The squared errors of the two levels add up, and the quantile lies between those of
 * t with (clusters - 1) and (runs - 1) degrees of freedom, in proportion to them. Two or three seeds cannot be resampled (a crossed
 * bootstrap covers 60 to 85 % where seeds differ); this covers 94 % or more, at the price of a wide interval for two seeds. Null when
 * nothing was counted or there are fewer than two runs or clusters: without a second seed nothing says how far seeds lie apart. Sources:
 * Owen 2007 (crossed variance); Cochran 1964, Biometrics 20 (the quantile); a ratio by its linear terms, Cochran 1977, section 6.
 * @throws HyperfitError ERR_DATA for runs of different clusters
 *
 * @example
 * const seeds = [[0.4, 0.5, 0.45], [0.42, 0.55, 0.41]]; // TTR of the same three contexts after two trainings
 * const interval = crossedMean(seeds.map((run) => run.map((ttr) => ({ sum: ttr, count: 1 }))));
 * console.log(interval?.mean, interval?.low, interval?.high); // 0.455, 0.295, 0.615, rounded
 */
export function crossedMean(runs: readonly (readonly Cluster[])[], confidence = 0.95): CrossedMean | null {
  const parts = linearTerms(runs);
  if (parts === null) return null;
  const { mean, terms } = parts;
  const bySeed = terms.map((row) => average(row));
  const byCluster = terms[0]!.map((_, cluster) => average(terms.map((row) => row[cluster]!)));
  const levels = [levelOf(byCluster), levelOf(bySeed)] as const;
  const half = criticalValue(levels, (1 - confidence) / 2);
  return {
    mean,
    low: mean - half,
    high: mean + half,
    p: probabilityOf(levels, mean),
    standardErrors: { clusters: Math.sqrt(levels[0].variance), seeds: Math.sqrt(levels[1].variance) },
  };
}

/** What a level adds to the squared error of the mean, and the degrees of freedom of that. */
interface Level {
  variance: number;
  freedom: number;
}

/** `means` have the mean 0. */
function levelOf(means: readonly number[]): Level {
  const freedom = means.length - 1;
  return { variance: means.reduce((sum, value) => sum + value * value, 0) / (freedom * means.length), freedom };
}

/** Half the width of the interval with this much probability beyond either end. */
function criticalValue(levels: readonly Level[], tail: number): number {
  const variance = levels.reduce((sum, level) => sum + level.variance, 0);
  if (variance === 0) return 0;
  return levels.reduce((sum, level) => sum + level.variance * studentUpper(tail, level.freedom), 0) / Math.sqrt(variance);
}

/** The p at which the interval ends at 0; between those of the two levels' degrees of freedom, where it is sought. */
function probabilityOf(levels: readonly Level[], mean: number): number {
  const variance = levels.reduce((sum, level) => sum + level.variance, 0);
  if (mean === 0) return 1;
  if (variance === 0) return 0;
  const tails = levels.map(({ freedom }) => studentTail(Math.abs(mean) / Math.sqrt(variance), freedom));
  let [low, high] = [Math.log(Math.max(Number.MIN_VALUE, Math.min(...tails))), Math.log(Math.max(Number.MIN_VALUE, Math.max(...tails)))];
  for (let step = 0; step < 48; step += 1) {
    const middle = (low + high) / 2;
    if (criticalValue(levels, Math.exp(middle)) > Math.abs(mean)) low = middle;
    else high = middle;
  }
  return Math.min(1, 2 * Math.exp((low + high) / 2));
}

/** Per run and cluster, how far its part draws the ratio from its value: (sum - mean * count) over the mean count. */
function linearTerms(runs: readonly (readonly Cluster[])[]): { mean: number; terms: number[][] } | null {
  const size = runs[0]?.length ?? 0;
  if (runs.some((run) => run.length !== size))
    throw new HyperfitError(
      'ERR_DATA',
      `expected equally many clusters of each run for \`runs\`, got ${runs.map((run) => run.length).join(', ')}; give every seed the same contexts`,
    );
  const used = Array.from({ length: size }, (_, cluster) => cluster).filter((cluster) => runs.some((run) => run[cluster]!.count > 0));
  const all = runs.flatMap((run) => used.map((cluster) => run[cluster]!));
  const count = all.reduce((total, part) => total + part.count, 0);
  if (runs.length < 2 || used.length < 2) return null;
  const mean = all.reduce((total, part) => total + part.sum, 0) / count;
  const scale = all.length / count;
  return { mean, terms: runs.map((run) => used.map((cluster) => (run[cluster]!.sum - mean * run[cluster]!.count) * scale)) };
}

const average = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
