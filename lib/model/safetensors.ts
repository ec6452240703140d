import { HyperfitError } from '../errors.ts';
import type { TensorSource } from '../addon-types.ts';
import { isJsonObject, parseJsonObject } from './json.ts';
import type { JsonObject } from './json.ts';
import { withFile } from './header-bytes.ts';
import { clip, render } from './render.ts';

/** Bits of one element, by the names of the format. */
const DTYPE_BITS: Readonly<Record<string, number>> = {
  BOOL: 8,
  U8: 8,
  I8: 8,
  F8_E4M3: 8,
  F8_E5M2: 8,
  F8_E8M0: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U16: 16,
  I16: 16,
  F16: 16,
  BF16: 16,
  U32: 32,
  I32: 32,
  F32: 32,
  U64: 64,
  I64: 64,
  F64: 64,
  C64: 64,
};
const MAX_HEADER_BYTES = 100_000_000;
const PREFIX_BYTES = 8;

export interface SafetensorsTensor {
  name: string;
  dtype: string;
  shape: number[];
  /** Bytes from the start of the file. */
  offset: number;
  byteLength: number;
}

export interface SafetensorsHeader {
  /** In the order of their bytes. */
  tensors: SafetensorsTensor[];
  metadata: Readonly<Record<string, string>>;
}

/**
 * Reads the header at the start of a safetensors file. `start` holds at least the header, `fileSize` is the size of
 * the whole file, `name` is for messages. Refuses what the reference implementation refuses: a file below eight bytes,
 * a header over 100 MB, one that ends beyond the file, is no UTF-8, no JSON object, or holds a key twice; unknown
 * dtypes, sizes that do not multiply, ranges that do not fit dtype and shape, gaps, overlaps, bytes left over.
 * @throws HyperfitError ERR_SAFETENSORS
 */
export function parseSafetensorsHeader(start: Buffer, fileSize: number, name: string): SafetensorsHeader {
  const dataStart = PREFIX_BYTES + readHeaderLength(start, fileSize, name);
  if (start.length < dataStart) refuse(name, `${dataStart} bytes of header`, `${start.length}`);
  const { __metadata__: metadata, ...entries } = parseHeaderJson(start.subarray(PREFIX_BYTES, dataStart), name);
  const tensors = Object.entries(entries).map(([tensor, value]) => readEntry(tensor, value, dataStart, name));
  tensors.sort((a, b) => a.offset - b.offset || a.byteLength - b.byteLength);
  checkLayout(tensors, dataStart, fileSize, name);
  return { tensors, metadata: readMetadata(metadata, name) };
}

function refuse(file: string, expected: string, got: string): never {
  throw new HyperfitError(
    'ERR_SAFETENSORS',
    `expected ${expected} in ${file}, got ${got}; fetch the file again, it is damaged or incomplete`,
  );
}

function readHeaderLength(start: Buffer, fileSize: number, name: string): number {
  if (fileSize < PREFIX_BYTES || start.length < PREFIX_BYTES) refuse(name, 'at least 8 bytes', `${fileSize}`);
  const length = start.readBigUInt64LE(0);
  if (length > BigInt(MAX_HEADER_BYTES)) refuse(name, `a header of at most ${MAX_HEADER_BYTES} bytes`, `${length}`);
  if (Number(length) > fileSize - PREFIX_BYTES) refuse(name, `a header of ${length} bytes`, `a file of ${fileSize}`);
  return Number(length);
}

function parseHeaderJson(bytes: Buffer, name: string): JsonObject {
  if (bytes[0] !== 0x7b) refuse(name, 'a header that starts with "{"', bytes.length === 0 ? 'an empty one' : `byte ${bytes[0]}`);
  return parseJsonObject(decodeUtf8(bytes, name), `the header of ${name}`, 'ERR_SAFETENSORS');
}

function decodeUtf8(bytes: Buffer, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return refuse(name, 'a header in UTF-8', 'other bytes');
  }
}

function readMetadata(value: unknown, name: string): Readonly<Record<string, string>> {
  if (value === undefined || value === null) return {};
  if (!isJsonObject(value) || Object.values(value).some((each) => typeof each !== 'string'))
    refuse(name, 'strings in `__metadata__`', render(value));
  return value as Readonly<Record<string, string>>;
}

const ENTRY_KEYS = ['dtype', 'shape', 'data_offsets'];

