import type { Metadata, MetadataValue } from '../tokenizer/metadata.ts';
import { GgufCursor, MoreBytesNeeded } from './gguf-cursor.ts';
import { GGML_TYPES } from './gguf-types.ts';
import { withFile } from './header-bytes.ts';

const MAGIC = 'GGUF';
const MAX_HEADER_BYTES = 256 * 1024 * 1024;
const FIRST_READ_BYTES = 4 * 1024 * 1024;
const MAX_DIMENSIONS = 4;
const MAX_ALIGNMENT = 1 << 20;
/** More than any model has; each costs memory before it can be checked. */
const MAX_TENSORS = 100_000;
const MAX_METADATA_ENTRIES = 100_000;
// The least a metadata entry (empty key, type, one byte) and a tensor's entry (empty name, counts, type, offset) can take.
const METADATA_BYTES = 13;
const TENSOR_BYTES = 24;

export interface GgufTensor {
  /** The file that holds it. */
  path: string;
  name: string;
  /** GGML type name: F32, Q4_1, ... */
  type: string;
  /** Row-major, the reverse of the file's order. */
  shape: number[];
  /** Bytes from the start of the file. */
  offset: number;
  byteLength: number;
}

export interface GgufHeader {
  version: number;
  metadata: Metadata;
  tensors: GgufTensor[];
}

/**
 * Reads the header of a GGUF file, version 2 or 3, little-endian. `start` are its first bytes, at least the whole
 * header; `fileSize` is the size of the file, `name` is for messages. Every count and length is checked against the
 * file before anything is allocated; tensors must lie inside the file and must not overlap.
 * @throws HyperfitError ERR_GGUF; MoreBytesNeeded when `start` ends before the header does
 */
export function parseGgufHeader(start: Buffer, fileSize: number, name: string): GgufHeader {
  const cursor = new GgufCursor(start, fileSize, name);
  const version = readVersion(cursor);
  const tensorCount = cursor.count(TENSOR_BYTES, 'tensors');
  if (tensorCount > MAX_TENSORS) cursor.refuse(`at most ${MAX_TENSORS} tensors`, `${tensorCount}`);
  const metadata = readMetadata(cursor);
  const entries = readTensors(tensorCount, cursor);
  const alignment = readAlignment(metadata, cursor);
  const dataStart = Math.ceil(cursor.position / alignment) * alignment;
  const tensors = entries.map((tensor) => ({ ...tensor, offset: placeTensor(tensor, dataStart, alignment, cursor) }));
  checkNoOverlap(tensors, cursor);
  return { version, metadata, tensors };
}

function readVersion(cursor: GgufCursor): number {
  const start = cursor.take(4, 'magic');
  const magic = cursor.bytes.toString('latin1', start, start + 4);
  if (magic !== MAGIC) cursor.refuse(`the letters ${MAGIC} at the start`, JSON.stringify(magic));
  const version = cursor.uint32('version');
  if (version !== 2 && version !== 3) cursor.refuse('GGUF version 2 or 3, little-endian', `${version}`);
  return version;
}

function readMetadata(cursor: GgufCursor): Metadata {
  const count = cursor.count(METADATA_BYTES, 'metadata entries');
  if (count > MAX_METADATA_ENTRIES) cursor.refuse(`at most ${MAX_METADATA_ENTRIES} metadata entries`, `${count}`);
  const metadata = new Map<string, MetadataValue>();
  for (let index = 0; index < count; index += 1) {
    const key = cursor.string('a metadata key');
    if (metadata.has(key)) cursor.refuse('each metadata key once', `"${key}" twice`);
    metadata.set(key, cursor.value(cursor.uint32(`the type of ${key}`), key));
  }
  return metadata;
}

