/** Images as ids of a palette, and back. */
export { renderGrid, type GridOptions } from './grid.ts';
export { decodePixels, encodePicture, imageSequence, readImageFormat, renderPreprocessor, type ImageFormat, type ImageModel } from './image-format.ts';
export { contextPixels, meanImageMetrics, measureImage, type ImageMetrics } from './image-metrics.ts';
export { openImages, type ImageSet } from './image-set.ts';
export { greyPalette, quantise, type Palette } from './palette.ts';
export { repeatGrey, type Picture } from './pixels.ts';
export { readPng, writePng } from './png.ts';
