import { inflateSync } from 'node:zlib';
import { HyperfitError } from '../errors.ts';

const SIGNATURE_BYTES = 8;
/** Length, name and checksum of a chunk. */
const AROUND = 12;
/** What an image is drawn from. Others hold texts, profiles and thumbnails, which would be unpacked for nothing. */
const DRAWN = ['IHDR', 'PLTE', 'tRNS', 'IDAT', 'IEND'];
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
/** 2048 x 2048, a thousand times what models of images take. */
export const MOST_PIXELS = 1 << 22;

/**
 * The chunks of a PNG that it is drawn from, once its header says how large it is and its data unpack to no more than that. `name` is for
 * messages.
 * @throws HyperfitError ERR_DATA for a file of other parts than a PNG's, one of too many pixels, and one whose data are longer
 */
export function drawnChunks(bytes: Uint8Array, name: string): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kept: Uint8Array[] = [bytes.subarray(0, SIGNATURE_BYTES)];
  const data: Uint8Array[] = [];
  let most: number | undefined;
  for (let at = SIGNATURE_BYTES; at < bytes.length;) {
    if (at + AROUND > bytes.length) refuseDamage(name, 'it is cut off');
    const end = at + AROUND + view.getUint32(at);
    if (end > bytes.length) refuseDamage(name, 'it is cut off');
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (type === 'IHDR') most = bytesOfPixels(new DataView(bytes.buffer, bytes.byteOffset + at + 8, end - at - AROUND), name);
    if (type === 'IDAT') data.push(bytes.subarray(at + 8, end - 4));
    if (DRAWN.includes(type)) kept.push(bytes.subarray(at, end));
    at = end;
  }
  if (most === undefined) refuseDamage(name, 'it has no header');
  requireWithin(Buffer.concat(data), most, name);
  return Buffer.concat(kept);
}

function bytesOfPixels(header: DataView, name: string): number {
  if (header.byteLength < 13) refuseDamage(name, 'its header is cut off');
  const [width, height, depth, channels] = [
    header.getUint32(0),
    header.getUint32(4),
    header.getUint8(8),
    CHANNELS[header.getUint8(9)] ?? 4,
  ];
  if (width * height > MOST_PIXELS)
    throw new HyperfitError(
      'ERR_DATA',
      `expected an image of at most ${MOST_PIXELS} pixels for \`${name}\`, got ${width} x ${height}; resize it`,
    );
  // Interlaced, each of seven passes begins its own rows.
  return 2 * height * (2 + Math.ceil((width * channels * depth) / 8)) + 64;
}

function requireWithin(data: Buffer, most: number, name: string): void {
  try {
    inflateSync(data, { maxOutputLength: most });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    refuseDamage(name, code === 'ERR_BUFFER_TOO_LARGE' ? 'it holds more than the pixels of its header' : message, cause);
  }
}

export function refuseDamage(name: string, reason: string, cause?: unknown): never {
  throw new HyperfitError(
    'ERR_DATA',
    `expected a whole PNG image for \`${name}\`, got one that does not decode (${reason}); make it again`,
    { cause },
  );
}
