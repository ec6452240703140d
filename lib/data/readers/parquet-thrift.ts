import { refuseUnless } from './parquet-budget.ts';
import type { Cursor, ParquetLibrary } from './parquet-library.ts';

/** Kinds of Thrift's compact protocol. */
const STOP = 0,
  TRUE = 1,
  FALSE = 2,
  BYTE = 3,
  I16 = 4,
  I32 = 5,
  I64 = 6,
  DOUBLE = 7,
  BINARY = 8,
  LIST = 9,
  STRUCT = 12;

const MOST_LEVELS = 32;
/** Numbers of 64 bits, seven to a byte. */
const MOST_OF_A_NUMBER = 10;
/** Statistics of columns: the library makes numbers of some, in the square of their length. Writers leave out those above 4 kB. */
const STATISTICS_LEVEL = 7;
const MOST_OF_A_STATISTIC = 2 ** 16;

/**
 * Steps over a struct of Thrift's compact protocol before the library makes values of it: that takes as much memory for a list as the list
 * says it is long, and the square of its length for a number without an end.
 *
 * @throws Error in words for what no parquet file has; RangeError at the end of the bytes
 */
export function stepOverStruct(cursor: Cursor, library: ParquetLibrary): void {
  const number = (): number => {
    const start = cursor.offset;
    const value = library.readVarInt(cursor);
    refuseUnless(cursor.offset - start <= MOST_OF_A_NUMBER, 'a number in it has no end');
    return value;
  };
  const step = (bytes: number): void => {
    refuseUnless(bytes >= 0 && bytes <= cursor.view.byteLength - cursor.offset, 'a part of it lies outside of the file');
    cursor.offset += bytes;
  };
  const kindOf = (): number => cursor.view.getUint8(cursor.offset++);
  const text = (level: number): void => {
    const length = number();
    refuseUnless(level < STATISTICS_LEVEL || length <= MOST_OF_A_STATISTIC, `${length} bytes of a column's statistics`);
    step(length);
  };
  const list = (level: number): void => {
    const head = kindOf();
    const count = head >> 4 === 15 ? number() : head >> 4;
    const kind = head & 15;
    refuseUnless(count >= 0 && count <= cursor.view.byteLength - cursor.offset, `a list of it claims ${count} parts`);
    for (let part = 0; part < count; part += 1) value(kind === TRUE || kind === FALSE ? BYTE : kind, level + 1);
  };
  const struct = (level: number): void => {
    for (let head = kindOf(); (head & 15) !== STOP; head = kindOf()) {
      if (head >> 4 === 0) number();
      value(head & 15, level + 1);
    }
  };
  const value = (kind: number, level: number): void => {
    refuseUnless(level <= MOST_LEVELS, 'its description is nested too deeply');
    if (kind === BYTE) step(1);
    else if (kind === I16 || kind === I32 || kind === I64) number();
    else if (kind === DOUBLE) step(8);
    else if (kind === BINARY) text(level);
    else if (kind === LIST) list(level);
    else if (kind === STRUCT) struct(level);
    else refuseUnless(kind === TRUE || kind === FALSE, `its description has a part of kind ${kind}`);
  };
  struct(0);
}
