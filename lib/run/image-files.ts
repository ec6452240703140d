import { basename } from 'node:path';
import { replaceFile } from '../checkpoint/atomic-folder.ts';
import type { Sequence } from '../data/sequences.ts';
import type { EvaluatedGeneration } from '../evaluate/evaluation.ts';
import { renderGrid } from '../image/grid.ts';
import { decodePixels, type ImageFormat } from '../image/image-format.ts';
import { contextPixels, IMAGE_SIGNATURES, meanImageMetrics, type ImageMetrics } from '../image/image-metrics.ts';
import { writePng } from '../image/png.ts';
import type { ComparedVariant } from './comparison.ts';
import { measureGenerations, pixelsOf } from './image-comparison.ts';
import type { RunData } from './run-data.ts';
import { readRunJson, writeJson, type RunFolder } from './run-folder.ts';

/** One row of the grid: its figures, the mean first. */
export interface ImageRow {
  name: string;
  mean: ImageMetrics | null;
  images: ImageMetrics[];
}

/** images.json: what images.png shows, in numbers. */
export interface ImagesFile {
  schemaVersion: 1;
  width: number;
  height: number;
  colours: number;
  /** Pixels given of each image, the start token not counted. */
  contextPixels: number;
  /** Where each image comes from. */
  sources: string[];
  /** In the order of the grid's rows: the real images, then their completions by each variant. */
  rows: ImageRow[];
  signatures: Record<string, string>;
}

/**
 * Writes images.png and images.json: real images, their completions by the original model, and by the hyperfitted one where there is one
 * yet.
 */
export async function writeImages(
  folder: RunFolder,
  variants: readonly ComparedVariant[],
  { contexts, train, images: format }: RunData & { images: ImageFormat },
): Promise<void> {
  const shown = contexts.slice(0, variants[0]?.result.generations.length ?? 0);
  const real = { name: 'real images', generations: shown.map(({ context, original }) => ({ promptIds: context, ids: original })) };
  const rows = [real, ...variants.map(({ name, result }) => ({ name, generations: result.generations }))];
  const given = contextPixels(format);
  const file: ImagesFile = {
    schemaVersion: 1,
    width: format.width,
    height: format.height,
    colours: format.palette.length,
    contextPixels: given,
    sources: shown.map(({ source }) => basename(source)),
    rows: rows.map(({ name, generations }) => measureRow(name, generations, format, train)),
    signatures: IMAGE_SIGNATURES,
  };
  const pictures = rows.map(({ generations }) => generations.map((generation) => decodePixels(pixelsOf(generation), format)));
  await replaceFile(folder.imagesFile, writePng(renderGrid(pictures, { contextPixels: given })));
  await writeJson(folder.imageFiguresFile, file);
}

function measureRow(name: string, generations: readonly EvaluatedGeneration[], format: ImageFormat, train: readonly Sequence[]): ImageRow {
  const images = measureGenerations(generations, format, train);
  return { name, mean: meanImageMetrics(images), images };
}

/** @throws HyperfitError ERR_CHECKPOINT when it is missing or not JSON */
export function readImagesFile(folder: RunFolder): ImagesFile {
  return readRunJson(folder.imageFiguresFile) as ImagesFile;
}
