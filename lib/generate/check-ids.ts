import { HyperfitError } from '../errors.ts';

/** Token ids in any form that users have them: an array, or a typed array of whole numbers. */
export type IdList = Int32Array | readonly number[];

/** A value as it was written, short enough for a message. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list that begins with ${shown(value[0])}`;
  if (ArrayBuffer.isView(value)) return `a ${value.constructor.name}`;
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}

export function isList(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
}

/** What keeps `value` from being a list of ids, in words, or undefined. */
export function idListProblem(name: string, value: unknown): string | undefined {
  if (!isList(value)) return `expected a list of token ids for \`${name}\`, got ${shown(value)}; write [id, ...]`;
  const ids = Array.from(value);
  const unfit = ids.findIndex((id) => !isId(id));
  return unfit === -1 ? undefined : `expected whole numbers from 0 to 2147483647 in \`${name}\`, got ${shown(ids[unfit])}`;
}

/** Ids cross to native code as int32, where larger ones would become others. */
const MOST_ID = 2 ** 31 - 1;

function isId(id: unknown): boolean {
  return typeof id === 'number' && Number.isInteger(id) && id >= 0 && id <= MOST_ID;
}

/**
 * Ids that the model has no row for, which would be ignored.
 * @throws HyperfitError ERR_CONFIG
 */
export function requireKnownIds(name: string, ids: Iterable<number>, vocabSize: number): void {
  for (const id of ids) {
    if (id < vocabSize) continue;
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected ids below the vocabulary size ${vocabSize} in \`${name}\`, got ${id}; use this model's tokenizer`,
    );
  }
}
