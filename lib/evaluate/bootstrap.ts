import { Random } from '../data/random.ts';
import { HyperfitError } from '../errors.ts';
import { EXACT_SIGN_FLIPS, SIGN_FLIP_SIGNATURE, signFlipTest } from './sign-flip-test.ts';
import { studentUpper } from './student-t.ts';
import { normalCumulative } from './wilson.ts';

/** How many draws, which share of them an interval covers, and from which seed. */
export interface BootstrapOptions {
  /** Of every draw; the same seed gives the same draws. */
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
  /** Mean over all of them. */
  mean: number;
  /** Lower end of the interval. */
  low: number;
  /** Upper end of the interval. */
  high: number;
  /** Standard deviation of the resampled means. */
  standardError: number;
}

/**
 * How an interval was drawn, for a table.
 *
 * @example
 * bootstrapSignature({ seed: 1 }); // bootstrap|percentile-expanded|confidence:0.95|resamples:2000|seed:1|clusters:none
 */
export function bootstrapSignature(options: BootstrapOptions = {}): string {
  const { seed = 0, resamples = 2000, confidence = 0.95, clusters } = options;
  return `bootstrap|percentile-expanded|confidence:${confidence}|resamples:${resamples}|seed:${seed}|clusters:${clusters === undefined ? 'none' : 'given'}`;
}

/**
 * Percentile bootstrap of a mean, clusters drawn with replacement (values of one context are not independent). For a paired
 * comparison pass the differences. Null without values; one cluster alone has no width, which says nothing about its certainty. The
 * percentiles
 * are moved outwards as t demands, or few clusters would give too narrow an interval (8: 91 % instead of 95).
 * Sources: Efron and Tibshirani 1993, chapters 6 and 13; Field and Welsh 2007 for clusters; Hesterberg 2015, The American Statistician 69,
 * for the percentiles.
 * @throws HyperfitError ERR_DATA for `clusters` of another number than the values
 *
 * @example
 * const interval = bootstrapMean([0.61, 0.58, 0.66, 0.63, 0.6, 0.64, 0.59, 0.62]);
 * console.log(interval?.low, interval?.high);
 */
export function bootstrapMean(values: readonly number[], options: BootstrapOptions = {}): BootstrapInterval | null {
  if (values.length === 0) return null;
  const interval = intervalOf(clusterSums(values, options.clusters), options);
  return { ...interval, mean: values.reduce((sum, value) => sum + value, 0) / values.length };
}

/** What was added up within one cluster, and over how many items. */
export interface Cluster {
  /** Over its observations. */
  sum: number;
  /** How many there are. */
  count: number;
}

/**
 * Percentile bootstrap of sum over count, whole clusters drawn: for means over tokens, with a sequence as the cluster. Null without
 * clusters or when they hold no item. Sources as for `bootstrapMean`.
 *
 * @example
 * const each = (await measure(model, heldOut)).sequences();
 * const interval = bootstrapRatio(each.map(({ loss, tokenCount }) => ({ sum: loss * tokenCount, count: tokenCount })));
 * console.log(interval?.mean, interval?.low, interval?.high); // nats per token, over sequences
 */
export function bootstrapRatio(clusters: readonly Cluster[], options: Omit<BootstrapOptions, 'clusters'> = {}): BootstrapInterval | null {
  const filled = clusters.filter(({ count }) => count > 0);
  return filled.length === 0 ? null : intervalOf(filled, options);
}

function intervalOf(clusters: readonly Cluster[], { seed = 0, resamples = 2000, confidence = 0.95 }: BootstrapOptions): BootstrapInterval {
  const means = resampleMeans(clusters, resamples, seed);
  const tail = expandedTail((1 - confidence) / 2, clusters.length);
  return {
    mean: totalMean(clusters),
    low: quantile(means, tail),
    high: quantile(means, 1 - tail),
    standardError: standardDeviation(means),
  };
}

/** Resampled means spread by (n - 1) / n of what they should, and as a normal instead of t with n - 1 degrees. */
function expandedTail(tail: number, clusters: number): number {
  if (clusters < 2) return tail;
  return normalCumulative(-Math.sqrt(clusters / (clusters - 1)) * studentUpper(tail, clusters - 1));
}

/** A paired comparison: the mean difference, its interval, and the two-sided probability of one as far from 0 if there were none. */
export interface PairedDifference {
  /** Mean of first minus second. */
  difference: number;
  /** Lower end of the interval. */
  low: number;
  /** Upper end of the interval. */
  high: number;
  /** By sign flips of whole clusters. */
  p: number;
  /** Whether p is no more than an upper bound; write it with "at most" then. */
  isBound: boolean;
  /** Clusters that were compared. */
  n: number;
  /** Where there are too few of them to say much; null from 20 on. */
  warning: string | null;
}

export const PAIRED_SIGNATURE = `paired|interval:bootstrap-percentile-expanded|p:${SIGN_FLIP_SIGNATURE}`;

/**
 * Compares two variants by their differences, one per item, in whole clusters: interval by bootstrap, p by sign flips, exact up to 20
 * clusters (see
 * `signFlipTest`; a bootstrap's own p is too small there). Null without differences. Sources as for `bootstrapMean` and `signFlipTest`.
 * @throws HyperfitError ERR_DATA for `clusters` of another number than the differences, and for differences that are not finite
 *
 * @example
 * const before = [0.2, 0.25, 0.18];
 * const after = [0.61, 0.6, 0.64];
 * const difference = pairedBootstrap(after.map((value, index) => value - before[index]!));
 */
export function pairedBootstrap(differences: readonly number[], options: BootstrapOptions = {}): PairedDifference | null {
  const interval = bootstrapMean(differences, options);
  if (interval === null) return null;
  const clusters = clusterSums(differences, options.clusters);
  const { p, isBound } = signFlipTest(
    clusters.map(({ sum }) => sum),
    options.seed === undefined ? {} : { seed: options.seed },
  )!;
  return {
    difference: interval.mean,
    low: interval.low,
    high: interval.high,
    p,
    isBound,
    n: clusters.length,
    warning: fewPairsWarning(clusters.length),
  };
}

/**
 * What a comparison of so few pairs cannot show, in words: with `pairs` signs to flip no p is below 2 / 2^pairs. Null from 20 pairs on.
 *
 * @example
 * fewPairsWarning(5); // 5 pairs are few: only large differences show, and no p can be below 0.063; take 20 or more
 */
export function fewPairsWarning(pairs: number, what = 'pairs'): string | null {
  if (pairs >= EXACT_SIGN_FLIPS) return null;
  const least = 2 / 2 ** pairs;
  return `${pairs} ${what} are few: only large differences show, and no p can be below ${least < 0.001 ? least.toExponential(0) : least.toPrecision(2)}; take ${EXACT_SIGN_FLIPS} or more`;
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
    throw new HyperfitError(
      'ERR_DATA',
      `expected one cluster for each of ${values.length} values for \`clusters\`, got ${names.length}; pair them`,
    );
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
