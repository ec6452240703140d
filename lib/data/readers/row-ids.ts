import { IGNORE_INDEX } from '../batch.ts';
import type { RowPlace, RowReading } from './row.ts';
import { parseNested, type Fields } from './row-values.ts';

const MAX_ID = 0x7fffffff;

/**
 * {"ids"}, with "targets" [the same length] where not every next token is learnt; or, as transformers has it, {"input_ids"} with "labels",
 * which stand one place further on, and "attention_mask".
 */
export function readIds(fields: Fields, { source, notes }: RowPlace): RowReading {
  const name = 'ids' in fields ? 'ids' : 'input_ids';
  const ids = toList(fields[name]);
  if (ids === undefined) return `"${name}" is not a list`;
  const problem = findBadId(ids, name, false) ?? findBadMask(fields, ids);
  if (problem !== undefined) return problem;
  if (ids.length === 0) {
    notes.add('empty lists of ids were passed over', source);
    return undefined;
  }
  const targets = readTargets(fields, ids);
  if (typeof targets === 'string') return targets;
  return { source, ids: Int32Array.from(ids as number[]), ...(targets === undefined ? {} : { targets }) };
}

function toList(value: unknown): unknown[] | undefined {
  const list = parseNested(value);
  if (Array.isArray(list)) return list;
  return ArrayBuffer.isView(list) && Symbol.iterator in list ? Array.from(list as unknown as Iterable<unknown>) : undefined;
}

function findBadId(ids: readonly unknown[], name: string, mayIgnore: boolean): string | undefined {
  const isId = (id: unknown): boolean => Number.isInteger(id) && (id as number) >= 0 && (id as number) <= MAX_ID;
  const bad = ids.findIndex((id) => !isId(id) && !(mayIgnore && id === IGNORE_INDEX));
  return bad === -1 ? undefined : `"${name}"[${bad}] is ${String(JSON.stringify(ids[bad]))}, not a token id`;
}

function findBadMask({ attention_mask: mask }: Fields, ids: readonly unknown[]): string | undefined {
  const list = mask === undefined ? undefined : toList(mask);
  if (list === undefined || (list.length === ids.length && list.every((each) => each === 1))) return undefined;
  return '"attention_mask" is not 1 for every id; leave padding out of the ids';
}

function readTargets(fields: Fields, ids: readonly unknown[]): Int32Array | string | undefined {
  const name = 'targets' in fields ? 'targets' : 'labels';
  if (fields[name] === undefined) return undefined;
  const given = toList(fields[name]);
  if (given === undefined || given.length !== ids.length) return `"${name}" is not a list of ${ids.length}, as many as there are ids`;
  const list = name === 'targets' ? given : [...given.slice(1), IGNORE_INDEX];
  const problem = findBadId(list, name, true);
  if (problem !== undefined) return problem;
  if (list.every((target) => target === IGNORE_INDEX)) return `"${name}" has no token to learn`;
  const other = list.findIndex((target, at) => target !== IGNORE_INDEX && target !== ids[at + 1]);
  return other === -1
    ? Int32Array.from(list as number[])
    : `"${name}" has ${String(list[other])} where the next id is ${String(ids[other + 1])}`;
}
