import { given } from '../config/given.ts';
import type { Sequence } from '../data/sequences.ts';
import { evaluate, type EvaluatedGeneration, type EvaluationResult } from '../evaluate/evaluation.ts';
import { tokenStatisticsSignature } from '../evaluate/token-statistics.ts';
import type { ImageFormat } from '../image/image-format.ts';
import { contextPixels, IMAGE_SIGNATURES, meanImageMetrics, measureImage, type ImageMetrics } from '../image/image-metrics.ts';
import type { Model } from '../model/model.ts';
import { completeImages } from './image-completion.ts';
import type { ComparedVariant, ComparisonParts } from './comparison.ts';

/** Greedy completions of the images of a run, measured as images: text metrics stay null. */
export async function measureImages(
  name: string,
  isHyperfitted: boolean,
  parts: ComparisonParts & { images: ImageFormat },
): Promise<ComparedVariant> {
  const { data, config, onTokens } = parts;
  const contexts = data.contexts.slice(0, config.comparisonContexts);
  const total = contexts.reduce((sum, { original }) => sum + original.length, 0);
  let done = 0;
  const result = await evaluateImages(parts, config.comparisonContexts, onTokens && (() => onTokens({ what: name, done: ++done, total })));
  return { name, isHyperfitted, decoding: 'greedy', ...result };
}

/** Held-out loss, and completions of at most `count` contexts. */
export async function evaluateImages(
  parts: ComparisonParts & { images: ImageFormat },
  count: number,
  onToken?: () => void,
): Promise<{ result: EvaluationResult; image: ImageMetrics | null }> {
  const { model, data, images, signal } = parts;
  const likelihood = await evaluate(model, { heldOut: data.heldOut, contexts: [], ...given({ signal }) });
  const generations = await complete(
    model,
    data.contexts.slice(0, count).map(({ context }) => context),
    images,
    { signal, onToken },
  );
  const signatures = {
    ...IMAGE_SIGNATURES,
    likelihood: tokenStatisticsSignature(),
    generation: `generation|greedy|context:${contextPixels(images)}-pixels`,
  };
  const result = { ...likelihood, generations, signatures, counts: { ...likelihood.counts, contexts: generations.length } };
  return { result, image: meanImageMetrics(measureGenerations(generations, images, data.train)) };
}

async function complete(
  model: Model,
  contexts: readonly Int32Array[],
  format: ImageFormat,
  options: { signal: AbortSignal | undefined; onToken: (() => void) | undefined },
): Promise<EvaluatedGeneration[]> {
  const completed = await completeImages(model, contexts, format, options);
  return completed.map((ids, index) => ({ promptIds: contexts[index]!, ids }));
}

/** All pixels of a completed image. */
export function pixelsOf({ promptIds, ids }: Pick<EvaluatedGeneration, 'promptIds' | 'ids'>): Int32Array {
  return Int32Array.of(...promptIds.subarray(1), ...ids);
}

/** Each image measured by itself; the targets of the training sequences are their pixels. */
export function measureGenerations(
  generations: readonly EvaluatedGeneration[],
  format: ImageFormat,
  train: readonly Sequence[],
): ImageMetrics[] {
  const pixels = train.flatMap(({ targets }) => (targets === undefined ? [] : [targets]));
  return generations.map((generation) => measureImage(pixelsOf(generation), format.width, contextPixels(format), pixels));
}
