import type { DataNotes } from '../data-notes.ts';
import type { Document } from '../document.ts';
import { isObject, mendSurrogates, withoutNulls, type Fields } from './row-values.ts';
import { readIds } from './row-ids.ts';
import { readMessages } from './row-messages.ts';
import { findForm, formNames, type FormName } from './row-forms.ts';
import { readExchange, readPromptCompletion } from './row-answers.ts';

/** Where a row stands, and where to count what is left out of it. */
export interface RowPlace {
  source: string;
  notes: DataNotes;
}

/** A document, what is wrong with the row in words, or nothing for an empty one, which is counted. */
export type RowReading = Document | string | undefined;

/** The document of a row, in whichever of the known forms it is. */
export function readRow(value: unknown, place: RowPlace): RowReading {
  const row = mendSurrogates(value, place);
  if (typeof row === 'string') return readText({ text: row }, place);
  if (!isObject(row)) return 'not an object';
  const fields = withoutNulls(row);
  const form = findForm(Object.keys(fields));
  if (form === undefined) return describeUnknown(row, fields, place);
  if ('problem' in form) return form.problem;
  if (form.passedOver !== undefined) place.notes.add(`rows also hold ${form.passedOver}, which are not read`, place.source);
  return READERS[form.name](fields, place);
}

const READERS: Readonly<Record<FormName, (fields: Fields, place: RowPlace) => RowReading>> = {
  text: readText,
  ids: readIds,
  messages: readMessages,
  completion: readPromptCompletion,
  exchange: readExchange,
};

function readText({ text }: Fields, { source, notes }: RowPlace): RowReading {
  if (typeof text !== 'string') return '"text" is not a string';
  if (text.trim() !== '') return { source, text };
  notes.add('empty texts were passed over', source);
  return undefined;
}

/** A row of nothing but nulls is empty; one of other names says which. */
function describeUnknown(row: Fields, fields: Fields, { source, notes }: RowPlace): RowReading {
  const names = Object.keys(fields);
  if (names.length === 0 && findForm(Object.keys(row)) !== undefined) {
    notes.add('rows without anything in them were passed over', source);
    return undefined;
  }
  const given = names.length === 0 ? '' : `, but ${names.slice(0, 6).map((name) => JSON.stringify(name)).join(', ')}`;
  return `none of ${formNames}${given}`;
}
