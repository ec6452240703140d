import type { Mauve } from '../evaluate/mauve.ts';
import type { ImageMetrics } from '../image/image-metrics.ts';
import type { Cell } from './cell.ts';
import type { BiasedChoices, StaticBias } from './static-bias.ts';

/** Sums over the predicted tokens of each sequence, in the order of the sequences. */
export interface SequenceSums {
  tokens: number[];
  loss: number[];
  entropy: number[];
  top1Mass: number[];
  top3Mass: number[];
  top5Mass: number[];
  correct: number[];
}

/** What a training measured at one step. */
export interface EvaluationPoint {
  step: number;
  epoch: number;
  /** Mean over the tokens of about one pass up to here, nats; null before the first step. */
  trainLoss: number | null;
  heldOut: SequenceSums;
  /** Type-token ratio of each context's greedy continuation. */
  ttr: number[];
  /** Repeated and all bigrams of each continuation. */
  rep2: { repeated: number; total: number }[];
  /** Square root of the sum of squared weights. */
  weightNorm: number;
}

export interface TrainCellResult {
  steps: number;
  /** Mean loss of each step's batch before its update, nats. */
  losses: number[];
  evaluations: EvaluationPoint[];
  /** Mean over the tokens of the last full pass; null before the first. */
  trainLoss: number | null;
  /** Step of the lowest held-out loss among the evaluations after step 0; null without any. */
  bestStep: number | null;
  changedShare: number | null;
}

export interface WrittenText {
  ids: number[];
  text: string | null;
  ttr: number | null;
  /** Longest span shared with a training sequence: its length, and where it stands. */
  overlap: { length: number; start: number; sequence: number; offset: number };
  repeated: { 2: [number, number]; 3: [number, number]; 4: [number, number] };
  selfBleu: number | null;
  datasetBleu: number | null;
  interventions: number;
}

export interface TextCellResult {
  texts: WrittenText[];
  distinct: { 1: number | null; 2: number | null; 3: number | null };
}

export interface LikelihoodCellResult {
  sums: SequenceSums;
  /** The most probable id at each predicted token, sequence after sequence. */
  top1Ids: number[];
}

/** Of what training added. */
export interface SpectrumCellResult {
  /** Of each matrix of the layers: the squares of its first singular values, and of all. */
  matrices: { parameter: string; shape: number[]; squares: number[]; total: number }[];
  /** Share of the squares of the whole update that lies in these matrices. */
  shareInMatrices: number;
}

/** See `UpdateShare`. */
export interface UpdateShareCellResult {
  kept: number | null;
  worst: { parameter: string; kept: number } | null;
}

export interface ContrastCellResult {
  sequences: number;
  tokens: number;
  originalEntropy: number;
  hyperfittedEntropy: number;
  /** Temperature at which the original has the hyperfitted model's entropy; null when none between the bounds does. */
  matchedTemperature: number | null;
  matchedEntropy: number | null;
  /** Rank, 1 the first, of each greedily written token under the original model after the same tokens; by text. */
  ranks: number[][];
  /** Of the last token's layers: before each layer, and after the final norm. */
  layers: { cosine: number; originalNorm: number; hyperfittedNorm: number; originalRatio: number; hyperfittedRatio: number }[];
  /** The constant shift of the original's logits, and what it does to first choices, strength by strength. */
  staticBias: StaticBias & { choices: BiasedChoices[] };
}

export interface MauveCellResult {
  /** In the order of the cell's texts: that of clustering seed 0, and the score of each seed. */
  mauves: (Mauve & { scores: number[] })[];
}

/** In the order of the texts; null where one has none. */
export interface MetricCellResult {
  values: (number | null)[];
}

export interface CompletionCellResult {
  /** `pixels`: the palette ids of a whole image, the given ones first. */
  images: ({ pixels: number[] } & ImageMetrics)[];
}

export interface ProbePosition {
  id: number;
  piece: string;
  /** The probability the text's own token had; null for the first one. */
  probability: number | null;
  top: { id: number; piece: string; probability: number }[];
}

export interface ProbeCellResult {
  positions: ProbePosition[];
}

export interface ChoiceCellResult {
  /**
   * For each item: how many choices it has, the index of the right one, that chosen by summed and by mean log-likelihood, and whether the
   * generated text began with the right choice.
   */
  items: { choices: number; answer: number; bySum: number; byMean: number; generated: string; isGeneratedRight: boolean }[];
}

interface Results {
  train: TrainCellResult;
  text: TextCellResult;
  likelihood: LikelihoodCellResult;
  spectrum: SpectrumCellResult;
  'update-share': UpdateShareCellResult;
  contrast: ContrastCellResult;
  'matched-text': TextCellResult;
  'biased-text': TextCellResult;
  mauve: MauveCellResult;
  metric: MetricCellResult;
  completion: CompletionCellResult;
  probe: ProbeCellResult;
  choice: ChoiceCellResult;
}

export type ResultOf<K extends Cell['kind']> = Results[K];
export type CellResult = Results[Cell['kind']];
