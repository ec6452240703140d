import type { ColumnMetaData, SchemaTree } from 'hyparquet';
import { refuseUnless, type ParquetBudget } from './parquet-budget.ts';
import type { Cursor, ParquetLibrary } from './parquet-library.ts';
import { checkDifferences, checkRuns, readDifferences, readLevels } from './parquet-runs.ts';
import { stepOverStruct } from './parquet-thrift.ts';

const BITS: Readonly<Record<string, number>> = { BOOLEAN: 1, INT32: 32, INT64: 64, INT96: 96, FLOAT: 32, DOUBLE: 64, BYTE_ARRAY: 32 };
/** What the library makes values of that can name each other, or takes the square of their length. */
const UNREAD_KINDS = ['VARIANT', 'GEOMETRY', 'GEOGRAPHY'];
const MOST_OF_A_DECIMAL = 32;

type PageHeader = ReturnType<ParquetLibrary['parquetHeader']>;

/** A column's part of a group of rows. */
export interface Chunk {
  meta: ColumnMetaData;
  path: SchemaTree[];
  /** Rows of its group. */
  rows: number;
}

/**
 * Looks through the pages of a parquet file before the library makes lists of them: a run of some bytes can name one value a thousand
 * million times.
 */
export class ParquetPages {
  readonly #library: ParquetLibrary;
  readonly #budget: ParquetBudget;

  constructor(library: ParquetLibrary, budget: ParquetBudget) {
    this.#library = library;
    this.#budget = budget;
  }

  /**
   * @throws Error in words for pages that hold fewer rows than their group, or claim more than their bytes can hold; RangeError for what
   *   is cut off
   */
  check(bytes: ArrayBuffer, chunk: Chunk): void {
    refuseKinds(chunk);
    const cursor = { view: new DataView(bytes), offset: 0 };
    const isFlat = this.#library.isFlatColumn(chunk.path);
    let [rows, values] = [0, 0];
    while (cursor.offset < bytes.byteLength - 1 && !(isFlat && rows >= chunk.rows)) {
      stepOverStruct({ ...cursor }, this.#library);
      const header = this.#library.parquetHeader(cursor);
      const size = header.compressed_page_size;
      refuseUnless(Number.isInteger(size) && size >= 0 && size <= bytes.byteLength - cursor.offset, 'a page lies outside of its column');
      const page = this.#page(header, new Uint8Array(bytes, cursor.offset, size), chunk, values);
      cursor.offset += size;
      rows += page.rows;
      values += page.values;
    }
    refuseUnless(rows >= chunk.rows, `a group of ${chunk.rows} rows holds ${rows} of \`${chunk.meta.path_in_schema.join('.')}\``);
  }

  #page(header: PageHeader, packed: Uint8Array, chunk: Chunk, before: number): { rows: number; values: number } {
    const { type, data_page_header: first, data_page_header_v2: second, dictionary_page_header: dictionary } = header;
    if (type === 'DICTIONARY_PAGE' && dictionary !== undefined) {
      this.#budget.claimValues(dictionary.num_values);
      const cursor = this.#unpack(packed, Number(header.uncompressed_page_size), chunk);
      refuseUnless(fits(cursor, dictionary.num_values, chunk), `a dictionary claims to hold ${dictionary.num_values} values`);
      return { rows: 0, values: 0 };
    }
    const about = type === 'DATA_PAGE' ? first : type === 'DATA_PAGE_V2' ? second : undefined;
    refuseUnless(about !== undefined, `a page of kind ${type}`);
    this.#budget.claimValues(about.num_values, before);
    const rows = type === 'DATA_PAGE' ? this.#firstKind(header, packed, chunk) : this.#secondKind(header, packed, chunk);
    return { rows, values: about.num_values };
  }

