import { Readable } from 'node:stream';
import type { DataNotes } from '../data-notes.ts';
import { formatBytes, refuseData } from './refusal.ts';
import type { Row } from './rows.ts';
import { findColumns } from './table-columns.ts';

/**
 * The rows of a .csv or .tsv file, each as an object by the names in the first row. Cells may hold line breaks between quotes.
 * Rows count from 1 behind the names. An empty cell is absent.
 * @throws HyperfitError ERR_DATA for quotes that do not close, rows of another length (with their line), and columns that say nothing
 */
export async function* csvRows(
  pieces: AsyncIterable<string>,
  path: string,
  delimiter: ',' | '\t',
  notes: DataNotes,
  mostRecord = MOST_RECORD,
): AsyncGenerator<Row> {
  let columns: readonly string[] | undefined;
  let number = 0;
  for await (const cells of csvRecords(pieces, path, delimiter, mostRecord)) {
    if (columns === undefined) {
      columns = findColumns(cells, path, notes);
      continue;
    }
    number += 1;
    yield { number, value: toRow(columns, cells) };
  }
}

function toRow(columns: readonly string[], cells: readonly string[]): Record<string, string | null> {
  return Object.fromEntries(columns.map((name, at) => [name, cells[at] === '' ? null : cells[at]!.replaceAll('\r\n', '\n')]));
}

/** A book fits. What is longer is a quote that does not close. */
const MOST_RECORD = 2 ** 24;

async function* csvRecords(
  pieces: AsyncIterable<string>,
  path: string,
  delimiter: ',' | '\t',
  mostRecord: number,
): AsyncGenerator<string[]> {
  const { parse, CsvError } = await import('csv-parse');
  const [start, whole] = await peekLine(pieces, path);
  const separator = delimiter === ',' ? findSeparator(start) : delimiter;
  // Quotes within a cell that does not begin with one stand for themselves.
  const parser = parse({ delimiter: separator, skip_empty_lines: true, relax_quotes: true, max_record_size: mostRecord });
  const source = Readable.from(whole);
  source.on('error', (error) => parser.destroy(error));
  source.pipe(parser);
  try {
    for await (const record of parser) yield record as string[];
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    throw refuseData(
      'rows of as many cells as the first one',
      `${path}, line ${String(cause['lines'])}: ${cause.message}`,
      'put quotes around cells that hold separators, quotes (doubled) or line breaks',
      cause,
    );
  } finally {
    source.destroy();
    parser.destroy();
  }
}

/** Semicolons part the cells where the comma is a decimal sign, and many a .csv file has tabs or bars. */
function findSeparator(line: string): string {
  return [',', ';', '\t', '|'].find((separator) => line.includes(separator)) ?? ',';
}

/** The first line that is not blank, and all pieces. */
async function peekLine(pieces: AsyncIterable<string>, path: string): Promise<[line: string, all: AsyncIterable<string>]> {
  const iterator = pieces[Symbol.asyncIterator]();
  let start = '';
  for (let isEnded = false; !isEnded;) {
    const next = await iterator.next();
    if (next.done === true) break;
    const piece: string = start === '' ? next.value.trimStart() : next.value;
    isEnded = /[\n\r]/.test(piece);
    start += piece;
    if (start.length <= MOST_RECORD) continue;
    await iterator.return?.();
    throw refuseData(
      `a first line of at most ${formatBytes(MOST_RECORD)}`,
      `a longer one in ${path}`,
      'put the names of the columns there',
    );
  }
  const line = start.split(/[\n\r]/, 1)[0]!;
  return [line, withStart(start, iterator)];
}

async function* withStart(start: string, iterator: AsyncIterator<string>): AsyncGenerator<string> {
  try {
    if (start !== '') yield start;
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
  } finally {
    await iterator.return?.();
  }
}
