import { withHooks } from '../callbacks.ts';
import { given } from '../config/given.ts';
import type { Row } from '../data/batch.ts';
import { HyperfitError } from '../errors.ts';
import { CitationBlocker } from '../generate/citation-blocker.ts';
import type { GenerateOptions } from '../generate/options.ts';
import { bootstrapMean, bootstrapSignature, type BootstrapInterval } from './bootstrap.ts';
import { measure, type MeasurableModel, type MeasureOptions } from './measure.ts';
import { OverlapIndex } from './overlap.ts';
import { measureTexts, TEXT_SIGNATURES, type TextMetrics } from './text-metrics.ts';
import { tokenStatisticsSignature, type TopKMass } from './token-statistics.ts';
import { typeTokenRatio } from './type-token-ratio.ts';

/** A continuation as evaluation needs it; a model may say more about it. */
export interface EvaluatedGeneration {
  promptIds: Int32Array;
  /** The new tokens. */
  ids: Int32Array;
  text?: string;
  /** Steps at which the citation blocker changed the choice. */
  interventions?: number;
}

/** What evaluation needs of a model. */
export interface EvaluableModel extends MeasurableModel {
  generate(prompts: Int32Array[], options: GenerateOptions): Promise<readonly EvaluatedGeneration[]>;
}

export interface EvaluationOptions {
  /** Sequences not trained on, for loss, perplexity, entropy, top-k mass and top-1 accuracy. */
  heldOut?: readonly Row[];
  /** Beginnings to continue, for the metrics of texts. */
  contexts?: readonly Int32Array[];
  /** Training sequences, or the index already made of them, for the overlap. */
  train?: readonly Int32Array[] | OverlapIndex;
  /** Default 96, the paper's. */
  maxNewTokens?: number;
  /** Held-out sequences at a time; default 8. */
  batchSize?: number;
  /** Contexts at a time; default 32: rows of a decoding batch are nearly free. */
  contextBatchSize?: number;
  /** Decoding; greedy by default. `minNewTokens` is `maxNewTokens` unless given, so that all texts have the same length. */
  generateOptions?: Omit<GenerateOptions, 'maxNewTokens' | 'signal'>;
  signal?: AbortSignal;
  onProgress?: (progress: { stage: 'heldOut' | 'contexts'; done: number; total: number }) => void;
}

/** Plain numbers under fixed names; null for whatever had no input. Scales and formulas are in `signatures`. */
export interface EvaluationResult extends TextMetrics {
  schemaVersion: 1;
  loss: number | null;
  perplexity: number | null;
  /** Nats. */
  entropy: number | null;
  topKMass: TopKMass | null;
  top1Accuracy: number | null;
  /** 95 % bootstrap intervals; of the loss over sequences, of the TTR over contexts. */
  intervals: { loss: BootstrapInterval | null; ttr: BootstrapInterval | null };
  counts: { heldOutSequences: number; heldOutTokens: number; contexts: number };
  generations: readonly EvaluatedGeneration[];
  signatures: Record<string, string>;
}

type Likelihood = Pick<EvaluationResult, 'loss' | 'perplexity' | 'entropy' | 'topKMass' | 'top1Accuracy'> & { tokens: number; losses: number[] };

const NO_LIKELIHOOD: Likelihood = { loss: null, perplexity: null, entropy: null, topKMass: null, top1Accuracy: null, tokens: 0, losses: [] };

/**
 * Measures a model on held-out text and on its own continuations of contexts. It changes nothing in the model, and the batch
 * size changes no result. Throws ERR_DATA when there are neither held-out sequences nor contexts; rejects with the signal's reason when aborted.
 */
export async function evaluate(model: EvaluableModel, options: EvaluationOptions): Promise<EvaluationResult> {
  return withHooks(given({ onProgress: options.onProgress }), (safe) => evaluateWith(model, { ...options, ...safe }));
}

async function evaluateWith(model: EvaluableModel, options: EvaluationOptions): Promise<EvaluationResult> {
  const { heldOut = [], contexts = [], maxNewTokens = 96 } = options;
  if (heldOut.length + contexts.length === 0) {
    throw new HyperfitError('ERR_DATA', 'expected sequences for `heldOut` or beginnings for `contexts`, got neither; give at least one');
  }
  const { tokens, losses, ...likelihood } = await measureHeldOut(model, heldOut, options);
  const generations = await continueContexts(model, contexts, maxNewTokens, options);
  const continuations = generations.map(({ ids }) => ids);
  return {
    schemaVersion: 1,
    ...likelihood,
    ...measureTexts(continuations, indexOf(options.train)),
    intervals: { loss: bootstrapMean(losses), ttr: bootstrapMean(continuations.map((ids) => typeTokenRatio(ids)).filter((ratio) => ratio !== null)) },
    counts: { heldOutSequences: losses.length, heldOutTokens: tokens, contexts: contexts.length },
    generations,
    signatures: { ...TEXT_SIGNATURES, likelihood: tokenStatisticsSignature(), intervals: bootstrapSignature(), generation: generationSignature(maxNewTokens, options.generateOptions) },
  };
}

function indexOf(train: EvaluationOptions['train']): OverlapIndex | undefined {
  return train === undefined || train instanceof OverlapIndex ? train : new OverlapIndex(train);
}

/** E.g. `generation|maxNewTokens:96|minNewTokens:96|temperature:0`. */
function generationSignature(maxNewTokens: number, generateOptions: object = {}): string {
  const settings = Object.entries({ maxNewTokens, minNewTokens: maxNewTokens, ...generateOptions });
  const plain = settings.map(([name, value]) => `${name}:${wordFor(value)}`);
  return ['generation', ...plain].join('|');
}

function wordFor(value: unknown): string {
  if (value instanceof CitationBlocker) return value.signature;
  return typeof value === 'object' && value !== null ? 'set' : String(value);
}

async function measureHeldOut(model: EvaluableModel, heldOut: readonly Row[], options: EvaluationOptions): Promise<Likelihood> {
  const { onProgress } = options;
  const measuring: MeasureOptions = { ...sharedOptions(options), onProgress: (progress) => onProgress?.({ stage: 'heldOut', ...progress }) };
  const statistics = await measure(model, heldOut, measuring);
  const summary = statistics.summarize();
  if (summary === null) return NO_LIKELIHOOD;
  const { tokenCount, ...means } = summary;
  return { ...means, tokens: tokenCount, losses: statistics.sequences().map(({ loss }) => loss) };
}

async function continueContexts(model: EvaluableModel, contexts: readonly Int32Array[], maxNewTokens: number, options: EvaluationOptions): Promise<EvaluatedGeneration[]> {
  const { contextBatchSize: batchSize = 32, signal, onProgress } = options;
  const generateOptions = { maxNewTokens, minNewTokens: maxNewTokens, ...options.generateOptions, ...(signal === undefined ? {} : { signal }) };
  const generations: EvaluatedGeneration[] = [];
  for (let at = 0; at < contexts.length; at += batchSize) {
    signal?.throwIfAborted();
    generations.push(...(await model.generate(contexts.slice(at, at + batchSize), generateOptions)));
    onProgress?.({ stage: 'contexts', done: generations.length, total: contexts.length });
  }
  return generations;
}

function sharedOptions({ batchSize, signal }: EvaluationOptions): MeasureOptions {
  return { ...(batchSize === undefined ? {} : { batchSize }), ...(signal === undefined ? {} : { signal }) };
}
