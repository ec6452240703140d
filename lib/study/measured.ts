import { bootstrapRatio } from '../evaluate/bootstrap.ts';
import { datasetBleuSignature } from '../evaluate/dataset-bleu.ts';
import { overlapSignature } from '../evaluate/overlap.ts';
import { repetitionSignature } from '../evaluate/repetition.ts';
import { selfBleuSignature } from '../evaluate/self-bleu.ts';
import { LIKELIHOOD_FORMULAS, signNumber } from '../evaluate/signature.ts';
import { ttrSignature } from '../evaluate/type-token-ratio.ts';
import type { SequenceSums, TextCellResult, WrittenText } from './cell-results.ts';
import { StudyFolder } from './study-folder.ts';

/** A number and everything that says how far to trust it. */
export interface Measured {
  value: number;
  /** 95 % interval; null where there is none, as for a maximum. */
  low: number | null;
  high: number | null;
  /** What it was taken over, repetitions by seed included. */
  n: number;
  /** The mean of each seed by itself; one for a single run. */
  seeds: number[];
  signature: string;
  /** Relative to the study's folder. */
  files: string[];
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
}

const INTERVAL = 'interval:bootstrap-95-by-cluster';

/** The mean over runs (seeds) and clusters, with an interval over clusters. Null when nothing was counted. */
export function meanOf(runs: readonly RunParts[], formula: string, facts: Record<string, string | number> = {}): Measured | null {
  const merged = mergeByCluster(runs);
  const interval = bootstrapRatio(merged);
  if (interval === null) return null;
  const n = runs.reduce((sum, { parts }) => sum + parts.filter(({ count }) => count > 0).length, 0);
  return {
    value: interval.mean,
    low: interval.low,
    high: interval.high,
    n,
    seeds: runs.map(({ parts }) => ratio(parts)),
    signature: signNumber(`${formula}|${INTERVAL}`, { n, seeds: runs.length, ...facts }),
    files: filesOf(runs),
  };
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
export function plain(value: number, formula: string, n: number, cells: readonly string[], facts: Record<string, string | number> = {}): Measured {
  return { value, low: null, high: null, n, seeds: [value], signature: signNumber(formula, { n, ...facts }), files: filesOf(cells.map((cell) => ({ cell }))) };
}

/** What a run gives whole, such as the loss it ended at. */
export interface RunValue {
  cell: string;
  value: number | null;
}

/** The mean over runs (seeds), without an interval; `n` says what was counted, by default the runs. Null where no run has a value. */
export function meanOfRuns(runs: readonly RunValue[], formula: string, facts: Record<string, string | number> = {}, n?: number): Measured | null {
  const values = runs.flatMap(({ value }) => value ?? []);
  if (values.length === 0) return null;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { ...plain(mean, formula, n ?? values.length, runs.map(({ cell }) => cell), facts), seeds: values };
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

export function valuesAsParts(cell: string, values: readonly (number | null)[]): RunParts {
  return { cell, parts: values.map(toPart) };
}

type TextMetric = 'ttr' | 'rep2' | 'rep3' | 'selfBleu' | 'datasetBleu' | 'overlap' | 'overlapOver10' | 'interventions';

const TEXT_METRICS: Readonly<Record<TextMetric, { formula: string; parts: (run: TextRun) => RunParts }>> = {
  ttr: { formula: ttrSignature(), parts: (run) => textParts(run, ({ ttr }) => ttr) },
  rep2: { formula: `${repetitionSignature()}|order:2`, parts: (run) => repeatParts(run, 2) },
  rep3: { formula: `${repetitionSignature()}|order:3`, parts: (run) => repeatParts(run, 3) },
  selfBleu: { formula: selfBleuSignature(), parts: (run) => textParts(run, ({ selfBleu }) => selfBleu) },
  datasetBleu: { formula: datasetBleuSignature(), parts: (run) => textParts(run, ({ datasetBleu }) => datasetBleu) },
  overlap: { formula: `${overlapSignature()}|mean:texts`, parts: (run) => textParts(run, ({ overlap }) => overlap.length) },
  overlapOver10: { formula: `${overlapSignature()}|share:over-10`, parts: (run) => textParts(run, ({ overlap }) => (overlap.length > 10 ? 1 : 0)) },
  interventions: { formula: 'citation-interventions|mean:texts', parts: (run) => textParts(run, ({ interventions }) => interventions) },
};

function repeatParts({ cell, result }: TextRun, n: 2 | 3): RunParts {
  return { cell, parts: result.texts.map(({ repeated: { [n]: pair } }) => ({ sum: pair[0], count: pair[1] })) };
}

/** A text metric over the runs of several seeds. */
export function measureTextRuns(runs: readonly TextRun[], metric: TextMetric, facts: Record<string, string | number> = {}): Measured | null {
  const { formula, parts } = TEXT_METRICS[metric];
  return meanOf(runs.map(parts), formula, facts);
}

export interface SumsRun {
  cell: string;
  sums: SequenceSums;
}

type LikelihoodMetric = 'loss' | 'entropy' | 'top1Mass' | 'top3Mass' | 'top5Mass' | 'top1Accuracy';

/** A teacher-forced metric over the runs of several seeds; clusters are sequences. */
export function measureSums(runs: readonly SumsRun[], metric: LikelihoodMetric, facts: Record<string, string | number> = {}): Measured | null {
  const key = metric === 'top1Accuracy' ? 'correct' : metric;
  const parts = runs.map(({ cell, sums }) => ({ cell, parts: sums.tokens.map((count, at) => ({ sum: sums[key][at]!, count })) }));
  return meanOf(parts, LIKELIHOOD_FORMULAS[metric], { tokens: runs.reduce((sum, { sums }) => sum + sums.tokens.reduce((total, count) => total + count, 0), 0), ...facts });
}

/** exp of the mean loss, and of the ends of its interval. */
export function measurePerplexity(runs: readonly SumsRun[], facts: Record<string, string | number> = {}): Measured | null {
  const loss = measureSums(runs, 'loss', facts);
  if (loss === null) return null;
  const { value, low, high, seeds, signature } = loss;
  return { ...loss, value: Math.exp(value), low: Math.exp(low!), high: Math.exp(high!), seeds: seeds.map(Math.exp), signature: signature.replace(LIKELIHOOD_FORMULAS.loss, LIKELIHOOD_FORMULAS.perplexity) };
}
