import { withHooks } from '../callbacks.ts';
import { given } from '../config/given.ts';
import type { Row } from '../data/batch.ts';
import { HyperfitError } from '../errors.ts';
import { CitationBlocker } from '../generate/citation-blocker.ts';
import type { GenerateOptions } from '../generate/options.ts';
import {
  answersSignature,
  isMasked,
  referenceRow,
  summarizeAnswers,
  type AnswerContext,
  type AnsweringModel,
  type AnswerMetrics,
  type AnswerOutcome,
} from './answers.ts';
import { bootstrapMean, bootstrapSignature, type BootstrapInterval } from './bootstrap.ts';
import { continueContexts, type Written } from './continuations.ts';
import { measure, type MeasurableModel, type MeasureOptions } from './measure.ts';
import { OverlapIndex } from './overlap.ts';
import { measureTexts, TEXT_SIGNATURES, type TextMetrics } from './text-metrics.ts';
import { tokenStatisticsSignature, type TokenStatistics, type TopKMass } from './token-statistics.ts';
import { typeTokenRatio } from './type-token-ratio.ts';

/** A continuation as evaluation needs it; a model may say more about it. */
export interface EvaluatedGeneration {
  /** Ids of the context. */
  promptIds: Int32Array;
  /** The new tokens. */
  ids: Int32Array;
  /** As text. */
  text?: string;
  /** Steps at which the citation blocker changed the choice. */
  interventions?: number;
  /** Of an answer. */
  answer?: AnswerOutcome;
}

/** What evaluation needs of a model. */
export interface EvaluableModel extends MeasurableModel, AnsweringModel {
  /** As `Model.generate`. */
  generate(prompts: Int32Array[], options: GenerateOptions): Promise<readonly EvaluatedGeneration[]>;
}

/** What `evaluate` measures on, and how it decodes. */
export interface EvaluationOptions {
  /** Sequences not trained on, for loss, perplexity, entropy, top-k mass and top-1 accuracy. */
  heldOut?: readonly Row[];
  /** Beginnings to continue, for the metrics of texts; and what is to be answered, for those of answers. */
  contexts?: readonly (Int32Array | AnswerContext)[];
  /** Training sequences, or the index already made of them, for the overlap. */
  train?: readonly Int32Array[] | OverlapIndex;
  /** Default 96, the paper's. */
  maxNewTokens?: number;
  /** Held-out sequences at a time; default 8. */
  batchSize?: number;
  /** Contexts at a time; default 32: rows of a decoding batch are nearly free. */
  contextBatchSize?: number;
  /**
   * Decoding; greedy by default. For texts `minNewTokens` is `maxNewTokens` unless given, so that all have the same length. Answers end
   * where the model ends them, and get as many tokens as the longest reference has where that is more than `maxNewTokens`.
   */
  generateOptions?: Omit<GenerateOptions, 'maxNewTokens' | 'signal'>;
  /** Ends the work; the promise rejects with its reason. */
  signal?: AbortSignal;
  /** Told how far it is. */
  onProgress?: (progress: { stage: 'heldOut' | 'contexts'; done: number; total: number }) => void;
}

/**
 * Plain numbers under fixed names; null for whatever had no input. Texts and answers are measured apart. Scales and formulas are in
 * `signatures`.
 */
export interface EvaluationResult extends TextMetrics {
  /** Of this form; a higher one may have more. */
  schemaVersion: 1;
  /** Mean negative log-likelihood, nats per token. */
  loss: number | null;
  /** exp(loss). */
  perplexity: number | null;
  /** Nats. */
  entropy: number | null;
  /** Mean probability of the 1, 3 and 5 most probable tokens. */
  topKMass: TopKMass | null;
  /** Share of targets that were the most probable token. */
  top1Accuracy: number | null;
  /** Null without contexts to answer. */
  answers: AnswerMetrics | null;
  /** 95 % bootstrap intervals; of the loss over sequences, of the TTR over contexts. */
  intervals: { loss: BootstrapInterval | null; ttr: BootstrapInterval | null };
  /** What was measured on. */
  counts: { heldOutSequences: number; heldOutTokens: number; contexts: number };
  /** In the order of the contexts. */
  generations: readonly EvaluatedGeneration[];
  /** How each was computed, for a table. */
  signatures: Record<string, string>;
}

type Likelihood = Pick<EvaluationResult, 'loss' | 'perplexity' | 'entropy' | 'topKMass' | 'top1Accuracy'>;

const NO_LIKELIHOOD: Likelihood = { loss: null, perplexity: null, entropy: null, topKMass: null, top1Accuracy: null };

/**
 * Measures a model on held-out text and on its own continuations of contexts. It changes nothing in the model, and batch sizes change no
 * result. Losses and entropies are nats per token, shares are 0 to 1, lengths are tokens; `signatures` says how each figure was computed,
 * and docs/evaluation.md has the formulas with their sources.
 * @throws HyperfitError ERR_DATA when there are neither held-out sequences nor contexts; as `generate` and `tokenStats`; `signal.reason`
 *
 * @example
 * const { loss, ttr, rep, overlap } = await evaluate(model, {
 *   heldOut,
 *   contexts: contexts.map(({ context }) => context),
 *   train: trainingIds,
 * });
 */
