/**
 * Images as ids of a palette, and back.
 * @module image
 */
export { renderGrid, type GridOptions } from '../image/grid.ts';
export {
  decodePixels,
  encodePicture,
  imageSequence,
  readImageFormat,
  renderPreprocessor,
  type ImageFormat,
  type ImageModel,
} from '../image/image-format.ts';
export { contextPixels, meanImageMetrics, measureImage, type ImageMetrics } from '../image/image-metrics.ts';
export { openImages, type ImageSet } from '../image/image-set.ts';
export { greyPalette, quantise, type Palette } from '../image/palette.ts';
export { repeatGrey, type Picture } from '../image/pixels.ts';
export { readPng, writePng } from '../image/png.ts';
export { completeImages, type CompletionOptions } from '../run/image-completion.ts';
export { loadImageSequences, type ImageSequenceOptions } from '../run/image-data.ts';
