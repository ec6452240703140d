import type { DataNotes } from '../data-notes.ts';
import { openRegular } from './data-file.ts';
import { refuseData } from './refusal.ts';
import type { Row } from './rows.ts';
import { READ_NAMES } from './row-forms.ts';
import { findColumns } from './table-columns.ts';

// A group of rows is read in parts of about so many bytes, so that a group that is the whole file does not become objects all at once.
const BYTES_AT_ONCE = 2 ** 26;

/**
 * The rows of a parquet file, a part of a group at a time. Numbers of 64 bits become numbers, bytes text.
 * @throws HyperfitError ERR_DATA for a damaged or encrypted file, and for columns that say nothing
 */
export async function* parquetRows(path: string, notes: DataNotes): AsyncGenerator<Row> {
  const { parquetMetadataAsync, parquetReadObjects, parquetSchema } = await import('hyparquet');
  const compressors = believable((await import('hyparquet-compressors')).compressors);
  const file = await openRegular(path);
  try {
    const { size } = await file.stat();
    const buffer = { byteLength: size, slice: (start: number, end = size) => readSlice(file, { start: start < 0 ? size + start : start, end, size }) };
    const metadata = await parquetMetadataAsync(buffer);
    const given = parquetSchema(metadata).children.map(({ element }) => element.name);
    const known = findColumns(given, path, notes);
    const names = new Map(given.map((column, at) => [column, known[at]!] as const).filter(([, name]) => READ_NAMES.includes(name)));
    const columns = [...names.keys()];
    let number = 0;
    for (const group of metadata.row_groups) {
      const end = number + Number(group.num_rows);
      const atOnce = Math.ceil(Number(group.num_rows) / Math.ceil((Number(group.total_byte_size) + 1) / BYTES_AT_ONCE));
      while (number < end) {
        const rows = await parquetReadObjects({ file: buffer, metadata, compressors, columns, rowStart: number, rowEnd: Math.min(end, number + atOnce) });
        if (rows.length === 0) throw new Error(`row ${number + 1} is missing`);
        for (const row of rows) yield { number: (number += 1), value: toRow(row, names) };
      }
    }
  } catch (cause) {
    throw asRefusal(cause, path);
  } finally {
    await file.close();
  }
}

/** What lies outside of the file is refused before memory is taken for it. */
async function readSlice(file: Awaited<ReturnType<typeof openRegular>>, { start, end, size }: { start: number; end: number; size: number }): Promise<ArrayBuffer> {
  if (!(start >= 0 && end <= size)) throw new Error('a part of it lies outside of the file');
  const bytes = new Uint8Array(Math.max(0, end - start));
  for (let at = 0; at < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, at, bytes.length - at, start + at);
    if (bytesRead === 0) throw new Error('it is cut off');
    at += bytesRead;
  }
  return bytes.buffer;
}

/** Beyond it a page claims more than its bytes can hold, and memory would be taken for the claim. */
const MOST_OF_A_BYTE = 1100;
const SMALL_PAGE = 2 ** 20;

type Compressors = typeof import('hyparquet-compressors').compressors;

function believable(compressors: Compressors): Compressors {
  const checked = Object.entries(compressors).map(([name, decompress]) => [name, (input: Uint8Array, length: number) => {
    if (length > SMALL_PAGE + MOST_OF_A_BYTE * input.length) throw new Error(`a page of ${input.length} bytes claims to hold ${length}`);
    return decompress(input, length);
  }]);
  return Object.fromEntries(checked) as Compressors;
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
  return refuseData('a parquet file', `${path}, which cannot be read (${(cause as Error).message})`, 'write it again, uncompressed or with snappy or zstd', cause);
}
