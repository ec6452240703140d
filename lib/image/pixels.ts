import { gunzipSync } from 'node:zlib';
import { HyperfitError } from '../errors.ts';

/** One image: `rgb` holds height x width x 3 bytes, row after row; grey is three equal bytes. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly rgb: Uint8Array;
}

const RAW_SIDE = 32;
const RAW_PLANE = RAW_SIDE * RAW_SIDE;
const RAW_RECORD = 1 + 3 * RAW_PLANE;
const IDX_HEADER = 16;
const IDX_BYTES_OF_RANK_3 = 0x803;

/** Grey images of an IDX file of unsigned bytes [count][height][width], gzipped or not. Throws ERR_DATA. */
export function readIdx(bytes: Uint8Array, name = 'IDX file'): Picture[] {
  const data = bytes[0] === 0x1f && bytes[1] === 0x8b ? unzip(bytes, name) : bytes;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  if (data.length < IDX_HEADER || view.getUint32(0) !== IDX_BYTES_OF_RANK_3) {
    throw new HyperfitError('ERR_DATA', `expected unsigned bytes of rank 3 for \`${name}\`, got another header; give the file of images, not of labels`);
  }
  const [count, height, width] = [view.getUint32(4), view.getUint32(8), view.getUint32(12)];
  const expected = IDX_HEADER + count * height * width;
  if (height * width === 0 || data.length !== expected) {
    throw new HyperfitError('ERR_DATA', `expected ${expected} bytes for \`${name}\` (${count} images of ${height} x ${width}), got ${data.length}; fetch it again`);
  }
  const size = height * width;
  return Array.from({ length: count }, (_, i) => ({ width, height, rgb: repeatGrey(data.subarray(IDX_HEADER + i * size, IDX_HEADER + (i + 1) * size)) }));
}

/** Colour images of CIFAR-10's binary layout: a label byte, then 32 x 32 red, green and blue planes. Throws ERR_DATA. */
export function readRaw(bytes: Uint8Array, name = 'raw file'): Picture[] {
  if (bytes.length === 0 || bytes.length % RAW_RECORD !== 0) {
    throw new HyperfitError('ERR_DATA', `expected a multiple of ${RAW_RECORD} bytes for \`${name}\`, got ${bytes.length}; each image is a label and 3 planes of 32 x 32`);
  }
  return Array.from({ length: bytes.length / RAW_RECORD }, (_, i) => {
    const planes = bytes.subarray(i * RAW_RECORD + 1, (i + 1) * RAW_RECORD);
    const rgb = Uint8Array.from({ length: 3 * RAW_PLANE }, (_, at) => planes[(at % 3) * RAW_PLANE + Math.floor(at / 3)]!);
    return { width: RAW_SIDE, height: RAW_SIDE, rgb };
  });
}

function unzip(bytes: Uint8Array, name: string): Uint8Array {
  try {
    return gunzipSync(bytes);
  } catch (cause) {
    throw new HyperfitError('ERR_DATA', `expected a whole gzip file for \`${name}\`, got a damaged one; fetch it again`, { cause });
  }
}

function repeatGrey(grey: Uint8Array): Uint8Array {
  return Uint8Array.from({ length: 3 * grey.length }, (_, at) => grey[Math.floor(at / 3)]!);
}
