import { bootstrapRatio } from '../evaluate/bootstrap.ts';
import { crossedMean, CROSSED_SIGNATURE } from '../evaluate/crossed.ts';
import { datasetBleuSignature } from '../evaluate/dataset-bleu.ts';
import { overlapSignature } from '../evaluate/overlap.ts';
import { repetitionSignature } from '../evaluate/repetition.ts';
import { selfBleuSignature } from '../evaluate/self-bleu.ts';
import { SELF_BLEU_JACKKNIFE_SIGNATURE, selfBleuPseudoValues } from '../evaluate/self-bleu-jackknife.ts';
import { LIKELIHOOD_FORMULAS, signNumber } from '../evaluate/signature.ts';
import { ttrSignature } from '../evaluate/type-token-ratio.ts';
import { wilsonInterval, wilsonSignature } from '../evaluate/wilson.ts';
import type { SequenceSums, TextCellResult, WrittenText } from './cell-results.ts';
import { StudyFolder } from './study-folder.ts';

/** What a number was taken over. */
export type Unit = 'contexts' | 'sequences' | 'questions' | 'images' | 'texts' | 'tokens' | 'runs' | 'pairs of runs' | 'samples';

/** A number and everything that says how far to trust it. */
export interface Measured {
  /** What was measured. */
  value: number;
  /** 95 % interval, or the range where `spread` says so; null where there is neither, as for a maximum. */
  low: number | null;
  /** Upper end of the interval. */
  high: number | null;
  /** A range goes from the least to the largest of several computations, and promises nothing about another. Default an interval. */
  spread?: 'range';
  /** How many of the unit; every seed met the same ones, which count once. */
  n: number;
  /** What counts as one observation. */
  unit: Unit;
  /** The mean of each seed by itself; one for a single run. */
  seeds: number[];
  /** How it was computed, for a table. */
  signature: string;
  /** Relative to the study's folder. */
  files: string[];
}

/** `8 contexts x 2 seeds`; runs are the seeds themselves. */
export function describeCount({ n, unit, seeds }: Pick<Measured, 'n' | 'unit'> & { seeds: number }): string {
  const counted = `${n} ${n === 1 ? unit.replace(/s\b/, '') : unit}`;
  return seeds > 1 && unit !== 'runs' && unit !== 'pairs of runs' ? `${counted} x ${seeds} seeds` : counted;
}

/** What one cluster (a context or a held-out sequence) adds to a mean. */
export interface Part {
  sum: number;
  count: number;
}

/** One run's parts, by cluster. */
export interface RunParts {
  cell: string;
  parts: readonly Part[];
  /** What a cluster is; default contexts. */
  unit?: Unit;
}

/** Of one run: over its clusters alone, and it says so. */
const ONE_RUN = 'interval:bootstrap-95-by-cluster|spread-of-seeds:not-in-it';
const SEVERAL_RUNS = `interval:95|${CROSSED_SIGNATURE}`;

/**
 * The mean over runs (seeds) and clusters, with an interval over both; of one run over clusters alone, and of one cluster none. Null when
 * nothing was counted.
 */
export function meanOf(runs: readonly RunParts[], formula: string, facts: Record<string, string | number> = {}): Measured | null {
  const merged = mergeByCluster(runs);
  const n = merged.filter(({ count }) => count > 0).length;
  if (n === 0) return null;
  const { unit = 'contexts' } = runs[0]!;
  const spread =
    n === 1 ? null : runs.length === 1 ? bootstrapRatio(merged) : crossedMean(runs.map(({ parts }) => padded(parts, merged.length)));
  const isFlat = spread !== null && spread.high - spread.low <= 1e-12;
  const interval = isFlat ? flatInterval(ratio(merged), n, formula) : spread;
  return {
    value: ratio(merged),
    low: withinScale(interval?.low, formula),
    high: withinScale(interval?.high, formula),
    n,
    unit,
    seeds: runs.map(({ parts }) => ratio(parts)),
    signature: signNumber(
      `${formula}|${isFlat && interval !== null ? FLAT : interval === null ? 'interval:none' : runs.length === 1 ? ONE_RUN : SEVERAL_RUNS}`,
      { [unit]: n, seeds: runs.length, ...facts },
    ),
    files: filesOf(runs),
  };
}

/** Formulas that count each cluster as 0 or 1. */
const COUNTS = /^choice-accuracy\||\|share:over-/;
const FLAT = `interval:${wilsonSignature()}|unit:clusters`;

