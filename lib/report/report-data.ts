import type { AnswerOutcome } from '../evaluate/answers.ts';
import type { Certificate } from '../evaluate/certificate.ts';
import type { ImageMetrics } from '../image/image-metrics.ts';
import type { Interventions, Memorisation, MemorisedSpan } from '../evaluate/memorisation.ts';

/** Everything that the page shows. The report computes nothing about training: whoever ran it fills this in. */
export interface ReportData {
  /** Shown above it. */
  title: string;
  /** One sentence under the title. */
  subtitle?: string;
  /** Facts of the run, in groups such as Model, Data, Recipe, Machine. */
  facts: readonly FactGroup[];
  /** Of the training. */
  curves: CurveData;
  /** The original model first. */
  variants: readonly ReportVariant[];
  /** Contexts with what was written. */
  continuations: readonly ReportContext[];
  /** Of a run on images, in place of continuations. */
  images?: ReportImages;
  /** What stands in the training text. */
  memorisation?: ReportMemorisation;
  /** Some of the training sequences. */
  examples?: readonly ReportExample[];
  /** Why something was not measured and what would change that, a sentence or two each. */
  missing?: { heldOut?: string; contexts?: string; comparison?: string };
  /** How far the training text was learnt. */
  certificate?: Certificate & { step?: number; changedShare?: number | null; quantize?: string | null };
  /** Metric signatures by metric name. */
  signatures?: Readonly<Record<string, string>>;
  /** Caveats, each a sentence or two. */
  notes?: readonly string[];
}

/** A training sequence, in stretches that are learnt or not. */
export interface ReportExample {
  source: string;
  spans: readonly { text: string; learnt: boolean }[];
}

/** A titled list of facts. */
export interface FactGroup {
  /** Shown above it. */
  title: string;
  /** Labels and values. */
  rows: readonly (readonly [label: string, value: string])[];
}

/** What a training went through, one entry a point. */
export interface CurveData {
  /** Training loss of each step's batch, nats per token, taken before the step's update. */
  steps: readonly { step: number; loss: number }[];
  /** Measured after `step` updates; step 0 is the original model. */
  evaluations: readonly {
    step: number;
    heldOutLoss?: number | null;
    ttr?: number | null;
    exactMatch?: number | null;
    entropy?: number | null;
  }[];
  /** TTR of what people wrote after the same contexts. */
  humanTtr?: number | null;
  /** The training loss at which the run was to stop. */
  targetLoss?: number | null;
  /** What the model writes; default `text`. Of images, `ttr` is the share of distinct rows. */
  about?: 'text' | 'images' | 'answers';
  /** The steps whose weights were kept as the best. */
  best?: readonly { criterion: 'generation' | 'loss'; step: number }[];
}

/** A row of the comparison: a model and a way to decode. */
export interface ReportVariant {
  /** E.g. "hyperfitted, greedy". */
  name: string;
  /** Whether it was trained here. */
  isHyperfitted: boolean;
  /** By name; null where it could not be measured. */
  metrics: VariantMetrics;
}

