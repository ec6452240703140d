import type { QuantizeType } from '../config/quantize-types.ts';
import type { TrainSettings } from '../train/settings.ts';
import type { LayerRange } from '../run/update-factors.ts';
import type { ChoiceItem } from './choice-items.ts';
import type { OwnName } from './own.ts';

/** Weights to measure: the original ones, or what a training cell left at its end or at its lowest held-out loss. */
export type Weights = 'original' | RoundedOriginal | TrainedWeights;

/** What a file of a type holds of some weights; `own` is the form in which the original's file stores each of them. */
export type RoundedTo = QuantizeType | 'own';

export interface RoundedOriginal {
  quantize: RoundedTo;
}

export interface TrainedWeights {
  cell: string;
  at: 'end' | 'best';
  /** The original with a part of what training changed; without one all of it. */
  patch?: Patch;
  /** Default as they are, float32. */
  quantize?: RoundedTo;
}

/** Which part of an update is added to the original. */
export interface Patch {
  /** Of the update of each matrix of the layers; 0 adds none of it, null all. */
  rank: number | null;
  /** Whose matrices get it; null all layers. */
  layers: readonly LayerRange[] | null;
  /** Whether embedding, head, norms and biases get their whole update too. */
  tables: boolean;
  /** What all that is added is multiplied by. */
  scale: number;
}

/** How a text cell decodes; greedy where nothing is said. Names are those of GenerateOptions. */
export interface Decoding {
  /** 0 is greedy. */
  temperature?: number;
  /** Candidates; 0 keeps all. */
  topK?: number;
  /** Probability mass of the candidates; 1 keeps all. */
  topP?: number;
  /** Divides scores of tokens seen before; 1 is off. */
  repetitionPenalty?: number;
  /** N-grams of this size never come twice; 0 allows them. */
  noRepeatNgramSize?: number;
  /** Of every draw; the same seed gives the same draws. */
  seed?: number;
  /** Forbid citing the training sequences of the cell's training domain. */
  citationBlocker?: true;
}

/** Train, and measure on the way. */
export interface TrainCell {
  kind: 'train';
  id: string;
  /** The pretrained weights, or random ones of the same shape. */
  start: 'original' | 'random';
  domain: string;
  /** How many of the domain's training sequences, from the first on. */
  samples: number;
  /** What differs from the study's settings. */
  settings: Partial<TrainSettings>;
  /** Ascending; 0 measures the weights that training starts from. */
  evaluateAtSteps: number[];
  /** Whether an evaluation also continues the contexts. */
  writesTexts: boolean;
  keep: 'nothing' | 'end' | 'end-and-best';
  /** Tells apart trainings that are to be done again though nothing differs. */
  repeat: number;
}

/** Continue the contexts of a domain. */
export interface TextCell {
  kind: 'text';
  id: string;
  weights: Weights;
  domain: string;
  /** Whose training sequences overlap, dataset BLEU and the blocker refer to. */
  trainDomain: string;
  decoding: Decoding;
  newTokens: number;
  /** A way of writing of the caller's, with those of its options that JSON holds; `decoding` then has the seed alone. */
  writer?: OwnName & { options?: object };
  /** Leaves out both BLEUs, which take as long as the decoding, where nothing is said of them. */
  withoutBleu?: true;
}

/** Teacher-forced statistics of the held-out sequences of a domain, or of those that were trained on. */
export interface LikelihoodCell {
  kind: 'likelihood';
  id: string;
  weights: Weights;
  domain: string;
  /** Default the held-out ones. */
  sequences?: 'train';
}

/** How the update of a training is spread over singular values. */
export interface SpectrumCell {
  kind: 'spectrum';
  id: string;
  weights: TrainedWeights;
  /** Singular values of each matrix to keep. */
  ranks: number;
}

/** What rounding leaves of the update that training made. */
export interface UpdateShareCell {
  kind: 'update-share';
  id: string;
  weights: TrainedWeights;
}

/** The original model and a hyperfitted one on the same tokens: matched temperature, ranks, geometry of hidden states. */
export interface ContrastCell {
  kind: 'contrast';
  id: string;
  weights: Weights;
  domain: string;
  /** Held-out sequences to look at. */
  sequences: number;
  /** The text cell with the greedy continuations of `weights`. */
  texts: string;
  /** How many tokens the static bias shifts, at most. */
  biasedTokens: number;
}

/** Continue with the original model at a temperature that a contrast cell found. */
export interface MatchedTextCell {
  kind: 'matched-text';
  id: string;
  contrast: string;
  domain: string;
  trainDomain: string;
  newTokens: number;
  seed: number;
}

/** Continue greedily with the original model, its logits shifted by a contrast cell's static bias. */
export interface BiasedTextCell {
  kind: 'biased-text';
  id: string;
  contrast: string;
  domain: string;
  trainDomain: string;
  newTokens: number;
  /** What the bias is multiplied by. */
  scale: number;
}

/** MAUVE of text cells against what people wrote after the same contexts. */
export interface MauveCell {
  kind: 'mauve';
  id: string;
  /** Text cells. */
  texts: string[];
  domain: string;
  newTokens: number;
  /** How often the texts are clustered anew, with seeds from 0 on: the score depends on it. */
  clusterings: number;
  /** By whose hidden states: a file's name and the beginning of its hash. */
  featureModel: string;
}

/** A metric of the caller's over the texts of a text cell. */
export interface MetricCell {
  kind: 'metric';
  id: string;
  /** A text cell. */
  texts: string;
  metric: OwnName;
  domain: string;
  trainDomain: string;
}

/** Complete the images of a domain greedily. */
export interface CompletionCell {
  kind: 'completion';
  id: string;
  weights: Weights;
  domain: string;
}

/** The most probable next tokens at each position of a text. */
export interface ProbeCell {
  kind: 'probe';
  id: string;
  weights: Weights;
  text: string;
  topK: number;
}

/** Multiple choice, by likelihood and by generation. */
export interface ChoiceCell {
  kind: 'choice';
  id: string;
  weights: Weights;
  task: string;
  items: ChoiceItem[];
  newTokens: number;
}

/** One piece of work of a study, kept on disk once done. */
export type Cell =
  | TrainCell
  | TextCell
  | LikelihoodCell
  | SpectrumCell
  | UpdateShareCell
  | ContrastCell
  | MatchedTextCell
  | BiasedTextCell
  | MauveCell
  | MetricCell
  | CompletionCell
  | ProbeCell
  | ChoiceCell;

/** Ids of the cells whose results or weights a cell reads. */
export function needsOf(cell: Cell): string[] {
  const needs: string[] = [];
  const trained = weightsNeededBy(cell);
  if (trained !== undefined) needs.push(trained);
  if (cell.kind === 'contrast' || cell.kind === 'metric') needs.push(cell.texts);
  if (cell.kind === 'mauve') needs.push(...cell.texts);
  if (cell.kind === 'matched-text' || cell.kind === 'biased-text') needs.push(cell.contrast);
  return needs;
}

/** The training cell whose weights a cell loads. */
export function weightsNeededBy(cell: Cell): string | undefined {
  return 'weights' in cell && isTrained(cell.weights) ? cell.weights.cell : undefined;
}

export function isTrained(weights: Weights): weights is TrainedWeights {
  return weights !== 'original' && 'cell' in weights;
}

/** How weights are rounded; undefined for float32. */
export function roundingOf(weights: Weights): RoundedTo | undefined {
  return weights === 'original' ? undefined : weights.quantize;
}
