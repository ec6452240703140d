import { HyperfitError } from '../errors.ts';
import { clusterPoints } from './mauve-clusters.ts';
import { areaUnderCurve, CURVE_DEFAULTS, divergenceCurve, type CurveOptions, type CurvePoint } from './mauve-curve.ts';
import { MAUVE_LEAST_TEXTS } from './mauve-least-texts.ts';
import { projectFeatures, type Feature } from './mauve-projection.ts';
import { signNumber } from './signature.ts';

/** Of `mauve`. */
export interface MauveOptions extends CurveOptions {
  /** Bins of the histograms. Default: a tenth of the smaller number of texts, from 2 to 500. */
  clusters?: number;
  /** Share of the variance that the principal axes kept for the clustering hold. Default 0.9. */
  keptVariance?: number;
  /** Beginnings of the clustering, the best of which counts. Default 5. */
  restarts?: number;
  /** Of each beginning. Default 500. */
  maxIterations?: number;
  /** Of the clustering. Default 0. */
  seed?: number;
  /** What made the features, for the signature. */
  features?: string;
}

/** MAUVE (Pillutla et al. 2021) with what it was computed from. */
export interface Mauve {
  /** From near 0, for texts that share no cluster, to 1, for texts that fill all clusters alike. */
  score: number;
  /** How many texts of people. */
  humanTexts: number;
  /** How many texts of the model. */
  machineTexts: number;
  /** Of the k-means. */
  clusters: number;
  /** Principal axes kept. */
  dimensions: number;
  /** Texts of each cluster. */
  histograms: { human: number[]; machine: number[] };
  /** The divergence curve whose area it is. */
  curve: CurvePoint[];
  /** How it was computed, for a table. */
  signature: string;
}

const MOST_CLUSTERS = 500;

/** Numbers that may be set, with what they must be. */
const RULES = {
  clusters: { fits: (value: number) => Number.isInteger(value) && value >= 2, text: 'a whole number of at least 2' },
  restarts: { fits: (value: number) => Number.isInteger(value) && value >= 1, text: 'a whole number of at least 1' },
  maxIterations: { fits: (value: number) => Number.isInteger(value) && value >= 1, text: 'a whole number of at least 1' },
  mixtures: { fits: (value: number) => Number.isInteger(value) && value >= 2, text: 'a whole number of at least 2' },
  keptVariance: { fits: (value: number) => value > 0 && value <= 1, text: 'a number above 0 and up to 1' },
  scale: { fits: (value: number) => value > 0 && Number.isFinite(value), text: 'a number above 0' },
  seed: { fits: (value: number) => Number.isSafeInteger(value) && value >= 0, text: 'a whole number of at least 0' },
} as const;

/**
 * MAUVE of two sets of features, one vector a text: scaled to length 1, turned onto principal axes, quantised by k-means over both sets
 * together, and compared by the area under the divergence curve of the two histograms. It is symmetric in the sets and in [0, 1]; its value
 * depends on the number of texts, on the feature model and a little on `seed`: compare only like with like. Source: Pillutla et al. 2021
 * (NeurIPS), arXiv 2102.01454.
 * @param human one vector a text, [texts][width]; `machine` likewise, of the same width
 * @throws HyperfitError ERR_CONFIG for options; ERR_DATA for fewer than two texts of a kind and features of several widths; ERR_NOT_FINITE
 *   for features that are no numbers
 *
 * @example
 * const human = await textFeatures(featureModel, ['What a person wrote.', 'And another.']);
 * const machine = await textFeatures(featureModel, generations.map(({ text = '' }) => text));
 * const { score, signature } = mauve(human, machine, { seed: 0 });
 */
export function mauve(human: readonly Feature[], machine: readonly Feature[], options: MauveOptions = {}): Mauve {
  return mauveOfSeeds(human, machine, options, [options.seed ?? 0])[0]!;
}