export async function evaluate(model: EvaluableModel, options: EvaluationOptions): Promise<EvaluationResult> {
  return withHooks(given({ onProgress: options.onProgress }), (safe) => evaluateWith(model, { ...options, ...safe }));
}

async function evaluateWith(model: EvaluableModel, options: EvaluationOptions): Promise<EvaluationResult> {
  const { heldOut = [], contexts = [], maxNewTokens = 96 } = options;
  if (heldOut.length + contexts.length === 0) {
    throw new HyperfitError('ERR_DATA', 'expected sequences for `heldOut` or beginnings for `contexts`, got neither; give at least one');
  }
  const statistics = await measureRows(model, heldOut, options);
  const written = await continueContexts(model, contexts, maxNewTokens, options);
  const continuations = written.generations.filter(({ answer }) => answer === undefined).map(({ ids }) => ids);
  const losses = statistics.sequences().map(({ loss }) => loss);
  const ratios = continuations.map((ids) => typeTokenRatio(ids)).filter((ratio) => ratio !== null);
  return {
    schemaVersion: 1,
    ...likelihoodOf(statistics),
    ...measureTexts(continuations, indexOf(options.train)),
    answers: await measureAnswers(model, written, { heldOut, statistics, options }),
    intervals: { loss: bootstrapMean(losses), ttr: bootstrapMean(ratios) },
    counts: { heldOutSequences: losses.length, heldOutTokens: statistics.summarize()?.tokenCount ?? 0, contexts: contexts.length },
    generations: written.generations,
    signatures: signaturesOf(written, maxNewTokens, options.generateOptions),
  };
}

function indexOf(train: EvaluationOptions['train']): OverlapIndex | undefined {
  return train === undefined || train instanceof OverlapIndex ? train : new OverlapIndex(train);
}

function signaturesOf(
  { judged, generations }: Written,
  maxNewTokens: number,
  generateOptions: object = {},
): EvaluationResult['signatures'] {
  const onlyAnswers = judged.length > 0 && judged.length === generations.length;
  return {
    ...(onlyAnswers ? {} : TEXT_SIGNATURES),
    ...(judged.length === 0 ? {} : { answers: answersSignature() }),
    likelihood: tokenStatisticsSignature(),
    intervals: bootstrapSignature(),
    generation: generationSignature({ maxNewTokens, ...(onlyAnswers ? {} : { minNewTokens: maxNewTokens }), ...generateOptions }),
  };
}

/** E.g. `generation|maxNewTokens:96|minNewTokens:96|temperature:0`. */
function generationSignature(settings: object): string {
  // Listeners change nothing.
  const said = Object.entries(settings).filter(([, value]) => typeof value !== 'function');
  return ['generation', ...said.map(([name, value]) => `${name}:${wordFor(value)}`)].join('|');
}

function wordFor(value: unknown): string {
  if (value instanceof CitationBlocker) return value.signature;
  return typeof value === 'object' && value !== null ? 'set' : String(value);
}

async function measureRows(model: EvaluableModel, rows: readonly Row[], options: EvaluationOptions): Promise<TokenStatistics> {
  const { onProgress } = options;
  const measuring: MeasureOptions = {
    ...sharedOptions(options),
    onProgress: (progress) => onProgress?.({ stage: 'heldOut', ...progress }),
  };
  return measure(model, rows, measuring);
}

function likelihoodOf(statistics: TokenStatistics): Likelihood {
  const summary = statistics.summarize();
  if (summary === null) return NO_LIKELIHOOD;
  const { tokenCount: _, ...means } = summary;
  return means;
}

interface HeldOut {
  heldOut: readonly Row[];
  statistics: TokenStatistics;
  options: EvaluationOptions;
}

/** The right answers are those of the held-out rows, or else the references. */
async function measureAnswers(
  model: EvaluableModel,
  { judged, stops }: Written,
  { heldOut, statistics, options }: HeldOut,
): Promise<AnswerMetrics | null> {
  if (judged.length === 0) return null;
  if (heldOut.some(isMasked))
    return summarizeAnswers(
      judged,
      stops,
      statistics.summarize((row) => isMasked(heldOut[row]!)),
    );
  const rows = judged.filter(({ reference }) => reference.length > 0).map(referenceRow);
  const { onProgress: _, ...quiet } = options;
  return summarizeAnswers(judged, stops, (await measureRows(model, rows, quiet)).summarize());
}

function sharedOptions({ batchSize, signal }: EvaluationOptions): MeasureOptions {
  return { ...(batchSize === undefined ? {} : { batchSize }), ...(signal === undefined ? {} : { signal }) };
}
