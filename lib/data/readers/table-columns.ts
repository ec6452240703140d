import type { DataNotes } from '../data-notes.ts';
import { refuseData } from './refusal.ts';
import { findForm } from './row-forms.ts';

const MOST_COLUMNS = 10_000;

/**
 * The names of a table's columns as rows have them. A column that stands alone is the text, whatever its name.
 * @throws HyperfitError ERR_DATA for a name that stands twice, and for columns of which none says what is to be learnt
 */
export function findColumns(given: readonly string[], path: string, notes: DataNotes): readonly string[] {
  const names = given.map((name) => name.trim().toLowerCase());
  if (names.length > MOST_COLUMNS)
    throw refuseData(`at most ${MOST_COLUMNS} columns`, `${names.length} in ${path}`, 'leave those that are to be learnt');
  const seen = new Set<string>();
  const repeated = names.find((name) => name !== '' && seen.size === seen.add(name).size);
  if (repeated !== undefined) throw refuseData('each column once', `"${repeated}" twice in ${path}`, 'rename one');
  if (findForm(names) !== undefined) return names;
  if (names.length === 1) {
    notes.add(`columns that stand alone were read as text, the first row (${JSON.stringify(given[0]!.slice(0, 40))}) as their name`, path);
    return ['text'];
  }
  const listed = given
    .slice(0, 12)
    .map((name) => JSON.stringify(name))
    .join(', ');
  throw refuseData(
    'a column "text", or columns "prompt" and "completion", "instruction" and "output" or "messages",',
    `${listed} in ${path}`,
    'put names into the first row, and name the column to learn "text"',
  );
}
