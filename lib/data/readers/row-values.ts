import type { DataNotes } from '../data-notes.ts';

export type Fields = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
}

/** Arrow and pandas give every row every name that any row has: what is null is absent. */
export function withoutNulls(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== undefined));
}

/** The same at every depth. Nulls in lists stay, since they have a place. */
export function withoutNullsWithin(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNullsWithin);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(withoutNulls(value)).map(([name, part]) => [name, withoutNullsWithin(part)]));
}

/** `value` with U+FFFD for halves of characters, which JSON can write (\ud800) and no encoding knows. */
export function mendSurrogates(value: unknown, place: { source: string; notes: DataNotes }): unknown {
  if (typeof value === 'string') return mendText(value, place);
  if (Array.isArray(value)) return isPlain(value) ? value : value.map((part) => mendSurrogates(part, place));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, mendSurrogates(part, place)]));
}

/** Lists of ids are long. */
function isPlain(list: readonly unknown[]): boolean {
  return list.every((part) => typeof part === 'number');
}

// With the flag u the two halves of a character are one.
const LONE = /\p{Surrogate}/gu;

function mendText(text: string, { source, notes }: { source: string; notes: DataNotes }): string {
  let count = 0;
  const mended = text.replace(LONE, () => {
    count += 1;
    return '\ufffd';
  });
  if (count > 0) notes.add('lone surrogates (\\ud800 to \\udfff) became U+FFFD', source, count);
  return mended;
}

/** A list or object that a table holds as JSON; anything else as it is. */
export function parseNested(value: unknown): unknown {
  if (typeof value !== 'string' || !/^\s*[[{]/.test(value)) return value;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return value;
  }
}
