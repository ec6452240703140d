import { given } from '../config/given.ts';
import type { ImageFormat } from '../image/image-format.ts';
import type { Model } from '../model/model.ts';

/** Of `completeImages`. */
export interface CompletionOptions {
  /** Images at a time; default 32. */
  batchSize?: number;
  /** Ends the work; the promise rejects with its reason. */
  signal?: AbortSignal | undefined;
  /** Told of each pixel. */
  onToken?: (() => void) | undefined;
}

/**
 * Greedy completion of images of which the start token and the first pixels are given.
 * @param contexts each [1 + given pixels], all of one length
 * @returns the ids of the pixels that were added
 * @throws HyperfitError as `Model.generate`
 *
 * @example
 * const format = readImageFormat(model.files.preprocessor, model);
 * const images = await loadImageSequences('digits/', model, { count: 8 });
 * const beginnings = images.map(({ ids }) => ids.slice(0, 1 + contextPixels(format)));
 * const pixels = await completeImages(model, beginnings, format);
 */
export async function completeImages(
  model: Model,
  contexts: readonly Int32Array[],
  format: ImageFormat,
  { batchSize = 32, signal, onToken }: CompletionOptions = {},
): Promise<Int32Array[]> {
  const completed: Int32Array[] = [];
  for (let at = 0; at < contexts.length; at += batchSize)
    completed.push(...(await completeBatch(model, contexts.slice(at, at + batchSize), format, given({ signal, onToken }))));
  return completed;
}

/**
 * Start token and pixels are one id more than the model has positions: the last pixel is read off the last position, where nothing is fed
 * any more.
 */
async function completeBatch(
  model: Model,
  contexts: readonly Int32Array[],
  { width, height }: ImageFormat,
  options: { signal?: AbortSignal; onToken?: () => void },
): Promise<Int32Array[]> {
  const pixels = width * height;
  const start = contexts[0]!.length;
  const generations = await model.generate(contexts, { maxNewTokens: pixels - start, stopIds: [], ...options });
  const tokens = new Int32Array(contexts.length * pixels);
  generations.forEach(({ promptIds, ids }, row) => {
    tokens.set(promptIds, row * pixels);
    tokens.set(ids, row * pixels + start);
  });
  const batch = { tokens, targets: new Int32Array(tokens.length), batchSize: contexts.length, sequenceLength: pixels };
  const { top1Ids } = await model.tokenStats(batch, given({ signal: options.signal }));
  return generations.map(({ ids }, row) => {
    options.onToken?.();
    return Int32Array.of(...ids, top1Ids[(row + 1) * pixels - 1]!);
  });
}
