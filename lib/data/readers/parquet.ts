import type { RowGroup, SchemaTree } from 'hyparquet';
import type { DataNotes } from '../data-notes.ts';
import { openRegular } from './data-file.ts';
import { ParquetBudget, refuseUnless } from './parquet-budget.ts';
import { loadParquet, type ParquetLibrary } from './parquet-library.ts';
import { ParquetPages } from './parquet-pages.ts';
import { stepOverStruct } from './parquet-thrift.ts';
import { refuseData } from './refusal.ts';
import type { Row } from './rows.ts';
import { READ_NAMES } from './row-forms.ts';
import { findColumns } from './table-columns.ts';

// A group of rows is read in parts of about so many bytes and rows, so that one that is the whole file does not become objects all at once.
const BYTES_AT_ONCE = 2 ** 26;
const ROWS_AT_ONCE = 2 ** 18;

/**
 * The rows of a parquet file, a part of a group at a time. Numbers of 64 bits become numbers, bytes text. What a file says of itself is
 * held against its bytes before lists are made of it.
 * @throws HyperfitError ERR_DATA for a damaged or encrypted file, for one that claims more than its bytes can hold, and for columns that
 *   say nothing
 */
export async function* parquetRows(path: string, notes: DataNotes): AsyncGenerator<Row> {
  const library = await loadParquet();
  const file = await openRegular(path);
  try {
    const { size } = await file.stat();
    const placeOf = (start: number, end: number): Place => ({ start: start < 0 ? size + start : start, end, size });
    const buffer = { byteLength: size, slice: (start: number, end = size) => readSlice(file, placeOf(start, end)) };
    await checkDescription(buffer, library);
    const metadata = await library.parquetMetadataAsync(buffer, { geoparquet: false });
    const schema = library.parquetSchema(metadata);
    const given = schema.children.map(({ element }) => element.name);
    const known = findColumns(given, path, notes);
    const names = new Map(given.map((column, at) => [column, known[at]!] as const).filter(([, name]) => READ_NAMES.includes(name)));
    const columns = [...names.keys()];
    const budget = new ParquetBudget(size);
    budget.claimRows(metadata.row_groups.reduce((sum, group) => sum + Number(group.num_rows), 0));
    const pages = new ParquetPages(library, budget);
    let number = 0;
    for (const group of metadata.row_groups) {
      await checkGroup(group, columns, { buffer, library, schema, pages });
      const count = Number(group.num_rows);
      const atOnce = Math.min(ROWS_AT_ONCE, Math.ceil(count / Math.ceil((Number(group.total_byte_size) + 1) / BYTES_AT_ONCE)));
      const reading = { file: buffer, metadata: { ...metadata, row_groups: [group] }, compressors: library.compressors, columns };
      for (let start = 0; start < count;) {
        const rows = await library.parquetReadObjects({ ...reading, rowStart: start, rowEnd: Math.min(count, start + atOnce) });
        if (rows.length === 0) throw new Error(`row ${number + 1} is missing`);
        for (const row of rows) yield { number: (number += 1), value: toRow(row, names) };
        start += rows.length;
      }
    }
  } catch (cause) {
    throw asRefusal(cause, path);
  } finally {
    await file.close();
  }
}

interface FileBytes {
  byteLength: number;
  slice: (start: number, end?: number) => Promise<ArrayBuffer>;
}

const FOOTER = 8;

/** What everything else goes by stands at the file's end, and its length behind it. */
async function checkDescription(buffer: FileBytes, library: ParquetLibrary): Promise<void> {
  refuseUnless(buffer.byteLength >= FOOTER, 'it is cut off');
  const end = buffer.byteLength - FOOTER;
  const length = new DataView(await buffer.slice(end, end + 4)).getUint32(0, true);
  refuseUnless(length <= end, 'its description is longer than the file');
  stepOverStruct({ view: new DataView(await buffer.slice(end - length, end)), offset: 0 }, library);
}

interface Checking {
  buffer: FileBytes;
  library: ParquetLibrary;
  schema: SchemaTree;
  pages: ParquetPages;
}

async function checkGroup(group: RowGroup, columns: readonly string[], { buffer, library, schema, pages }: Checking): Promise<void> {
  const rows = Number(group.num_rows);
  if (rows <= 0) return;
  for (const { meta_data: meta } of group.columns) {
    if (meta === undefined || !columns.includes(meta.path_in_schema[0]!)) continue;
    const start = Number(meta.dictionary_page_offset || meta.data_page_offset);
    const bytes = await buffer.slice(start, start + Number(meta.total_compressed_size));
    pages.check(bytes, { meta, path: library.getTreePath(schema, meta.path_in_schema), rows });
  }
}

type OpenFile = Awaited<ReturnType<typeof openRegular>>;

interface Place {
  start: number;
  end: number;
  size: number;
}

/** What lies outside of the file is refused before memory is taken for it. */
async function readSlice(file: OpenFile, { start, end, size }: Place): Promise<ArrayBuffer> {
  if (!(start >= 0 && end <= size)) throw new Error('a part of it lies outside of the file');
  const bytes = new Uint8Array(Math.max(0, end - start));
  for (let at = 0; at < bytes.length;) {
    const { bytesRead } = await file.read(bytes, at, bytes.length - at, start + at);
    if (bytesRead === 0) throw new Error('it is cut off');
    at += bytesRead;
  }
  return bytes.buffer;
}

function toRow(row: Record<string, unknown>, names: ReadonlyMap<string, string>): Record<string, unknown> {
  return Object.fromEntries([...names].map(([column, name]) => [name, toPlain(row[column])]));
}

function toPlain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  if (Array.isArray(value)) return value.map(toPlain);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as Iterable<unknown>, toPlain);
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, toPlain(part)]));
}

function asRefusal(cause: unknown, path: string): Error {
  if (cause instanceof Error && 'code' in cause && cause.code === 'ERR_DATA') return cause;
  const got = `${path}, which cannot be read (${(cause as Error).message})`;
  return refuseData('a parquet file', got, 'write it again, uncompressed or with snappy or zstd', cause);
}