/**
 * `mauve` of the same features clustered with each of `seeds`: its spread says how much of a score is the clustering's luck.
 * @throws HyperfitError as `mauve`, and ERR_CONFIG without seeds
 *
 * @example
 * const human = await textFeatures(featureModel, ['What a person wrote.', 'And another.']);
 * const machine = await textFeatures(featureModel, generations.map(({ text = '' }) => text));
 * console.log(mauveOfSeeds(human, machine, {}, [0, 1, 2, 3, 4]).map(({ score }) => score));
 */
export function mauveOfSeeds(
  human: readonly Feature[],
  machine: readonly Feature[],
  options: MauveOptions,
  seeds: readonly number[],
): Mauve[] {
  if (seeds.length === 0) throw new HyperfitError('ERR_CONFIG', 'expected at least one seed to cluster with, got none; write [0]');
  const all = seeds.map((seed) => normalize(human.length, machine.length, { ...options, seed }));
  const points = projectFeatures([...human, ...machine], all[0]!.keptVariance);
  return all.map((settings) => {
    const labels = clusterPoints(points, settings);
    const histograms = {
      human: countLabels(labels.subarray(0, human.length), settings.clusters),
      machine: countLabels(labels.subarray(human.length), settings.clusters),
    };
    const curve = divergenceCurve(histograms.human, histograms.machine, settings);
    const sizes = { humanTexts: human.length, machineTexts: machine.length, clusters: settings.clusters };
    return {
      score: areaUnderCurve(curve),
      ...sizes,
      dimensions: points.dimensions,
      histograms,
      curve,
      signature: mauveSignature({ ...settings, ...sizes }),
    };
  });
}

type Settings = Required<MauveOptions>;

/** E.g. `mauve|features:given|l2|pca:0.9|k:50|restarts:5|iterations:500|mixtures:25|scale:5|seed:0|human:500|machine:500`. */
function mauveSignature({
  features,
  keptVariance,
  clusters,
  restarts,
  maxIterations,
  mixtures,
  scale,
  seed,
  humanTexts,
  machineTexts,
}: Settings & { humanTexts: number; machineTexts: number }): string {
  return signNumber(`mauve|features:${features}|l2|pca:${keptVariance}`, {
    k: clusters,
    restarts,
    iterations: maxIterations,
    mixtures,
    scale,
    seed,
    human: humanTexts,
    machine: machineTexts,
  });
}

function normalize(human: number, machine: number, options: MauveOptions): Settings {
  const smaller = Math.min(human, machine);
  if (smaller < 2)
    throw new HyperfitError(
      'ERR_DATA',
      `expected two texts or more of each kind for MAUVE, got ${human} human and ${machine} of the machine; ${MAUVE_LEAST_TEXTS} of each are the least that mean something`,
    );
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const settings: Settings = {
    clusters: defaultClusters(smaller),
    keptVariance: 0.9,
    restarts: 5,
    maxIterations: 500,
    seed: 0,
    features: 'given',
    ...CURVE_DEFAULTS,
    ...given,
  };
  const problems = Object.entries(RULES).flatMap(([name, { fits, text }]) => {
    const value = settings[name as keyof typeof RULES];
    return fits(value) ? [] : [`expected ${text} for \`${name}\`, got ${value}`];
  });
  if (settings.clusters > human + machine)
    problems.push(
      `expected at most one cluster per text for \`clusters\`, got ${settings.clusters} for ${human + machine} texts; leave it out`,
    );
  if (problems.length > 0) throw new HyperfitError('ERR_CONFIG', problems.join('; '));
  return settings;
}

/** A tenth; halves go to the even neighbour, as Python's round has it. */
function defaultClusters(texts: number): number {
  const tenth = Math.round(texts / 10) - (texts % 20 === 5 ? 1 : 0);
  return Math.min(MOST_CLUSTERS, Math.max(2, tenth));
}

function countLabels(labels: Int32Array, clusters: number): number[] {
  const counts = Array.from({ length: clusters }, () => 0);
  for (const label of labels) counts[label]! += 1;
  return counts;
}
