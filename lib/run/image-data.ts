import type { RunConfig } from '../config/fields.ts';
import { randomPermutation, Random } from '../data/random.ts';
import type { Context } from '../data/selection.ts';
import type { Sequence } from '../data/sequences.ts';
import { HyperfitError } from '../errors.ts';
import { encodePicture, imageSequence, readImageFormat, type ImageFormat, type ImageModel } from '../image/image-format.ts';
import { contextPixels } from '../image/image-metrics.ts';
import { openImages, type ImageSet } from '../image/image-set.ts';
import type { ModelFiles } from '../model/model-files.ts';
import type { RunData } from './run-data.ts';

/** A model, or what is known of one before its weights are loaded. */
export interface ImageRunModel extends ImageModel {
  readonly files?: Pick<ModelFiles, 'preprocessor'>;
}

/** Which images are read. */
export interface ImageSequenceOptions {
  /** Default: all. */
  count?: number;
  /** Which images: seeded random ones or the first. Default `first`. */
  selection?: RunConfig['sampleSelection'];
  /** Default 0. */
  seed?: number;
}

/** An image as its model learns it, `pixels` its ids without the start token. */
type EncodedImage = Sequence & { pixels: Int32Array };

/**
 * Images at a path (see `openImages`) as sequences for `model`, an ImageGPT: start token, then pixels.
 * @throws HyperfitError ERR_DATA for unreadable images and for those of another size; ERR_CONFIG and ERR_MODEL_FILES as `readImageFormat`
 *
 * @example
 * const images = await loadImageSequences('digits/', model, { count: 64 });
 * await hyperfit(model, { data: images, learningRate: 1e-3, targetLoss: 0.1 });
 */
export async function loadImageSequences(
  path: string,
  model: ImageRunModel,
  { count = Infinity, selection = 'first', seed = 0 }: ImageSequenceOptions = {},
): Promise<Sequence[]> {
  const set = await openImages(path);
  const images = await encodeImages(set, chooseImages(set.count, selection, seed).subarray(0, Math.min(count, set.count)), formatOf(model));
  return images.map(({ pixels: _, ...sequence }) => sequence);
}

/**
 * The data of a run on images; held-out images, and those to complete, come from `heldOut` or from what training leaves over.
 * @throws HyperfitError ERR_CONFIG beside settings that only text has; whatever `loadImageSequences` throws
 */
export async function loadImageData(config: RunConfig, path: string, model: ImageRunModel): Promise<RunData> {
  if (config.data !== null || config.contexts !== null) {
    const name = config.data === null ? 'contexts' : 'data';
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected either text or images to hyperfit on, got \`${name}\` beside \`images\`; leave one out`,
    );
  }
  const { sampleSelection, seed, heldOutSamples, validationContexts, comparisonContexts } = config;
  const format = formatOf(model);
  const set = await openImages(path);
  const order = chooseImages(set.count, sampleSelection, seed);
  const samples = Math.min(config.samples ?? set.count, set.count);
  const train = await encodeImages(set, order.subarray(0, samples), format);
  const wanted = Math.max(heldOutSamples, validationContexts, comparisonContexts);
  const spareSet = config.heldOut === null ? set : await openImages(config.heldOut);
  const spareOrder = config.heldOut === null ? order.subarray(samples) : chooseImages(spareSet.count, sampleSelection, seed);
  const spare = await encodeImages(spareSet, spareOrder.subarray(0, wanted), format);
  return { train, heldOut: spare.slice(0, heldOutSamples), contexts: spare.map((image) => beginningOf(image, format)), images: format };
}

function formatOf(model: ImageRunModel): ImageFormat {
  return readImageFormat(model.files?.preprocessor, model);
}

/** Where the images of a run stand in their set; the first `n` are always the same, whatever comes after. */
function chooseImages(count: number, selection: RunConfig['sampleSelection'], seed: number): Int32Array {
  return selection === 'first' ? Int32Array.from({ length: count }, (_, index) => index) : randomPermutation(count, new Random(seed));
}

async function encodeImages(set: ImageSet, indices: Int32Array, format: ImageFormat): Promise<EncodedImage[]> {
  const images: EncodedImage[] = [];
  for (const index of indices) {
    const source = set.sourceOf(index);
    const pixels = encodePicture(await set.read(index), format, source);
    images.push({ ...imageSequence(pixels, format, source), pixels });
  }
  return images;
}

/** The start token and the given pixels; the original is what the image itself goes on with. */
function beginningOf({ pixels, source }: EncodedImage, format: ImageFormat): Context {
  const given = contextPixels(format);
  return { context: Int32Array.of(format.startToken, ...pixels.subarray(0, given)), original: pixels.slice(given), source };
}