function readEntry(name: string, value: unknown, dataStart: number, file: string): SafetensorsTensor {
  const tensor = clip(name);
  if (!isJsonObject(value)) return refuse(file, `an object for \`${tensor}\``, render(value));
  const unknown = Object.keys(value).find((key) => !ENTRY_KEYS.includes(key));
  if (unknown !== undefined) refuse(file, `${ENTRY_KEYS.join(', ')} of \`${tensor}\``, `"${clip(unknown)}"`);
  const { dtype, shape, data_offsets: range } = value;
  const bits = typeof dtype === 'string' && Object.hasOwn(DTYPE_BITS, dtype) ? DTYPE_BITS[dtype] : undefined;
  if (bits === undefined) refuse(file, `a known dtype for \`${tensor}\``, render(dtype));
  if (!isSizes(shape)) refuse(file, `a shape for \`${tensor}\``, render(shape));
  if (!isSizes(range) || range.length !== 2) refuse(file, `data_offsets [begin, end] for \`${tensor}\``, render(range));
  const [begin, end] = range as [number, number];
  const byteLength = countBytes(tensor, shape, bits, file);
  if (end - begin !== byteLength)
    refuse(file, `${byteLength} bytes for \`${tensor}\` (${dtype} ${render(shape)})`, `bytes ${begin} to ${end}`);
  return { name, dtype: dtype as string, shape, offset: dataStart + begin, byteLength };
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

function countBytes(tensor: string, shape: readonly number[], bits: number, file: string): number {
  let total = bits;
  for (const size of shape) {
    total *= size;
    if (!Number.isSafeInteger(total)) refuse(file, `a shape of \`${tensor}\` that fits a file`, render(shape));
  }
  if (total % 8 !== 0) refuse(file, `whole bytes for \`${tensor}\``, `${total} bits`);
  return total / 8;
}

function checkLayout(tensors: readonly SafetensorsTensor[], dataStart: number, fileSize: number, file: string): void {
  let end = dataStart;
  for (const { name, offset, byteLength } of tensors) {
    if (offset !== end)
      refuse(file, `\`${clip(name)}\` to start at byte ${end - dataStart} of the data`, `${offset - dataStart} (a gap or an overlap)`);
    end = offset + byteLength;
  }
  if (end !== fileSize) refuse(file, `${end} bytes in all`, `a file of ${fileSize}`);
}

/** Reads and checks the header of the safetensors file `path`. @throws HyperfitError ERR_SAFETENSORS */
export async function readSafetensorsHeader(path: string): Promise<SafetensorsHeader> {
  return withFile(path, 'ERR_SAFETENSORS', async ({ size, readStart }) => {
    const length = readHeaderLength(await readStart(PREFIX_BYTES), size, path);
    return parseSafetensorsHeader(await readStart(PREFIX_BYTES + length), size, path);
  });
}

/** Where each tensor of the safetensors file `path` stands. @throws HyperfitError ERR_SAFETENSORS */
export async function readSafetensorsSources(path: string): Promise<TensorSource[]> {
  const { tensors } = await readSafetensorsHeader(path);
  return tensors.map(({ name, dtype, shape, offset, byteLength }) => ({ name, path, offset, byteLength, type: dtype, shape }));
}

/**
 * The bytes that precede the data of a safetensors file: length, then JSON padded with spaces so that the data starts
 * at a multiple of eight. The tensors follow in the order given, row-major, without gaps.
 */
export function renderSafetensorsHeader(
  tensors: readonly { name: string; shape: readonly number[]; dtype?: 'F32' | 'U8' }[],
  metadata: Readonly<Record<string, string>> = {},
  dtypeOfAll: 'F32' | 'BF16' | 'F16' = 'F32',
): Uint8Array {
  const entries: [string, unknown][] = [['__metadata__', { format: 'pt', ...metadata }]];
  let end = 0;
  for (const { name, shape, dtype = dtypeOfAll } of tensors) {
    const begin = end;
    end += countBytes(name, shape, DTYPE_BITS[dtype]!, 'the tensors to save');
    entries.push([name, { dtype, shape, data_offsets: [begin, end] }]);
  }
  const names = new Set(entries.map(([name]) => name));
  if (names.size !== entries.length) refuse('the tensors to save', 'each name once', 'a name twice');
  return withPrefix(Buffer.from(renderObject(entries)));
}

/** Not through an object: `__proto__` is a name like any other, and "10" must not move before "2". */
function renderObject(entries: readonly [string, unknown][]): string {
  return `{${entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`;
}

function withPrefix(json: Buffer): Uint8Array {
  const padded = Math.ceil(json.length / 8) * 8;
  const bytes = Buffer.alloc(PREFIX_BYTES + padded, ' ');
  bytes.writeBigUInt64LE(BigInt(padded), 0);
  json.copy(bytes, PREFIX_BYTES);
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
