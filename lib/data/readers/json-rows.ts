import { isNestedTooDeep } from '../../json-depth.ts';
import { splitJsonValues } from './json-values.ts';
import { splitLines } from './lines.ts';
import { refuseData } from './refusal.ts';
import type { Row } from './rows.ts';

/** The first line of a list or an object that goes on in the next ones. */
const OVER_LINES = /^\s*(\[|\{\s*$)/;
const PYTHON = /^\s*\{\s*'/;

/** Each line of a .jsonl file that is not blank. */
export async function* jsonLines(pieces: AsyncIterable<string>, path: string): AsyncGenerator<Row> {
  for await (const { text, number } of splitLines(pieces, path)) {
    if (text.trim() === '') continue;
    const row = parseRow(text, number, number === 1 && OVER_LINES.test(text));
    yield 'value' in row && Array.isArray(row.value)
      ? { number, problem: 'not an object but a list (a list of rows is a .json file)' }
      : row;
  }
}

/**
 * The rows of a .json file: the items of a list, or values behind each other (many a .json file holds lines), or the one list that an
 * object holds, as exports of dataset viewers do.
 * @throws HyperfitError ERR_DATA for one object that is neither a row nor holds one list, and for what is no JSON
 */
export async function* jsonFileRows(pieces: AsyncIterable<string>, path: string): AsyncGenerator<Row> {
  let number = 0;
  let only: Row | undefined;
  for await (const { text, isItem } of splitJsonValues(pieces, path)) {
    number += 1;
    const row = parseRow(text, number);
    if (!isItem && number === 1) {
      only = row;
      continue;
    }
    if (only !== undefined) yield only;
    only = undefined;
    yield row;
  }
  if (only !== undefined) yield* rowsOfObject(only, path);
}

const LISTS = ['data', 'rows', 'train', 'examples', 'items', 'records', 'instances'];

function* rowsOfObject(row: Row, path: string): Generator<Row> {
  const value = 'value' in row ? row.value : undefined;
  if (typeof value !== 'object' || value === null) return yield row;
  const lists = Object.entries(value).filter(([name, part]) => LISTS.includes(name) && Array.isArray(part));
  if (lists.length === 0) return yield row;
  if (lists.length > 1)
    throw refuseData('one list of rows in a .json file', `${lists.map(([name]) => `"${name}"`).join(' and ')} in ${path}`, 'leave one');
  for (const [index, item] of (lists[0]![1] as unknown[]).entries()) yield { number: index + 1, value: unwrap(item) };
}

/** A viewer puts each row into an object beside its number. */
function unwrap(item: unknown): unknown {
  if (typeof item !== 'object' || item === null || !('row' in item) || !('row_idx' in item)) return item;
  return item.row;
}

function parseRow(text: string, number: number, isOverLines = false): Row {
  if (isNestedTooDeep(text)) return { number, problem: 'nested too deeply' };
  try {
    return { number, value: JSON.parse(text) as unknown };
  } catch {
    if (isOverLines) return { number, problem: 'not JSON (a list, or rows over several lines, is a .json file)' };
    if (PYTHON.test(text)) return { number, problem: 'not JSON but as Python prints it; write it with json.dumps' };
    return { number, problem: holdsBareNan(text) ? 'not JSON (NaN or Infinity, as Python writes them; write null)' : 'not JSON' };
  }
}

/** It is a hint only. */
const MOST_SEARCHED = 1 << 20;

/** Python writes NaN where JSON has null. Read letter by letter: an expression over strings of megabytes would run out of stack. */
function holdsBareNan(text: string): boolean {
  let inString = false;
  const end = Math.min(text.length, MOST_SEARCHED);
  for (let at = 0; at < end; at += 1) {
    const letter = text[at];
    if (inString && letter === '\\') at += 1;
    else if (letter === '"') inString = !inString;
    else if (!inString && (text.startsWith('NaN', at) || text.startsWith('Infinity', at))) return true;
  }
  return false;
}
