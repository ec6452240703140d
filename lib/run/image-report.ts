import { existsSync } from 'node:fs';
import { readBytesSync } from '../regular-file.ts';
import type { ReportImages } from '../report/report-data.ts';
import { readImagesFile } from './image-files.ts';
import type { RunFolder } from './run-folder.ts';

const PNG_WIDTH_OFFSET = 16;

/** The grid of an image run and its figures; undefined for a run on text, or one that has completed no image yet. */
export function readReportImages(folder: RunFolder): ReportImages | undefined {
  if (!existsSync(folder.imagesFile) || !existsSync(folder.imageFiguresFile)) return undefined;
  const png = readBytesSync(folder.imagesFile);
  const { rows } = readImagesFile(folder);
  return { png, width: png.readUInt32BE(PNG_WIDTH_OFFSET), rows: rows.map(({ name }) => name), real: rows[0]?.mean ?? null };
}
