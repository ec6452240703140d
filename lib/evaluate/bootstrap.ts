import { Random } from '../data/random.ts';
import { HyperfitError } from '../errors.ts';

export interface BootstrapOptions {
  seed?: number;
  /** Default 2000. */
  resamples?: number;
  /** Default 0.95. */
  confidence?: number;
  /** The cluster of each value, such as its context; whole clusters are drawn. Default: every value is its own. */
  clusters?: readonly (number | string)[];
}

/** A mean and its percentile interval. */
export interface BootstrapInterval {
  mean: number;
  low: number;
  high: number;
  /** Standard deviation of the resampled means. */
  standardError: number;
}

export function bootstrapSignature(options: BootstrapOptions = {}): string {
  const { seed = 0, resamples = 2000, confidence = 0.95, clusters } = options;
  return `bootstrap|percentile|confidence:${confidence}|resamples:${resamples}|seed:${seed}|clusters:${clusters === undefined ? 'none' : 'given'}`;
}

/**
 * Percentile bootstrap of a mean, clusters drawn with replacement (values of one context are not independent). For a paired
 * comparison pass the differences. Null without values. Source: Efron and Tibshirani 1993, chapters 6 and 13; Field and Welsh 2007 for clusters.
 */
export function bootstrapMean(values: readonly number[], options: BootstrapOptions = {}): BootstrapInterval | null {
  const { seed = 0, resamples = 2000, confidence = 0.95 } = options;
  if (values.length === 0) return null;
  const clusters = clusterSums(values, options.clusters);
  const means = resampleMeans(clusters, resamples, seed);
  const tail = (1 - confidence) / 2;
  return {
    mean: values.reduce((sum, value) => sum + value, 0) / values.length,
    low: quantile(means, tail),
    high: quantile(means, 1 - tail),
    standardError: standardDeviation(means),
  };
}

/** What was added up within one cluster, and over how many items. */
export interface Cluster {
  sum: number;
  count: number;
}

/**
 * Percentile bootstrap of sum over count, whole clusters drawn: for means over tokens, with a sequence as the cluster. Null without clusters
 * or when they hold no item. Sources as for `bootstrapMean`.
 */
export function bootstrapRatio(clusters: readonly Cluster[], options: Omit<BootstrapOptions, 'clusters'> = {}): BootstrapInterval | null {
  const { seed = 0, resamples = 2000, confidence = 0.95 } = options;
  const filled = clusters.filter(({ count }) => count > 0);
  if (filled.length === 0) return null;
  const means = resampleMeans(filled, resamples, seed);
  const tail = (1 - confidence) / 2;
  return { mean: totalMean(filled), low: quantile(means, tail), high: quantile(means, 1 - tail), standardError: standardDeviation(means) };
}

/** A paired comparison: the mean difference, its interval, and the two-sided probability of one as far from 0 if there were none. */
export interface PairedDifference {
  difference: number;
  low: number;
  high: number;
  p: number;
}

export const PAIRED_SIGNATURE = 'paired-bootstrap|percentile|two-sided|p:(1+crossings)/(1+resamples)';

/**
 * Paired bootstrap of differences, one per item, whole clusters drawn. p is twice the smaller share of resampled means on either side of 0, never
 * below 2 / (resamples + 1). Null without differences. Source: Efron and Tibshirani 1993, chapter 15; Koehn 2004 for paired resampling.
 */
export function pairedBootstrap(differences: readonly number[], options: BootstrapOptions = {}): PairedDifference | null {
  const { seed = 0, resamples = 2000, confidence = 0.95 } = options;
  if (differences.length === 0) return null;
  const means = resampleMeans(clusterSums(differences, options.clusters), resamples, seed);
  const tail = (1 - confidence) / 2;
  const below = means.filter((value) => value <= 0).length;
  const above = means.filter((value) => value >= 0).length;
  return {
    difference: differences.reduce((sum, value) => sum + value, 0) / differences.length,
    low: quantile(means, tail),
    high: quantile(means, 1 - tail),
    p: Math.min(1, (2 * (1 + Math.min(below, above))) / (1 + resamples)),
  };
}

function resampleMeans(clusters: readonly Cluster[], resamples: number, seed: number): Float64Array {
  const random = new Random(seed);
  return Float64Array.from({ length: resamples }, () => resampledMean(clusters, random)).sort();
}

function totalMean(clusters: readonly Cluster[]): number {
  return clusters.reduce((total, { sum }) => total + sum, 0) / clusters.reduce((total, { count }) => total + count, 0);
}

function clusterSums(values: readonly number[], names: BootstrapOptions['clusters']): Cluster[] {
  if (names !== undefined && names.length !== values.length) {
    throw new HyperfitError('ERR_DATA', `expected one cluster for each of ${values.length} values for \`clusters\`, got ${names.length}; pair them`);
  }
  const clusters = new Map<number | string, Cluster>();
  values.forEach((value, index) => {
    const name = names?.[index] ?? index;
    const { sum, count } = clusters.get(name) ?? { sum: 0, count: 0 };
    clusters.set(name, { sum: sum + value, count: count + 1 });
  });
  return [...clusters.values()];
}

function resampledMean(clusters: readonly Cluster[], random: Random): number {
  let sum = 0;
  let count = 0;
  for (let draw = 0; draw < clusters.length; draw += 1) {
    const cluster = clusters[random.nextBelow(clusters.length)]!;
    sum += cluster.sum;
    count += cluster.count;
  }
  return sum / count;
}

/** Linear between order statistics, as NumPy's default. */
function quantile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const next = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return sorted[below]! + (place - below) * (next - sorted[below]!);
}

function standardDeviation(values: Float64Array): number {
  if (values.length < 2) return 0;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}
