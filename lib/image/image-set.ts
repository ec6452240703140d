import { join } from 'node:path';
import { HyperfitError } from '../errors.ts';
import { readdir, stat } from '../file-system.ts';
import { readBytes, refuseFile } from '../regular-file.ts';
import { idxPictures, isGzip, isIdx, rawPictures, type Picture, type Pictures } from './pixels.ts';
import { isPng, readPng } from './png.ts';

const KNOWN = 'a folder of PNG files, a PNG, an IDX file (gzipped or not) or raw 32 x 32 colour';

/** Images at a path, each read when it is asked for. */
export interface ImageSet {
  /** How many images there are. */
  readonly count: number;
  /** Where an image stands, for messages and manifests: `file`, or `file:number` in a file of many. */
  sourceOf(index: number): string;
  /** The image with this number. */
  read(index: number): Promise<Picture>;
}

/**
 * Opens a folder of PNG files (in the order of their names), or one file by what it holds: PNG, IDX as MNIST and Fashion-MNIST come
 * in, or raw 32 x 32 colour as CIFAR-10 comes in.
 * @throws HyperfitError ERR_DATA for a path that cannot be read, a folder without PNG files, and files of another kind
 *
 * @example
 * const digits = await openImages('train-images-idx3-ubyte.gz');
 * const { width, height } = await digits.read(0);
 * console.log(digits.count, digits.sourceOf(0), width, height);
 */
export async function openImages(path: string): Promise<ImageSet> {
  const info = await stat(path).catch((cause: unknown) => {
    throw new HyperfitError('ERR_DATA', `expected ${KNOWN} for \`images\`, got ${path}, which cannot be read; check the path`, { cause });
  });
  if (info.isDirectory()) return openFolder(path);
  const pictures = picturesOf(await readImage(path), path);
  if (pictures.count === 0) throw new HyperfitError('ERR_DATA', `expected images in \`${path}\`, got none; give another file`);
  return { count: pictures.count, sourceOf: (index) => `${path}:${index + 1}`, read: async (index) => pictures.at(index) };
}

async function readImage(path: string): Promise<Buffer> {
  return readBytes(path).catch((cause: unknown) => refuseFile(path, 'ERR_DATA', cause));
}

function picturesOf(bytes: Uint8Array, path: string): Pictures {
  if (isPng(bytes)) return { count: 1, at: () => readPng(bytes, path) };
  return isGzip(bytes) || isIdx(bytes) ? idxPictures(bytes, path) : rawPictures(bytes, path);
}

async function openFolder(folder: string): Promise<ImageSet> {
  const names = (await readdir(folder)).filter((name) => name.toLowerCase().endsWith('.png')).sort();
  if (names.length === 0)
    throw new HyperfitError('ERR_DATA', `expected .png files in \`${folder}\` for \`images\`, got none; give ${KNOWN}`);
  const pathOf = (index: number): string => join(folder, names[index]!);
  return { count: names.length, sourceOf: pathOf, read: async (index) => readPng(await readImage(pathOf(index)), pathOf(index)) };
}