/**
 * Where every cluster gave the same there is no spread to go by, and no certainty either: 0 of 128 texts can be 3 in 100. Null but for
 * shares counted.
 */
function flatInterval(value: number, n: number, formula: string): { low: number; high: number } | null {
  return COUNTS.test(formula) && (value === 0 || value === 1) ? wilsonInterval(value * n, n) : null;
}

/** Formulas whose values are shares of 1. */
const SHARES =
  /^(ttr|rep-n|self-bleu|dataset-bleu|choice-accuracy|top-1-accuracy|top-1-agreement|top-k-mass|rank-override|rowRepeatRate|paletteTtr|distinctRows|trainingMatch)\||\|share:/;

/** Of a metric of the caller's, which may be below 0. */
const OWN = /^own-metric:/;

/** Nothing that is averaged here is below 0 and no share above 1; two seeds alone would give intervals beyond. */
function withinScale(end: number | undefined, formula: string): number | null {
  if (end === undefined || OWN.test(formula)) return end ?? null;
  return Math.min(SHARES.test(formula) ? 1 : Infinity, Math.max(0, end));
}

/** A run that was cut short has nothing for the clusters it has not met. */
function padded(parts: readonly Part[], length: number): Part[] {
  return Array.from({ length }, (_, cluster) => parts[cluster] ?? { sum: 0, count: 0 });
}

function mergeByCluster(runs: readonly RunParts[]): Part[] {
  const merged: Part[] = [];
  for (const { parts } of runs) {
    parts.forEach(({ sum, count }, cluster) => {
      const before = merged[cluster] ?? { sum: 0, count: 0 };
      merged[cluster] = { sum: before.sum + sum, count: before.count + count };
    });
  }
  return merged;
}

export function ratio(parts: readonly Part[]): number {
  return parts.reduce((total, { sum }) => total + sum, 0) / parts.reduce((total, { count }) => total + count, 0);
}

function filesOf(runs: readonly { cell: string }[]): string[] {
  return [...new Set(runs.map(({ cell }) => StudyFolder.cellName(cell)))];
}

/** A number without an interval. */
export function plain(
  value: number,
  formula: string,
  [n, unit]: readonly [number, Unit],
  cells: readonly string[],
  facts: Record<string, string | number> = {},
): Measured {
  return {
    value,
    low: null,
    high: null,
    n,
    unit,
    seeds: [value],
    signature: signNumber(formula, { [unit]: n, ...facts }),
    files: filesOf(cells.map((cell) => ({ cell }))),
  };
}

/** What a run gives whole, such as the loss it ended at. */
export interface RunValue {
  cell: string;
  value: number | null;
}

/**
 * The mean over runs (seeds), without an interval; `over` says what each run counted, by default nothing but itself. Null where no run has
 * a value.
 */
export function meanOfRuns(
  runs: readonly RunValue[],
  formula: string,
  facts: Record<string, string | number> = {},
  over?: readonly [number, Unit],
): Measured | null {
  const values = runs.flatMap(({ value }) => value ?? []);
  if (values.length === 0) return null;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return {
    ...plain(
      mean,
      formula,
      over ?? [values.length, 'runs'],
      runs.map(({ cell }) => cell),
      facts,
    ),
    seeds: values,
  };
}

export function meanTrainLoss(runs: readonly RunValue[]): Measured | null {
  return meanOfRuns(runs, 'training-loss|unit:nats|mean:steps-of-one-pass|weights:before-each-step');
}

export interface TextRun {
  cell: string;
  result: TextCellResult;
}

/** Per text, as parts; texts without a value count nowhere. */
export function textParts({ cell, result }: TextRun, valueOf: (text: WrittenText) => number | null): RunParts {
  return { cell, parts: result.texts.map((text) => toPart(valueOf(text))) };
}

function toPart(value: number | null): Part {
  return value === null || !Number.isFinite(value) ? { sum: 0, count: 0 } : { sum: value, count: 1 };
}

export function valuesAsParts(cell: string, values: readonly (number | null)[], unit: Unit = 'contexts'): RunParts {
  return { cell, parts: values.map(toPart), unit };
}

const selfBleuParts = new WeakMap<TextCellResult, RunParts['parts']>();

/**
 * Texts of a set are each other's references, and their scores are not independent: the jackknife's values stand for them, from three texts
 * on.
 */
