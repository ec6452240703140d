import { invalid } from './api-error.ts';

/** A part of a list as OpenAI gives it: `items` in their order, those behind the one with the id `after`, `limit` at most. */
export function pageOf<T extends { id: string }>(
  items: readonly T[],
  query: { after?: string | undefined; limit?: string | undefined },
  most: number,
): object {
  const limit = query.limit === undefined ? 20 : Number(query.limit);
  if (!Number.isInteger(limit) || limit < 1 || limit > most) {
    throw invalid(`expected a whole number from 1 to ${most} for \`limit\`, got "${query.limit}"`, 'limit');
  }
  const from = query.after === undefined ? 0 : items.findIndex(({ id }) => id === query.after) + 1;
  const data = items.slice(from, from + limit);
  return { object: 'list', data, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null, has_more: from + limit < items.length };
}
