import { constants, gunzipSync, type ZlibOptions } from 'node:zlib';
import { HyperfitError } from '../errors.ts';

/** One image: `rgb` holds height x width x 3 bytes, row after row; grey is three equal bytes. */
export interface Picture {
  /** In pixels. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
  /** [height, width, 3], row-major. */
  readonly rgb: Uint8Array;
}

/** The images of one file, each made when it is asked for: a file may hold far more than a run takes. */
export interface Pictures {
  readonly count: number;
  at(index: number): Picture;
}

const RAW_SIDE = 32;
const RAW_PLANE = RAW_SIDE * RAW_SIDE;
const RAW_BYTES = 3 * RAW_PLANE;
const RAW_RECORD = 1 + RAW_BYTES;
const CIFAR_CLASSES = 10;
/** Of the packed file: enough for a header behind any name, and it unpacks to 4 MB at most. */
const HEAD_BYTES = 1 << 12;
const MOST_BYTES = 2 ** 30;
const IDX_HEADER = 16;
const IDX_BYTES_OF_RANK_3 = 0x803;

/**
 * Grey images of an IDX file of unsigned bytes [count][height][width], gzipped or not.
 * @throws HyperfitError ERR_DATA
 */
export function idxPictures(bytes: Uint8Array, name = 'IDX file'): Pictures {
  const start = isGzip(bytes) ? unzip(bytes.subarray(0, HEAD_BYTES), name, { finishFlush: constants.Z_SYNC_FLUSH }) : bytes;
  if (start !== bytes && start.length < IDX_HEADER) refuseGzip(name);
  if (!isIdx(start)) {
    throw new HyperfitError(
      'ERR_DATA',
      `expected unsigned bytes of rank 3 for \`${name}\`, got another header; give the file of images, not of labels`,
    );
  }
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  const [count, height, width] = [view.getUint32(4), view.getUint32(8), view.getUint32(12)];
  const size = height * width;
  const expected = IDX_HEADER + count * size;
  if (expected > MOST_BYTES)
    throw new HyperfitError(
      'ERR_DATA',
      `expected images of at most ${MOST_BYTES} bytes for \`${name}\`, got ${count} of ${height} x ${width}; split the file`,
    );
  const data = isGzip(bytes) ? unzip(bytes, name, { maxOutputLength: expected + 1 }) : bytes;
  if (size === 0 || data.length !== expected) {
    throw new HyperfitError(
      'ERR_DATA',
      `expected ${expected} bytes for \`${name}\` (${count} images of ${height} x ${width}), got ${data.length}; fetch it again`,
    );
  }
  return {
    count,
    at: (index) => ({ width, height, rgb: repeatGrey(data.subarray(IDX_HEADER + index * size, IDX_HEADER + (index + 1) * size)) }),
  };
}

/**
 * Colour images of 32 x 32. Either CIFAR-10's binary layout, a label below 10 and then red, green and blue planes, or plain bytes
 * [32][32][3] without label.
 * @throws HyperfitError ERR_DATA
 */
export function rawPictures(bytes: Uint8Array, name = 'raw file'): Pictures {
  if (isCifar(bytes)) {
    return {
      count: bytes.length / RAW_RECORD,
      at: (index) => ofRawSize(interleave(bytes.subarray(index * RAW_RECORD + 1, (index + 1) * RAW_RECORD))),
    };
  }
  if (bytes.length === 0 || bytes.length % RAW_BYTES !== 0) {
    throw new HyperfitError(
      'ERR_DATA',
      `expected a multiple of ${RAW_RECORD} bytes (a label below ${CIFAR_CLASSES} and 3 planes of 32 x 32) or of ${RAW_BYTES} (32 x 32 x 3) for \`${name}\`, got ${bytes.length}; convert it, or give PNG files`,
    );
  }
  return { count: bytes.length / RAW_BYTES, at: (index) => ofRawSize(bytes.slice(index * RAW_BYTES, (index + 1) * RAW_BYTES)) };
}

export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** Whether it begins as an IDX file of byte images does. */
export function isIdx(bytes: Uint8Array): boolean {
  return bytes.length >= IDX_HEADER && new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0) === IDX_BYTES_OF_RANK_3;
}

function isCifar(bytes: Uint8Array): boolean {
  if (bytes.length === 0 || bytes.length % RAW_RECORD !== 0) return false;
  for (let at = 0; at < bytes.length; at += RAW_RECORD) if (bytes[at]! >= CIFAR_CLASSES) return false;
  return true;
}

function ofRawSize(rgb: Uint8Array): Picture {
  return { width: RAW_SIDE, height: RAW_SIDE, rgb };
}

/** Never more than a header says there is. */
function unzip(bytes: Uint8Array, name: string, limits: ZlibOptions): Uint8Array {
  try {
    return gunzipSync(bytes, limits);
  } catch (cause) {
    return refuseGzip(name, cause);
  }
}

function refuseGzip(name: string, cause?: unknown): never {
  throw new HyperfitError('ERR_DATA', `expected a whole gzip file for \`${name}\`, got a damaged one; fetch it again`, { cause });
}

function interleave(planes: Uint8Array): Uint8Array {
  const rgb = new Uint8Array(RAW_BYTES);
  for (let at = 0; at < RAW_BYTES; at++) rgb[at] = planes[(at % 3) * RAW_PLANE + Math.floor(at / 3)]!;
  return rgb;
}

/**
 * Grey bytes [pixels] as red, green and blue, [pixels x 3].
 *
 * @example
 * repeatGrey(Uint8Array.of(0, 255)); // 0, 0, 0, 255, 255, 255
 */
export function repeatGrey(grey: Uint8Array): Uint8Array {
  const rgb = new Uint8Array(3 * grey.length);
  for (let at = 0; at < rgb.length; at++) rgb[at] = grey[Math.floor(at / 3)]!;
  return rgb;
}
