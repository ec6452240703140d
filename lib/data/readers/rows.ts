import { HyperfitError } from '../../errors.ts';
import type { DataNotes } from '../data-notes.ts';
import type { Document } from '../document.ts';
import { readRow, type RowPlace, type RowReading } from './row.ts';

/** One line of a .jsonl file, one row of a table: what it holds, or what is wrong with it. */
export type Row = { number: number; value: unknown } | { number: number; problem: string };

const SHOWN_PROBLEMS = 5;
/** Then the file is something else, and may have no end. */
const MOST_PROBLEMS = 250_000;
export const ROW_FORMS = '{"text": "..."}, {"ids": [...]}, {"messages": [...]} or {"prompt": ..., "completion": ...}';

/**
 * The documents of rows; what is empty is counted in `notes`.
 * @throws HyperfitError ERR_DATA at the end, that lists the first bad rows by number: a million of them take no memory
 */
export async function* readRows(rows: AsyncIterable<Row>, path: string, unit: 'line' | 'row', notes: DataNotes): AsyncGenerator<Document> {
  const shown: { number: number; problem: string }[] = [];
  let problems = 0;
  for await (const row of rows) {
    const document = 'problem' in row ? row.problem : readItem(row.value, { source: `${path}:${row.number}`, notes });
    if (typeof document === 'string') {
      problems += 1;
      if (shown.length < SHOWN_PROBLEMS) shown.push({ number: row.number, problem: document });
      if (problems === MOST_PROBLEMS) break;
    } else if (document !== undefined) yield document;
  }
  if (problems === 0) return;
  const rest = problems > shown.length ? `; and ${problems - shown.length} more` : '';
  throw new HyperfitError(
    'ERR_DATA',
    `expected ${ROW_FORMS} on every ${unit} of ${path}, got ${renderProblems(shown, unit)}${rest}; correct or remove these ${unit}s`,
  );
}

/** As `readRow`, of what may be nested deeper than a stack. */
export function readItem(value: unknown, place: RowPlace): RowReading {
  try {
    return readRow(value, place);
  } catch (cause) {
    if (cause instanceof RangeError) return 'nested too deeply';
    throw cause;
  }
}

/** The same fault in rows that follow each other is said once. */
function renderProblems(shown: readonly { number: number; problem: string }[], unit: string): string {
  const groups: { numbers: number[]; problem: string }[] = [];
  for (const { number, problem } of shown) {
    const last = groups.at(-1);
    if (last?.problem === problem) last.numbers.push(number);
    else groups.push({ numbers: [number], problem });
  }
  return groups.map(({ numbers, problem }) => `${unit}${numbers.length > 1 ? 's' : ''} ${numbers.join(', ')}: ${problem}`).join('; ');
}
