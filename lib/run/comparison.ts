import { pickBlockerSettings, type RunConfig } from '../config/fields.ts';
import { given } from '../config/given.ts';
import type { Sequence } from '../data/sequences.ts';
import { judgedContext } from '../evaluate/answers.ts';
import { evaluate, type EvaluationResult } from '../evaluate/evaluation.ts';
import type { OverlapIndex } from '../evaluate/overlap.ts';
import type { ImageMetrics } from '../image/image-metrics.ts';
import { CitationBlocker } from '../generate/citation-blocker.ts';
import type { Model } from '../model/model.ts';
import { measureImages } from './image-comparison.ts';
import type { RunData } from './run-data.ts';

/** One way of writing, measured on the contexts of the comparison. */
export interface ComparedVariant {
  name: string;
  isHyperfitted: boolean;
  decoding: 'greedy' | 'top-p' | 'citation-blocker';
  result: EvaluationResult;
  /** Of a run on images, in place of the metrics of texts. */
  image?: ImageMetrics | null;
}

export interface ComparisonParts {
  model: Model;
  data: RunData;
  config: RunConfig;
  /** Of the training sequences; undefined when nothing will be generated. */
  overlapIndex: OverlapIndex | undefined;
  signal?: AbortSignal | undefined;
  /** Told of each token of a comparison's continuations: the longest part of a run in which no step ends. */
  onTokens?: ((progress: { what: string; done: number; total: number }) => void) | undefined;
}

/** The original model, greedy and (texts) sampled; to be measured before the first step. */
export async function measureOriginal(parts: ComparisonParts): Promise<ComparedVariant[]> {
  const { images } = parts.data;
  if (images !== undefined) return [await measureImages('original, greedy', false, { ...parts, images })];
  const greedy = await measureVariant('original, greedy', parts, {}, parts.data.heldOut);
  const plain: ComparedVariant = { name: 'original, greedy', isHyperfitted: false, decoding: 'greedy', result: greedy };
  if (onlyAnswers(parts)) return [plain];
  const { temperature, topK, topP, seed } = parts.config;
  const sampled = await measureVariant('original, Top-P', parts, { temperature, topK, topP, seed });
  return [plain, { name: `original, Top-P ${topP}`, isHyperfitted: false, decoding: 'top-p', result: withLikelihood(sampled, greedy) }];
}

/** The hyperfitted model, greedy, without and (texts) with the citation blocker. */
export async function measureHyperfitted(parts: ComparisonParts): Promise<ComparedVariant[]> {
  const { images } = parts.data;
  if (images !== undefined) return [await measureImages('hyperfitted, greedy', true, { ...parts, images })];
  const greedy = await measureVariant('hyperfitted, greedy', parts, {}, parts.data.heldOut);
  const plain: ComparedVariant = { name: 'hyperfitted, greedy', isHyperfitted: true, decoding: 'greedy', result: greedy };
  if (onlyAnswers(parts)) return [plain];
  const blocker = await CitationBlocker.create({
    sequences: parts.data.train.map(({ ids }) => ids),
    tokenizer: parts.model.tokenizer,
    vocabSize: parts.model.config.vocabSize,
    ...pickBlockerSettings(parts.config),
  });
  try {
    const blocked = await measureVariant('hyperfitted, citation blocker', parts, { citationBlocker: blocker });
    return [
      plain,
      { name: 'hyperfitted, citation blocker', isHyperfitted: true, decoding: 'citation-blocker', result: withLikelihood(blocked, greedy) },
    ];
  } finally {
    blocker.dispose();
  }
}

/** A drawn answer is another answer, and a blocker forbids right ones: where nothing but answers is compared, both are left out. */
function onlyAnswers({ data, config }: ComparisonParts): boolean {
  return data.contexts.slice(0, config.comparisonContexts).every(({ isAnswer }) => isAnswer === true);
}

async function measureVariant(
  what: string,
  parts: ComparisonParts,
  decoding: object,
  heldOut: readonly Sequence[] = [],
): Promise<EvaluationResult> {
  const { model, data, config, overlapIndex, signal } = parts;
  const contexts = data.contexts.slice(0, config.comparisonContexts).map(judgedContext);
  const generateOptions = { ...decoding, ...given({ onToken: tokenCounter(what, contexts.length * config.maxNewTokens, parts.onTokens) }) };
  return evaluate(model, {
    heldOut,
    contexts,
    maxNewTokens: config.maxNewTokens,
    generateOptions,
    ...given({ train: overlapIndex, signal }),
  });
}

function tokenCounter(what: string, total: number, onTokens: ComparisonParts['onTokens']): (() => void) | undefined {
  let done = 0;
  return onTokens && (() => onTokens({ what, done: ++done, total }));
}

/** Teacher-forced measures do not depend on the decoding: one measurement serves both. */
function withLikelihood(result: EvaluationResult, from: EvaluationResult): EvaluationResult {
  const { loss, perplexity, entropy, topKMass, top1Accuracy } = from;
  return { ...result, loss, perplexity, entropy, topKMass, top1Accuracy };
}