function readTensors(count: number, cursor: GgufCursor): GgufTensor[] {
  const tensors = new Map<string, GgufTensor>();
  for (let index = 0; index < count; index += 1) {
    const tensor = readTensor(cursor);
    if (tensors.has(tensor.name)) cursor.refuse('each tensor name once', `"${tensor.name}" twice`);
    tensors.set(tensor.name, tensor);
  }
  return [...tensors.values()];
}

function readTensor(cursor: GgufCursor): GgufTensor {
  const name = cursor.string('a tensor name');
  const dimensions = cursor.uint32(`dimensions of ${name}`);
  if (dimensions > MAX_DIMENSIONS) cursor.refuse(`at most ${MAX_DIMENSIONS} dimensions of ${name}`, `${dimensions}`);
  const sizes = Array.from({ length: dimensions }, () => cursor.size(`size of ${name}`));
  const type = cursor.uint32(`type of ${name}`);
  const offset = cursor.size(`offset of ${name}`);
  const format = GGML_TYPES.get(type) ?? cursor.refuse(`a known GGML type for ${name}`, `${type}`);
  return {
    path: cursor.name,
    name,
    type: format.name,
    shape: sizes.toReversed(),
    offset,
    byteLength: countBytes(name, sizes, format, cursor),
  };
}

function countBytes(name: string, sizes: readonly number[], format: { elements: number; bytes: number }, cursor: GgufCursor): number {
  let count = 1;
  for (const size of sizes) {
    count *= size;
    if (!Number.isSafeInteger(count * format.bytes)) cursor.refuse(`a shape of ${name} that fits a file`, `[${sizes}]`);
  }
  const row = sizes[0] ?? 1;
  if (row % format.elements !== 0) cursor.refuse(`rows of ${name} in blocks of ${format.elements}`, `rows of ${row}`);
  return (count / format.elements) * format.bytes;
}

function readAlignment(metadata: Metadata, cursor: GgufCursor): number {
  const alignment = metadata.get('general.alignment') ?? 32;
  const isPowerOfTwo =
    typeof alignment === 'number' && alignment >= 1 && alignment <= MAX_ALIGNMENT && Number.isInteger(Math.log2(alignment));
  if (!isPowerOfTwo) return cursor.refuse('a power of two for `general.alignment`', `${alignment}`);
  return alignment;
}

function placeTensor(tensor: GgufTensor, dataStart: number, alignment: number, cursor: GgufCursor): number {
  if (tensor.offset % alignment !== 0) cursor.refuse(`an offset of ${tensor.name} at a multiple of ${alignment}`, `${tensor.offset}`);
  const offset = dataStart + tensor.offset;
  if (offset + tensor.byteLength > cursor.fileSize) {
    cursor.refuse(`${tensor.byteLength} bytes of ${tensor.name} at byte ${offset}`, `a file of ${cursor.fileSize}`);
  }
  return offset;
}

function checkNoOverlap(tensors: readonly GgufTensor[], cursor: GgufCursor): void {
  let end = 0;
  for (const { name, offset, byteLength } of tensors.toSorted((a, b) => a.offset - b.offset || a.byteLength - b.byteLength)) {
    if (offset < end) cursor.refuse('tensors that do not overlap', `${name} at byte ${offset}, inside another`);
    end = offset + byteLength;
  }
}

/** Reads and checks the header of the GGUF file `path`. @throws HyperfitError ERR_GGUF */
export async function readGgufHeader(path: string): Promise<GgufHeader> {
  return withFile(path, 'ERR_GGUF', async ({ size, readStart }) => {
    for (let length = FIRST_READ_BYTES; ; length *= 4) {
      try {
        return parseGgufHeader(await readStart(Math.min(length, MAX_HEADER_BYTES)), size, path);
      } catch (error) {
        if (!(error instanceof MoreBytesNeeded)) throw error;
        if (length >= MAX_HEADER_BYTES)
          new GgufCursor(Buffer.alloc(0), size, path).refuse(`a header of at most ${MAX_HEADER_BYTES} bytes`, 'a longer one');
      }
    }
  });
}
