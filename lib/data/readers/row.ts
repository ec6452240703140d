import type { DataNotes } from '../data-notes.ts';
import type { Document } from '../document.ts';
import { isObject, mendSurrogates, withoutNulls, type Fields } from './row-values.ts';
import { readIds } from './row-ids.ts';
import { readMessages } from './row-messages.ts';
import { findForm, formNames, READ_NAMES, type FormName } from './row-forms.ts';
import { isPromptAlone, readExchange, readPromptAlone, readPromptCompletion } from './row-answers.ts';

/** Where a row stands, and where to count what is left out of it. */
export interface RowPlace {
  source: string;
  notes: DataNotes;
}

/** A document, what is wrong with the row in words, or nothing for an empty one, which is counted. */
export type RowReading = Document | string | undefined;

/** The document of a row, in whichever of the known forms it is. */
export function readRow(value: unknown, place: RowPlace): RowReading {
  if (typeof value === 'string') return readText({ text: mendSurrogates(value, place) }, place);
  if (!isObject(value)) return Array.isArray(value) ? 'not an object but a list' : 'not an object';
  const row = withoutNulls(value);
  if (place.notes.takesPromptsAlone && isPromptAlone(row)) return readPromptAlone(mendSurrogates(row, place) as Fields, place);
  const form = findForm(Object.keys(row));
  if (form === undefined) return describeUnknown(value, row, place);
  if ('problem' in form) return form.problem;
  if (form.passedOver !== undefined) place.notes.add(`rows also hold ${form.passedOver}, which are not read`, place.source);
  // What is not read may be anything.
  const read = Object.entries(row).filter(([name]) => READ_NAMES.includes(name));
  return READERS[form.name](Object.fromEntries(read.map(([name, part]) => [name, mendSurrogates(part, place)])), place);
}

const READERS: Readonly<Record<FormName, (fields: Fields, place: RowPlace) => RowReading>> = {
  text: readText,
  ids: readIds,
  messages: readMessages,
  completion: readPromptCompletion,
  exchange: readExchange,
};

function readText({ text }: Fields, { source, notes }: RowPlace): RowReading {
  if (typeof text === 'object')
    return '"text" is not a string but holds several; write one row for each, as pandas does with orient="records"';
  if (typeof text !== 'string') return '"text" is not a string';
  if (text.trim() !== '') return { source, text };
  notes.add('empty texts were passed over', source);
  return undefined;
}

/** A row whose known names are all null is empty; one of other names says which. */
function describeUnknown(row: Fields, fields: Fields, { source, notes }: RowPlace): RowReading {
  if (findForm(Object.keys(row)) !== undefined) {
    notes.add('rows whose text or answer is null were passed over', source);
    return undefined;
  }
  const names = Object.keys(fields);
  if (names.length === 0) return `none of ${formNames}`;
  const given = names
    .slice(0, 6)
    .map((name) => JSON.stringify(name))
    .join(', ');
  return `none of ${formNames}, but ${given}; rename what is to be learnt to "text", or a question and its answer to "prompt" and "completion"`;
}