export function selfBleuRun({ cell, result }: TextRun): RunParts {
  const values = (): (number | null)[] =>
    result.texts.length < 3 ? result.texts.map(({ selfBleu }) => selfBleu) : selfBleuPseudoValues(result.texts.map(({ ids }) => ids));
  const parts = selfBleuParts.get(result) ?? values().map(toPart);
  selfBleuParts.set(result, parts);
  return { cell, parts };
}

type TextMetric = 'ttr' | 'rep2' | 'rep3' | 'selfBleu' | 'datasetBleu' | 'overlap' | 'overlapOver10' | 'interventions';

const TEXT_METRICS: Readonly<Record<TextMetric, { formula: string; parts: (run: TextRun) => RunParts }>> = {
  ttr: { formula: ttrSignature(), parts: (run) => textParts(run, ({ ttr }) => ttr) },
  rep2: { formula: `${repetitionSignature()}|order:2`, parts: (run) => repeatParts(run, 2) },
  rep3: { formula: `${repetitionSignature()}|order:3`, parts: (run) => repeatParts(run, 3) },
  selfBleu: { formula: `${selfBleuSignature()}|${SELF_BLEU_JACKKNIFE_SIGNATURE}`, parts: selfBleuRun },
  datasetBleu: { formula: datasetBleuSignature(), parts: (run) => textParts(run, ({ datasetBleu }) => datasetBleu) },
  overlap: { formula: `${overlapSignature()}|mean:texts`, parts: (run) => textParts(run, ({ overlap }) => overlap.length) },
  overlapOver10: {
    formula: `${overlapSignature()}|share:over-10`,
    parts: (run) => textParts(run, ({ overlap }) => (overlap.length > 10 ? 1 : 0)),
  },
  interventions: { formula: 'citation-interventions|mean:texts', parts: (run) => textParts(run, ({ interventions }) => interventions) },
};

function repeatParts({ cell, result }: TextRun, n: 2 | 3): RunParts {
  return { cell, parts: result.texts.map(({ repeated: { [n]: pair } }) => ({ sum: pair[0], count: pair[1] })) };
}

/** A text metric over the runs of several seeds. */
export function measureTextRuns(
  runs: readonly TextRun[],
  metric: TextMetric,
  facts: Record<string, string | number> = {},
): Measured | null {
  const { formula, parts } = TEXT_METRICS[metric];
  return meanOf(runs.map(parts), formula, facts);
}

/** Of all texts of all runs. */
export function longestOverlap(runs: readonly TextRun[]): Measured {
  const lengths = runs.flatMap(({ result }) => result.texts.map(({ overlap }) => overlap.length));
  return plain(
    lengths.reduce((most, length) => Math.max(most, length), 0),
    `${overlapSignature()}|maximum`,
    [lengths.length, 'texts'],
    runs.map(({ cell }) => cell),
  );
}

export interface SumsRun {
  cell: string;
  sums: SequenceSums;
}

type LikelihoodMetric = 'loss' | 'entropy' | 'top1Mass' | 'top3Mass' | 'top5Mass' | 'top1Accuracy';

/** A teacher-forced metric over the runs of several seeds; clusters are sequences. */
export function measureSums(
  runs: readonly SumsRun[],
  metric: LikelihoodMetric,
  facts: Record<string, string | number> = {},
): Measured | null {
  const key = metric === 'top1Accuracy' ? 'correct' : metric;
  const parts = runs.map(({ cell, sums }) => ({
    cell,
    unit: 'sequences' as const,
    parts: sums.tokens.map((count, at) => ({ sum: sums[key][at]!, count })),
  }));
  return meanOf(parts, LIKELIHOOD_FORMULAS[metric], {
    tokens: runs.reduce((sum, { sums }) => sum + sums.tokens.reduce((total, count) => total + count, 0), 0),
    ...facts,
  });
}

/** exp of the mean loss, and of the ends of its interval. */
export function measurePerplexity(runs: readonly SumsRun[], facts: Record<string, string | number> = {}): Measured | null {
  const loss = measureSums(runs, 'loss', facts);
  if (loss === null) return null;
  const { value, low, high, seeds, signature } = loss;
  return {
    ...loss,
    value: Math.exp(value),
    low: low === null ? null : Math.exp(low),
    high: high === null ? null : Math.exp(high),
    seeds: seeds.map(Math.exp),
    signature: signature.replace(LIKELIHOOD_FORMULAS.loss, LIKELIHOOD_FORMULAS.perplexity),
  };
}