/** Undefined or null is "not measured" and shows as a dash. */
export interface VariantMetrics {
  /** Type-token ratio: distinct tokens over tokens of a continuation. */
  ttr?: number | null;
  /** Standard error of the TTR over contexts. */
  ttrStandardError?: number | null;
  /** Share of bigrams that came before. */
  rep2?: number | null;
  /** Of completed images: shares of rows and of palette ids. */
  rowRepeatRate?: number | null;
  /** Distinct pixels over pixels of a completion. */
  paletteTtr?: number | null;
  /** Share of rows of an image that are distinct. */
  distinctRows?: number | null;
  /** Share of completed pixels equal to those of the nearest training image. */
  trainingMatch?: number | null;
  /** How alike the texts are, from 0 to 1. */
  selfBleu?: number | null;
  /** Mean of the longest overlaps with the training text, tokens. */
  overlapMean?: number | null;
  /** The longest overlap, tokens. */
  overlapMax?: number | null;
  /** Share of texts with an overlap above ten tokens. */
  overlapShareOver10?: number | null;
  /** On text that was not trained on, nats per token. */
  heldOutLoss?: number | null;
  /** exp(loss). */
  perplexity?: number | null;
  /** Mean entropy of the next-token distribution, nats. */
  entropy?: number | null;
  /** Mean probability of the most probable token. */
  top1Mass?: number | null;
  /** How many continuations the text metrics were taken over. */
  contexts?: number | null;
  /** Tokens that `ttr` is taken over at most. */
  ttrWindow?: number | null;
  /** How many answers were written; how many have a reference and equal it, as counts and as a share with the bounds of its interval. */
  answers?: number | null;
  /** Contexts with an answer to compare with. */
  references?: number | null;
  /** Answers that are the reference. */
  exactMatches?: number | null;
  /** Their share. */
  exactMatch?: number | null;
  /** Lower end of its interval. */
  exactMatchLow?: number | null;
  /** Upper end of its interval. */
  exactMatchHigh?: number | null;
  /** Share of answers that ended by themselves. */
  endedShare?: number | null;
  /** Mean, tokens. */
  answerLength?: number | null;
  /** Mean, tokens. */
  referenceLength?: number | null;
  /** Of the references, nats per token. */
  answerLoss?: number | null;
  /** Share of the references' tokens that were the most probable. */
  tokenAccuracy?: number | null;
}

/** A grid of completed images. */
export interface ReportImages {
  png: Uint8Array;
  /** Of the grid, pixels. */
  width: number;
  /** What the grid's rows are, from above. */
  rows: readonly string[];
  /** Of the real images, where the models completed them. */
  real: ImageMetrics | null;
}

/** A context and what each variant made of it. */
export interface ReportContext {
  /** What was to be continued. */
  context: string;
  /** What the author wrote next, or the right answer. */
  original?: string;
  /** The continuations answer the context, and end by themselves. */
  isAnswer?: boolean;
  /** One a variant. */
  continuations: readonly ReportContinuation[];
}

/** What one variant wrote. */
export interface ReportContinuation {
  /** The variant's name. */
  name: string;
  /** Token ids. */
  ids: ArrayLike<number>;
  /** The text of each id; together the continuation. */
  pieces: readonly string[];
  /** The longest span shared with a training sequence, in tokens. */
  overlap?: { start: number; length: number };
  /** How an answer came out. */
  answer?: AnswerOutcome;
}

/** What of the continuations stands in the training sequences. */
export interface ReportMemorisation {
  /** Tokens from which on a span is listed. */
  minLength: number;
  rows: readonly ({ name: string } & Pick<Memorisation, 'texts' | 'textsWithSpans' | 'longest' | 'tokenShare'>)[];
  blocker:
    | ({ matchLength: number; matchUnit?: 'token' | 'word' } & Pick<
        Interventions,
        'total' | 'texts' | 'textsWithInterventions' | 'per100Tokens'
      >)
    | null;
  /** Those with a span or an intervention. */
  contexts: readonly MemorisedContext[];
  /** Every training sequence that a span names. */
  samples: readonly QuotedTraining[];
}

export interface MemorisedContext {
  /** Counted from 1. */
  number: number;
  context: string;
  texts: readonly MemorisedText[];
}

export interface MemorisedText {
  name: string;
  pieces: readonly string[];
  spans: readonly MemorisedSpan[];
  /** The token at which the texts with and without the blocker part; null where they do not, or for other texts. */
  divergence: number | null;
  /** Of the blocker, for the text it watched over. */
  interventions?: number;
}

export interface QuotedTraining {
  /** Its number among the training sequences, from 0. */
  sequence: number;
  source: string;
  /** Where it begins in its source, tokens. */
  offset: number;
  pieces: readonly string[];
  /** Of each token whether it is learnt; all are where it is left out. */
  learnt?: readonly boolean[];
}
