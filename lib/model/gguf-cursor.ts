import { HyperfitError } from '../errors.ts';
import { textKeepingBytes } from '../tokenizer/kept-bytes.ts';
import type { MetadataNumbers, MetadataValue } from '../tokenizer/metadata.ts';

/** The header goes on beyond the bytes that were read so far, but not beyond the file. */
export class MoreBytesNeeded extends Error {}

type NumberReader = (bytes: Buffer, position: number) => number | bigint;
type NumberArray = { new (buffer: ArrayBuffer): MetadataNumbers };

/** Value types of GGUF that are numbers: size in bytes, reader of one, array of many. */
const NUMBERS: Readonly<Record<number, { size: number; read: NumberReader; array: NumberArray | undefined }>> = {
  0: { size: 1, read: (bytes, at) => bytes.readUInt8(at), array: Uint8Array },
  1: { size: 1, read: (bytes, at) => bytes.readInt8(at), array: Int8Array },
  2: { size: 2, read: (bytes, at) => bytes.readUInt16LE(at), array: Uint16Array },
  3: { size: 2, read: (bytes, at) => bytes.readInt16LE(at), array: Int16Array },
  4: { size: 4, read: (bytes, at) => bytes.readUInt32LE(at), array: Uint32Array },
  5: { size: 4, read: (bytes, at) => bytes.readInt32LE(at), array: Int32Array },
  6: { size: 4, read: (bytes, at) => bytes.readFloatLE(at), array: Float32Array },
  10: { size: 8, read: (bytes, at) => bytes.readBigUInt64LE(at), array: undefined },
  11: { size: 8, read: (bytes, at) => bytes.readBigInt64LE(at), array: undefined },
  12: { size: 8, read: (bytes, at) => bytes.readDoubleLE(at), array: Float64Array },
};
const BOOL = 7;
const STRING = 8;
const ARRAY = 9;
const MAX_NESTING = 4;
/**
 * Values that become objects of JavaScript: strings, 64-bit numbers, bools, arrays. Each costs ten times its bytes; real files have a
 * million.
 */
const MAX_VALUES = 1 << 22;

/**
 * Reads GGUF values one after the other. Every length and count is held against what is left of the *file* before
 * anything is allocated for it.
 */
export class GgufCursor {
  position = 0;
  private values = 0;
  readonly bytes: Buffer;
  readonly fileSize: number;
  readonly name: string;

  /** `bytes` is the start of the file `name` of `fileSize` bytes. */
  constructor(bytes: Buffer, fileSize: number, name: string) {
    this.bytes = bytes;
    this.fileSize = fileSize;
    this.name = name;
  }

  refuse(expected: string, got: string): never {
    throw new HyperfitError(
      'ERR_GGUF',
      `expected ${expected} in ${this.name}, got ${got}; fetch the file again, it is damaged or incomplete`,
    );
  }

  /** Claims `length` bytes and gives where they start. */
  take(length: number, what: string): number {
    const start = this.position;
    if (length > this.fileSize - start) this.refuse(`${length} bytes of ${what} at byte ${start}`, `a file of ${this.fileSize}`);
    if (length > this.bytes.length - start) throw new MoreBytesNeeded();
    this.position = start + length;
    return start;
  }

  uint32(what: string): number {
    return this.bytes.readUInt32LE(this.take(4, what));
  }

  /** A count of things that take at least `itemBytes` bytes each, which must fit into the rest of the file. */
  count(itemBytes: number, what: string): number {
    const count = this.bytes.readBigUInt64LE(this.take(8, what));
    const room = Math.floor((this.fileSize - this.position) / itemBytes);
    if (count > BigInt(room)) this.refuse(`at most ${room} of ${what} at byte ${this.position}`, `${count}`);
    return Number(count);
  }

  /** An exact non-negative 64-bit integer. */
  size(what: string): number {
    const value = this.bytes.readBigUInt64LE(this.take(8, what));
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) this.refuse(`a ${what} below 2^53`, `${value}`);
    return Number(value);
  }

  /** Text. Bytes that are no UTF-8 are kept: see kept-bytes.ts. */
  string(what: string): string {
    const length = this.count(1, what);
    const start = this.take(length, what);
    return textKeepingBytes(this.bytes.subarray(start, start + length));
  }

  value(type: number, what: string, depth = 0): MetadataValue {
    if (type === STRING) return this.string(what);
    if (type === BOOL) return this.boolean(what);
    if (type === ARRAY) return this.array(what, depth);
    const format = NUMBERS[type] ?? this.refuse(`a value type from 0 to 12 for ${what}`, `${type}`);
    return exactNumber(format.read(this.bytes, this.take(format.size, what)));
  }

  private boolean(what: string): boolean {
    const byte = this.bytes.readUInt8(this.take(1, what));
    if (byte > 1) this.refuse(`0 or 1 for ${what}`, `${byte}`);
    return byte === 1;
  }

  private array(what: string, depth: number): MetadataValue {
    if (depth >= MAX_NESTING) this.refuse(`arrays nested at most ${MAX_NESTING} deep for ${what}`, 'a deeper one');
    const type = this.uint32(what);
    const format = NUMBERS[type];
    if (format?.array) return this.numbers(format.size, format.array, what);
    // The least an element can take: a bool 1, a string its length, an array type and count.
    const count = this.count(type === BOOL ? 1 : type === ARRAY ? 12 : 8, what);
    this.values += count;
    if (this.values > MAX_VALUES) this.refuse(`at most ${MAX_VALUES} values in all arrays`, `${this.values} with ${what}`);
    const values: MetadataValue[] = [];
    for (let index = 0; index < count; index += 1) values.push(this.value(type, what, depth + 1));
    return values;
  }

  private numbers(size: number, array: NumberArray, what: string): MetadataNumbers {
    const length = this.count(size, what) * size;
    const start = this.take(length, what);
    // A copy: typed arrays want alignment, and the header's buffer should not be kept alive.
    return new array(new Uint8Array(this.bytes.subarray(start, start + length)).buffer);
  }
}

function exactNumber(value: number | bigint): number | bigint {
  return typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : value;
}
