import { getPath } from './attributes.ts';
import type { Filter } from './filters.ts';
import { attrFilter, countFilter } from './text-filters.ts';
import {
  binaryOperation,
  characters,
  checkLength,
  equals,
  fail,
  isNumber,
  isTrue,
  itemsOf,
  iterate,
  needInteger,
  orderOf,
} from './operators.ts';
import { toText } from './printing.ts';
import { Dict, DictView, HelperObject, Iterator, Markup, orElse, Tuple, Undefined, typeName, type Value } from './values.ts';

export const LIST_FILTERS: Readonly<Record<string, Filter>> = {
  attr: ['name!', (value, name) => attrFilter(value, name!)],
  batch: ['linecount! fill_with', (value, count, fill = null) => new Iterator(batch([...iterate(value)], needInteger(count!), fill))],
  count: ['', countFilter],
  dictsort: ['case_sensitive by reverse', sortDict],
  first: ['', first],
  groupby: [
    'attribute! default case_sensitive',
    (value, attribute, fallback = null, isCased = false) => groupBy(value, attribute!, fallback, isTrue(isCased)),
  ],
  items: ['', listItems],
  join: ['d attribute', join],
  last: ['', (value) => orElse(reversed(value, 'last')[0], () => new Undefined('No last item, sequence was empty.'))],
  length: ['', countFilter],
  list: ['', (value) => [...iterate(value)]],
  max: ['case_sensitive attribute', (value, isCased = false, attribute = null) => extreme(value, isCased, attribute, 1)],
  min: ['case_sensitive attribute', (value, isCased = false, attribute = null) => extreme(value, isCased, attribute, -1)],
  reverse: ['', reverse],
  slice: ['slices! fill_with', (value, count, fill = null) => new Iterator(cutSlices([...iterate(value)], needInteger(count!), fill))],
  sort: ['reverse case_sensitive attribute', sort],
  sum: ['attribute start', sum],
  unique: ['case_sensitive attribute', unique],
};

type Key = (item: Value) => Value;

/** What an item is sorted or compared by: a part of it, without regard to case unless told so. */
function keyOf(attribute: Value, isCased: boolean, fallback?: Value): Key {
  return (item) => {
    const value = attribute === null ? item : getPath(item, attribute, fallback);
    if (isCased) return value;
    return typeof value === 'string' || value instanceof Markup ? toText(value).toLowerCase() : value;
  };
}

function sortBy(items: readonly Value[], key: Key, isReversed: boolean): Value[] {
  const keyed = items.map((item) => ({ item, key: key(item) }));
  // Ties keep their order, also when reversed.
  return keyed.sort((left, right) => (isReversed ? orderOf(right.key, left.key) : orderOf(left.key, right.key))).map(({ item }) => item);
}

function sort(value: Value, isReversed: Value = false, isCased: Value = false, attribute: Value = null): Value {
  const parts = typeof attribute === 'string' && attribute.includes(',') ? attribute.split(',') : undefined;
  if (!isNumber(isReversed)) needInteger(isReversed);
  const keys = (parts ?? [attribute]).map((part) => keyOf(part, isTrue(isCased)));
  const key: Key = parts === undefined ? keys[0]! : (item) => new Tuple(keys.map((each) => each(item)));
  return sortBy([...iterate(value)], key, isTrue(isReversed));
}

function sortDict(value: Value, isCased: Value = false, by: Value = 'key', isReversed: Value = false): Value {
  if (by !== 'key' && by !== 'value') fail('You can only sort by either "key" or "value"');
  if (!(value instanceof Dict)) {
    return value instanceof Undefined ? value.fail() : fail(`'${typeName(value)}' object has no attribute 'items'`);
  }
  const key = keyOf(by === 'key' ? 0n : 1n, isTrue(isCased));
  return sortBy(
    value.entries().map((pair) => new Tuple(pair)),
    key,
    isTrue(isReversed),
  );
}

