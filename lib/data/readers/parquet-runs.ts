import { refuseUnless } from './parquet-budget.ts';
import type { Cursor, ParquetLibrary } from './parquet-library.ts';

/** Writers fill up the last group of packed numbers; some fill up more than one. */
const FILLED_UP = 512;

/**
 * Steps over numbers of `width` bits, some packed and some said once with how often, and leaves the cursor at their start: the library
 * writes as many as a run says, however few there are to be.
 *
 * @throws Error in words for runs longer than what is left of `count`
 */
export function checkRuns({ view, offset }: Cursor, width: number, count: number, library: ParquetLibrary): void {
  refuseUnless(width <= 32, `numbers of ${width} bits in a list`);
  const cursor = { view, offset };
  for (let seen = 0; seen < count;) {
    const head = library.readVarInt(cursor);
    const packed = (head & 1) === 1;
    const length = packed ? 8 * (head >>> 1) : head >>> 1;
    refuseUnless(length <= count - seen + FILLED_UP, `a run of ${length} values where ${count - seen} are left`);
    // The library takes a byte even for numbers of no bits.
    cursor.offset += packed ? Math.max((length * width) / 8, Math.min(1, view.byteLength - cursor.offset)) : (width + 7) >> 3;
    seen += length;
  }
}

/** The numbers themselves, of which `length` bytes tell; without it, their first four bytes say how many. The cursor moves behind them. */
export function readLevels(cursor: Cursor, most: number, count: number, length: number | undefined, library: ParquetLibrary): Uint8Array {
  const width = 32 - Math.clz32(most);
  checkRuns(length === undefined ? { ...cursor, offset: cursor.offset + 4 } : cursor, width, count, library);
  const levels = new Uint8Array(count);
  library.readRleBitPackedHybrid(cursor, width, levels, length);
  return levels;
}

/**
 * Steps over `count` numbers kept as differences, and leaves the cursor at their start: numbers and blocks have no end in the library.
 *
 * @throws Error in words
 */
export function checkDifferences({ view, offset }: Cursor, count: number, library: ParquetLibrary): void {
  const cursor = { view, offset };
  const number = (): number => {
    const start = cursor.offset;
    const value = library.readVarInt(cursor);
    refuseUnless(cursor.offset - start <= 10, 'a number in it has no end');
    return value;
  };
  const [blockSize, parts] = [number(), number()];
  number();
  number();
  const partSize = blockSize / parts;
  refuseUnless(parts > 0 && partSize > 0 && partSize % 32 === 0, `blocks of ${blockSize} differences in ${parts} parts`);
  for (let seen = 1; seen < count;) {
    number();
    const widths = cursor.offset;
    refuseUnless(parts <= view.byteLength - widths, 'a part of it lies outside of the file');
    cursor.offset += parts;
    for (let part = 0; part < parts && seen < count; part += 1, seen += partSize) {
      const width = view.getUint8(widths + part);
      refuseUnless(width <= 64, `differences of ${width} bits`);
      cursor.offset += (partSize * width) / 8;
    }
  }
}

/** Numbers of 32 bits kept as differences; the cursor moves behind them. */
export function readDifferences(cursor: Cursor, count: number, library: ParquetLibrary): Int32Array {
  checkDifferences(cursor, count, library);
  const numbers = new Int32Array(count);
  library.deltaBinaryUnpack(cursor, count, numbers);
  return numbers;
}
