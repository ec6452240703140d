import { convertIndexedToRgb, decode, encode, type DecodedPng } from 'fast-png';
import { HyperfitError } from '../errors.ts';
import type { Picture } from './pixels.ts';
import { drawnChunks, refuseDamage } from './png-chunks.ts';

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

export function isPng(bytes: Uint8Array): boolean {
  return SIGNATURE.every((byte, at) => bytes[at] === byte);
}

/**
 * An opaque PNG of 8 or 16 bits a channel, or of palette colours; 16 bits are rounded to 8. `name` is for messages.
 * @throws HyperfitError ERR_DATA for a damaged file, one of more than 2048 x 2048 pixels, transparency, and greys of fewer bits
 *
 * @example
 * import { buffer } from 'node:stream/consumers';
 *
 * const { width, height, rgb } = readPng(await buffer(process.stdin), 'standard input'); // files: openImages
 */
export function readPng(bytes: Uint8Array, name = 'PNG file'): Picture {
  const png = decodePng(bytes, name);
  const { data, channels } = inBytes(png, name);
  const { width, height } = png;
  const [colours, hasAlpha] = [channels >= 3 ? 3 : 1, channels % 2 === 0];
  const rgb = new Uint8Array(3 * width * height);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const at = pixel * channels;
    if (hasAlpha && data[at + channels - 1] !== 255)
      refuse(name, 'an opaque image', 'one with transparent pixels', 'put it on a background');
    for (let channel = 0; channel < 3; channel++) rgb[3 * pixel + channel] = data[at + (colours === 3 ? channel : 0)]!;
  }
  return { width, height, rgb };
}

/**
 * A PNG of 8-bit colour.
 *
 * @example
 * const grey = Uint8Array.from({ length: 4 * 4 * 3 }, () => 128);
 * const bytes = writePng({ width: 4, height: 4, rgb: grey });
 */
export function writePng({ width, height, rgb }: Picture): Uint8Array {
  return encode({ width, height, data: rgb, channels: 3, depth: 8 });
}

function decodePng(bytes: Uint8Array, name: string): DecodedPng {
  const drawn = drawnChunks(bytes, name);
  try {
    return decode(drawn, { checkCrc: true });
  } catch (cause) {
    return refuseDamage(name, (cause as Error).message, cause);
  }
}

function inBytes(png: DecodedPng, name: string): { data: ArrayLike<number>; channels: number } {
  if (png.palette !== undefined) return { data: convertIndexedToRgb(png), channels: png.palette[0]!.length };
  if (png.transparency !== undefined) refuse(name, 'an opaque image', 'one with a transparent colour', 'put it on a background');
  if (png.depth === 16) return { data: Uint8Array.from(png.data, (value) => Math.round(value / 257)), channels: png.channels };
  if (png.depth !== 8) refuse(name, '8 or 16 bits a channel', `${png.depth}`, 'save it with 8');
  return { data: png.data, channels: png.channels };
}

function refuse(name: string, expected: string, got: string, remedy: string): never {
  throw new HyperfitError('ERR_DATA', `expected ${expected} for \`${name}\`, got ${got}; ${remedy}`);
}
