import { HyperfitError } from '../errors.ts';

/** What can be said of the completed part of an image; a share each, in [0, 1]. */
export interface ImageMetrics {
  /** Of the completed rows, how many equal the row above: 1 is vertical stripes. */
  rowRepeatRate: number;
  /** Distinct ids over ids of the completed pixels: the type-token ratio of a palette. */
  paletteTtr: number;
  /** Distinct rows over completed rows. */
  distinctRows: number;
  /** Pixels equal to those of the training image that has the most of them; null without training images. */
  trainingMatch: number | null;
}

export const IMAGE_SIGNATURES = {
  rowRepeatRate: 'rowRepeatRate|rows:completed-whole|equal-to:row-above|mean:images',
  paletteTtr: 'paletteTtr|unit:palette-ids|pixels:completed|distinct/total|mean:images',
  distinctRows: 'distinctRows|rows:completed-whole|distinct/total|mean:images',
  trainingMatch: 'trainingMatch|pixels:completed|equal-to:nearest-training-image|mean:images',
} as const;

/**
 * How many pixels of an image are given: a quarter, as in the paper (section 7.1).
 *
 * @example
 * contextPixels({ width: 28, height: 28 }); // 196
 */
export function contextPixels({ width, height }: { width: number; height: number }): number {
  return Math.floor((width * height) / 4);
}

/**
 * Measures one image of `width` pixels a row of which the first `context` pixels were given. Rows that the context touches are left out
 * of the row metrics, though the first row is compared with the one above it.
 * @param train the pixels of each training image
 * @throws HyperfitError ERR_SHAPE for a width that is none, and for a context that leaves nothing to measure
 *
 * @example
 * measureImage(Int32Array.of(1, 2, 1, 2, 3, 3), 2, 2); // rowRepeatRate 0.5, paletteTtr 0.75, distinctRows 1
 */
export function measureImage(pixels: Int32Array, width: number, context: number, train: readonly Int32Array[] = []): ImageMetrics {
  requireShape(pixels.length, width, context);
  const completed = pixels.subarray(context);
  const rows: string[] = [];
  for (let at = 0; at < pixels.length; at += width) rows.push(pixels.subarray(at, at + width).join(' '));
  const first = Math.ceil(context / width);
  const own = rows.slice(first);
  return {
    rowRepeatRate: own.filter((row, index) => row === rows[first + index - 1]).length / own.length,
    paletteTtr: new Set(completed).size / completed.length,
    distinctRows: new Set(own).size / own.length,
    trainingMatch:
      train.length === 0 ? null : train.reduce((most, image) => Math.max(most, equalPixels(pixels, image, context)), 0) / completed.length,
  };
}

function requireShape(pixels: number, width: number, context: number): void {
  if (!Number.isSafeInteger(width) || width < 1)
    throw new HyperfitError('ERR_SHAPE', `expected a whole number from 1 for \`width\`, got ${width}`);
  // Of a row that the context touches nothing is counted, so a whole one has to follow.
  if (Number.isSafeInteger(context) && context >= 0 && Math.ceil(context / width) * width < pixels) return;
  throw new HyperfitError(
    'ERR_SHAPE',
    `expected a \`context\` of at least 0 that leaves a row of ${width} pixels to measure, got ${context} of ${pixels}; give fewer pixels as context`,
  );
}

function equalPixels(pixels: Int32Array, image: Int32Array, from: number): number {
  let equal = 0;
  for (let at = from; at < pixels.length; at++) if (pixels[at] === image[at]) equal++;
  return equal;
}

/**
 * The mean over images, null for none.
 *
 * @example
 * const images = [Int32Array.of(1, 2, 1, 2), Int32Array.of(1, 2, 3, 4)];
 * meanImageMetrics(images.map((pixels) => measureImage(pixels, 2, 2)))?.rowRepeatRate; // 0.5
 */
export function meanImageMetrics(each: readonly ImageMetrics[]): ImageMetrics | null {
  if (each.length === 0) return null;
  const mean = (valueOf: (metrics: ImageMetrics) => number): number =>
    each.reduce((sum, metrics) => sum + valueOf(metrics), 0) / each.length;
  return {
    rowRepeatRate: mean(({ rowRepeatRate }) => rowRepeatRate),
    paletteTtr: mean(({ paletteTtr }) => paletteTtr),
    distinctRows: mean(({ distinctRows }) => distinctRows),
    trainingMatch: each.some(({ trainingMatch }) => trainingMatch === null) ? null : mean(({ trainingMatch }) => trainingMatch!),
  };
}
