import { bytesOf } from '../tokenizer/kept-bytes.ts';
import type { MetadataEntry } from '../tokenizer/metadata-entry.ts';
import type { MetadataNumbers } from '../tokenizer/metadata.ts';
import { GGML_TYPES } from './gguf-types.ts';

export const GGUF_ALIGNMENT = 32;
const VERSION = 3;
const TYPE_NUMBERS = { uint16: 2, uint32: 4, int32: 5, float32: 6, bool: 7, string: 8 } as const;
const ARRAY = 9;
const ARRAY_NUMBERS = new Map<unknown, number>([
  [Uint8Array, 0],
  [Int8Array, 1],
  [Uint16Array, 2],
  [Int16Array, 3],
  [Uint32Array, 4],
  [Int32Array, 5],
  [Float32Array, 6],
  [Float64Array, 12],
]);
const GGML_NUMBERS: ReadonlyMap<string, number> = new Map([...GGML_TYPES].map(([number, { name }]) => [name, number]));

/** What the header says of a tensor. */
export interface HeaderTensor {
  name: string;
  /** Row-major. */
  shape: readonly number[];
  /** GGML type name. */
  type: string;
  byteLength: number;
}

/** What precedes the data of a GGUF file of version 3, and where in the file each tensor then stands. */
export function renderGgufHeader(
  entries: readonly MetadataEntry[],
  tensors: readonly HeaderTensor[],
): { header: Buffer; offsets: number[]; fileBytes: number } {
  const { starts, end } = placeTensors(tensors);
  const chunks = [
    Buffer.from('GGUF'),
    uint32(VERSION),
    uint64(tensors.length),
    uint64(entries.length),
    ...entries.flatMap(renderEntry),
    ...tensors.flatMap((tensor, index) => renderTensor(tensor, starts[index]!)),
  ];
  const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const header = Buffer.concat([...chunks, Buffer.alloc(aligned(length) - length)]);
  return { header, offsets: starts.map((start) => header.length + start), fileBytes: header.length + end };
}

export function aligned(length: number): number {
  return Math.ceil(length / GGUF_ALIGNMENT) * GGUF_ALIGNMENT;
}

function placeTensors(tensors: readonly HeaderTensor[]): { starts: number[]; end: number } {
  let end = 0;
  const starts = tensors.map(({ byteLength }) => {
    const start = end;
    end = aligned(start + byteLength);
    return start;
  });
  return { starts, end };
}

function renderTensor({ name, shape, type }: HeaderTensor, start: number): Buffer[] {
  return [...text(name), uint32(shape.length), ...shape.toReversed().map(uint64), uint32(GGML_NUMBERS.get(type)!), uint64(start)];
}

function renderEntry(entry: MetadataEntry): Buffer[] {
  const key = text(entry.key);
  switch (entry.type) {
    case 'uint16':
      return [...key, uint32(TYPE_NUMBERS.uint16), uint32(entry.value).subarray(0, 2)];
    case 'int32':
    case 'uint32':
      return [...key, uint32(TYPE_NUMBERS[entry.type]), uint32(entry.value)];
    case 'float32':
      return [...key, uint32(TYPE_NUMBERS.float32), float32(entry.value)];
    case 'bool':
      return [...key, uint32(TYPE_NUMBERS.bool), Buffer.of(Number(entry.value))];
    case 'string':
      return [...key, uint32(TYPE_NUMBERS.string), ...text(entry.value)];
    case 'strings':
      return [...key, ...arrayStart(TYPE_NUMBERS.string, entry.value.length), ...entry.value.flatMap(text)];
    case 'bools':
      return [...key, ...arrayStart(TYPE_NUMBERS.bool, entry.value.length), Buffer.from(entry.value.map(Number))];
    case 'numbers':
      return [...key, ...arrayStart(ARRAY_NUMBERS.get(entry.value.constructor)!, entry.value.length), bytesOfNumbers(entry.value)];
  }
}

function arrayStart(type: number, length: number): Buffer[] {
  return [uint32(ARRAY), uint32(type), uint64(length)];
}

function bytesOfNumbers(numbers: MetadataNumbers): Buffer {
  return Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength);
}

/** Tokens that are no UTF-8 are written as the bytes they are. */
function text(value: string): Buffer[] {
  const bytes = Buffer.from(bytesOf(value));
  return [uint64(bytes.length), bytes];
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function float32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}