function unique(value: Value, isCased: Value = false, attribute: Value = null): Value {
  const key = keyOf(attribute, isTrue(isCased));
  const seen = new Dict();
  return new Iterator(
    [...iterate(value)].filter((item) => {
      const each = key(item);
      if (seen.has(each)) return false;
      seen.set(each, null);
      return true;
    }),
  );
}

function groupBy(value: Value, attribute: Value, fallback: Value, isCased: boolean): Value {
  const standIn = fallback === null ? undefined : fallback;
  const key = keyOf(attribute, isCased, standIn);
  const groups: Value[][] = [];
  for (const item of sortBy([...iterate(value)], key, false)) {
    const group = groups.at(-1);
    if (group !== undefined && equals(key(group[0]!), key(item))) group.push(item);
    else groups.push([item]);
  }
  return groups.map((group) => new Tuple([getPath(group[0]!, attribute, standIn), group], ['grouper', 'list']));
}

function extreme(value: Value, isCased: Value, attribute: Value, sign: 1 | -1): Value {
  const key = keyOf(attribute, isTrue(isCased));
  const items = [...iterate(value)];
  if (items.length === 0) return new Undefined('No aggregated item, sequence was empty.');
  return items.reduce((best, item) => (orderOf(key(item), key(best)) * sign > 0 ? item : best));
}

function sum(value: Value, attribute: Value = null, start: Value = 0n): Value {
  if (typeof start === 'string') fail("sum() can't sum strings [use ''.join(seq) instead]");
  const items = [...iterate(value)].map((item) => (attribute === null ? item : getPath(item, attribute)));
  return items.reduce((total, item) => binaryOperation('+', total, item), start);
}

function join(value: Value, separator: Value = '', attribute: Value = null): Value {
  const items = [...iterate(value)].map((item) => (attribute === null ? item : getPath(item, attribute)));
  return checkLength(items.map(toText).join(toText(separator)));
}

/** Takes no more than one item from what can be walked through once. */
function first(value: Value): Value {
  for (const item of iterate(value)) return item;
  return new Undefined('No first item, sequence was empty.');
}

function listItems(value: Value): Value {
  if (value instanceof Undefined) return new Iterator([]);
  return value instanceof Dict ? new Iterator(new DictView(value, 'items').items()) : fail('Can only get item pairs from a mapping.');
}

function reverse(value: Value): Value {
  if (typeof value === 'string') return characters(value).reverse().join('');
  if (value instanceof Markup) return new Markup(characters(value.text).reverse().join(''));
  if (value instanceof Iterator) return [...iterate(value)].reverse();
  return new Iterator(reversed(value, 'reverse'), 'reversed');
}

/** What Python's `reversed` takes: lists, texts, dicts and their views, but nothing that runs only forwards. */
function reversed(value: Value, filter: string): Value[] {
  if (value instanceof Iterator || value instanceof HelperObject) return fail(`'${typeName(value)}' object is not reversible`);
  const problem = filter === 'reverse' ? 'argument must be iterable' : `'${typeName(value)}' object is not reversible`;
  return [...(itemsOf(value) ?? fail(problem))].reverse();
}

function batch(items: readonly Value[], size: number, fill: Value): Value[][] {
  const rows: Value[][] = [];
  for (let at = 0; at < items.length; at += Math.max(1, size)) rows.push(items.slice(at, at + Math.max(1, size)));
  const last = rows.at(-1);
  while (fill !== null && last !== undefined && last.length < size) last.push(fill);
  return rows;
}

function cutSlices(items: readonly Value[], count: number, fill: Value): Value[][] {
  if (count < 1) return count === 0 ? fail('integer division or modulo by zero') : [];
  const [size, extra] = [Math.floor(items.length / count), items.length % count];
  return Array.from({ length: Math.min(count, 100_000) }, (_, index) => {
    const start = index * size + Math.min(index, extra);
    const part = items.slice(start, start + size + (index < extra ? 1 : 0));
    return fill !== null && index >= extra ? [...part, fill] : part;
  });
}
