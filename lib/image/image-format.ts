import { HyperfitError } from '../errors.ts';
import { coloursOf, quantise, type Palette } from './palette.ts';
import type { Picture } from './pixels.ts';

/** What images of one model look like: their size, the colours of its ids, and the id that stands before the first pixel. */
export interface ImageFormat {
  /** In pixels. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
  /** Colours by id. */
  readonly palette: Palette;
  /** The id before the first pixel. */
  readonly startToken: number;
}

/** What is needed of an ImageGPT model to know its images. */
export interface ImageModel {
  /** Where it is. */
  readonly path: string;
  /** Its settings, checked. */
  readonly config: { readonly modelType: string; readonly vocabSize: number; readonly maxPositionEmbeddings: number };
}

type JsonObject = Readonly<Record<string, unknown>>;

/** Ids are only right under these, transformers' defaults; without a key they hold. */
const REQUIRED: readonly (readonly [key: string, value: unknown])[] = [
  ['do_rescale', true],
  ['do_normalize', true],
  ['do_color_quantize', true],
  ['rescale_factor', 1 / 255],
  ['image_mean', [0.5, 0.5, 0.5]],
  ['image_std', [0.5, 0.5, 0.5]],
];

/**
 * The format that an ImageGPT folder's preprocessor_config.json describes: its `clusters` are the palette, one colour in [-1, 1] for every
 * id but the last, which is the start token. Images have as many pixels as the model has positions; they are as `size` says, when it says
 * so many, otherwise square.
 * @throws HyperfitError ERR_CONFIG for another kind of model, ERR_MODEL_FILES for a preprocessor that does not fit it
 *
 * @example
 * const { width, height, palette, startToken } = readImageFormat(model.files.preprocessor, model);
 * console.log(width, height, palette.length, startToken);
 */
export function readImageFormat(preprocessor: JsonObject | undefined, { path, config }: ImageModel): ImageFormat {
  if (config.modelType !== 'imagegpt') {
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected an ImageGPT model for \`images\`, got ${config.modelType} in ${path}; give --data for text`,
    );
  }
  if (preprocessor === undefined) refuse(path, 'preprocessor_config.json with `clusters`', 'none', 'fetch it with the model');
  for (const [key, value] of REQUIRED) {
    const got = preprocessor[key] ?? value;
    if (JSON.stringify(got) !== JSON.stringify(value))
      refuse(path, `${JSON.stringify(value)} for \`${key}\``, JSON.stringify(got), 'use a model that was trained so');
  }
  const { vocabSize, maxPositionEmbeddings: pixels } = config;
  return {
    ...readSize(preprocessor['size'], pixels, path),
    palette: readClusters(preprocessor['clusters'], vocabSize - 1, path),
    startToken: vocabSize - 1,
  };
}

function readClusters(value: unknown, count: number, path: string): Palette {
  const isColour = (colour: unknown): boolean =>
    Array.isArray(colour) && colour.length === 3 && colour.every((channel) => typeof channel === 'number' && Number.isFinite(channel));
  if (!Array.isArray(value) || !value.every(isColour))
    refuse(path, 'a list of [red, green, blue] in [-1, 1] for `clusters`', typeof value, 'fetch the file again');
  if (value.length !== count)
    refuse(path, `${count} \`clusters\`, one for each id but the last`, String(value.length), 'use the file that belongs to these weights');
  return value as unknown as Palette;
}

function readSize(value: unknown, pixels: number, path: string): { width: number; height: number } {
  const side = Math.sqrt(pixels);
  const [height, width] = typeof value === 'number' ? [value, value] : sidesOf(value as JsonObject | undefined);
  if (width !== undefined && height !== undefined && width * height === pixels && height > 1) return { width, height };
  if (!Number.isInteger(side) || side < 2)
    refuse(path, `a \`size\` of ${pixels} pixels (n_positions)`, JSON.stringify(value) ?? 'none', 'write {"height": H, "width": W}');
  return { width: side, height: side };
}

function sidesOf(size: JsonObject | undefined): (number | undefined)[] {
  return ['height', 'width'].map((key) => (typeof size?.[key] === 'number' ? size[key] : undefined));
}

function refuse(path: string, expected: string, got: string, remedy: string): never {
  throw new HyperfitError('ERR_MODEL_FILES', `expected ${expected} for images in ${path}, got ${got}; ${remedy}`);
}

/**
 * preprocessor_config.json for such images, as transformers' ImageGPTImageProcessor reads it.
 *
 * @example
 * import { writeFile } from 'node:fs/promises';
 *
 * await writeFile('tiny/preprocessor_config.json', renderPreprocessor({ width: 8, height: 8, palette: greyPalette(16) }));
 */
export function renderPreprocessor({ width, height, palette }: Omit<ImageFormat, 'startToken'>): string {
  const settings = {
    image_processor_type: 'ImageGPTImageProcessor',
    do_resize: true,
    size: { height, width },
    resample: 2,
    do_normalize: true,
    do_color_quantize: true,
    clusters: palette,
  };
  return `${JSON.stringify(settings)}\n`;
}

/**
 * An image as the ids of its pixels, row after row: [height x width].
 * @throws HyperfitError ERR_DATA for another size than the format's
 *
 * @example
 * const format = { width: 2, height: 2, palette: greyPalette(16), startToken: 16 };
 * const rgb = repeatGrey(Uint8Array.of(0, 255, 255, 0));
 * encodePicture({ width: 2, height: 2, rgb }, format); // 0, 15, 15, 0
 */
export function encodePicture(picture: Picture, format: ImageFormat, source = 'an image'): Int32Array {
  const { width, height } = format;
  if (picture.width !== width || picture.height !== height) {
    throw new HyperfitError(
      'ERR_DATA',
      `expected images of ${width} x ${height} pixels, as many as the model has positions, got ${picture.width} x ${picture.height} at ${source}; resize them`,
    );
  }
  return quantise(picture.rgb, format.palette);
}

/**
 * The image that ids of pixels, [height x width], stand for.
 * @throws HyperfitError ERR_DATA for an id without a colour
 *
 * @example
 * const format = { width: 2, height: 2, palette: greyPalette(16), startToken: 16 };
 * decodePixels([0, 15, 15, 0], format).rgb; // 0, 0, 0, 255, 255, 255, ...: black, white, white, black
 */
export function decodePixels(pixels: ArrayLike<number>, { width, height, palette }: ImageFormat): Picture {
  return { width, height, rgb: coloursOf(pixels, palette) };
}

/**
 * An image as ImageGPT learns it: the start token before the pixels, each pixel to be predicted from those before it. The last one predicts
 * nothing, so that `ids` and `targets` have as many elements as there are pixels. Source: Chen et al. 2020 (ImageGPT).
 *
 * @example
 * const format = { width: 2, height: 2, palette: greyPalette(16), startToken: 16 };
 * imageSequence(Int32Array.of(0, 15, 15, 0), format, 'digits/1.png'); // ids 16, 0, 15, 15; targets 0, 15, 15, 0
 */
export function imageSequence(
  pixels: Int32Array,
  { startToken }: ImageFormat,
  source: string,
): { ids: Int32Array; targets: Int32Array; source: string; offset: number } {
  const ids = new Int32Array(pixels.length);
  ids[0] = startToken;
  ids.set(pixels.subarray(0, -1), 1);
  return { ids, targets: pixels, source, offset: 0 };
}