  #firstKind(header: PageHeader, packed: Uint8Array, chunk: Chunk): number {
    const { num_values: count, encoding } = header.data_page_header!;
    const cursor = this.#unpack(packed, Number(header.uncompressed_page_size), chunk);
    const [mostRepeated, mostDefined] = this.#levels(chunk);
    const repeated = mostRepeated === 0 ? undefined : readLevels(cursor, mostRepeated, count, undefined, this.#library);
    const defined = mostDefined === 0 ? undefined : readLevels(cursor, mostDefined, count, undefined, this.#library);
    const there = defined === undefined ? count : countOf(mostDefined, defined);
    if (encoding === 'RLE' || encoding.endsWith('_DICTIONARY')) {
      const isBoolean = chunk.meta.type === 'BOOLEAN';
      const width = isBoolean ? 1 : cursor.view.getUint8(cursor.offset++);
      if (isBoolean) cursor.offset += 4;
      if (width > 0) checkRuns(cursor, width, there, this.#library);
    } else {
      this.#values(cursor, encoding, there, chunk);
    }
    return rowsOf(repeated, count);
  }

  #secondKind(header: PageHeader, packed: Uint8Array, chunk: Chunk): number {
    const { num_values: count, num_nulls: nulls, num_rows: rows, encoding, ...rest } = header.data_page_header_v2!;
    const [repeatedBytes, definedBytes] = [rest.repetition_levels_byte_length, rest.definition_levels_byte_length];
    const areCounts = [repeatedBytes, definedBytes, nulls, rows].every((number) => Number.isInteger(number) && number >= 0);
    refuseUnless(areCounts && repeatedBytes + definedBytes <= packed.length && nulls <= count, 'levels outside of their page');
    const levels = cursorOf(packed);
    const [mostRepeated, mostDefined] = this.#levels(chunk);
    const repeated = mostRepeated === 0 ? undefined : readLevels(levels, mostRepeated, count, repeatedBytes, this.#library);
    levels.offset = repeatedBytes;
    if (mostDefined > 0) readLevels(levels, mostDefined, count, definedBytes, this.#library);
    const size = header.uncompressed_page_size - repeatedBytes - definedBytes;
    const values = packed.subarray(levels.offset);
    const cursor = rest.is_compressed !== false && size !== 0 ? this.#unpack(values, size, chunk) : cursorOf(values);
    if (encoding === 'RLE') checkRuns({ ...cursor, offset: 4 }, 1, count - nulls, this.#library);
    else if (encoding.endsWith('_DICTIONARY')) checkRuns({ ...cursor, offset: 1 }, cursor.view.getUint8(0), count - nulls, this.#library);
    else this.#values(cursor, encoding, count - nulls, chunk);
    const found = rowsOf(repeated, count);
    refuseUnless(rows <= found, `a page of ${found} rows claims to hold ${rows}`);
    return found;
  }

  #values(cursor: Cursor, encoding: string, count: number, chunk: Chunk): void {
    if (encoding === 'PLAIN' || encoding === 'BYTE_STREAM_SPLIT') {
      refuseUnless(fits(cursor, count, chunk), `a page of ${cursor.view.byteLength} bytes claims to hold ${count} values`);
    } else if (encoding === 'DELTA_BINARY_PACKED' || encoding === 'DELTA_LENGTH_BYTE_ARRAY') {
      checkDifferences(cursor, count, this.#library);
    } else if (encoding === 'DELTA_BYTE_ARRAY') {
      this.#beginnings(cursor, count);
    } else {
      throw new Error(`values written as ${encoding}`);
    }
  }

  /** Texts that begin as the one before does: each byte of the file can be as many as there are texts. */
  #beginnings(cursor: Cursor, count: number): void {
    const shared = readDifferences(cursor, count, this.#library);
    const added = readDifferences(cursor, count, this.#library);
    let length = 0;
    for (let at = 0; at < count; at += 1) {
      refuseUnless(shared[at]! >= 0 && shared[at]! <= length && added[at]! >= 0, 'a text that begins as more than the one before');
      length = shared[at]! + added[at]!;
      this.#budget.claimBytes(length);
    }
  }

  #levels({ path }: Chunk): [repeated: number, defined: number] {
    return [this.#library.getMaxRepetitionLevel(path), this.#library.getMaxDefinitionLevel(path)];
  }

  #unpack(packed: Uint8Array, size: number, { meta }: Chunk): Cursor {
    this.#budget.claimBytes(size);
    return cursorOf(this.#library.decompressPage(packed, size, meta.codec, this.#library.compressors));
  }
}

function cursorOf(bytes: Uint8Array): Cursor {
  return { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 };
}

function refuseKinds({ meta, path }: Chunk): void {
  const name = `\`${meta.path_in_schema.join('.')}\``;
  const kind = path.map((part) => String(part.element.logical_type?.type)).find((each) => UNREAD_KINDS.includes(each));
  refuseUnless(kind === undefined, `${name} holds values of kind ${kind}`);
  const { converted_type: converted, type_length: length = 0 } = path.at(-1)!.element;
  const isLong = meta.type === 'BYTE_ARRAY' || (meta.type === 'FIXED_LEN_BYTE_ARRAY' && length > MOST_OF_A_DECIMAL);
  refuseUnless(converted !== 'DECIMAL' || !isLong, `${name} holds decimals of any length`);
}

/** Whether as many values can stand in what is left. */
function fits({ view, offset }: Cursor, count: number, { meta, path }: Chunk): boolean {
  const bits = BITS[meta.type] ?? 8 * (path.at(-1)!.element.type_length ?? 0);
  return count === 0 || (bits > 0 && count * bits <= 8 * (view.byteLength - offset));
}

/** A value that repeats nothing begins a row. */
function rowsOf(repeated: Uint8Array | undefined, count: number): number {
  return repeated === undefined ? count : countOf(0, repeated);
}

function countOf(level: number, levels: Uint8Array): number {
  let count = 0;
  for (const each of levels) if (each === level) count += 1;
  return count;
}
