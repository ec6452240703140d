import { getPath } from './attributes.ts';
import { applyFilter, hasFilter, type FilterOfFilters } from './filters.ts';
import { fail, isTrue, iterate } from './operators.ts';
import { needText } from './printing.ts';
import { formatFilter } from './text-filters.ts';
import { applyTest } from './value-tests.ts';
import { Iterator, type Value } from './values.ts';

type Keywords = ReadonlyMap<string, Value>;

/** `map`, `select` and their like apply other filters and tests, lazily as jinja2 does. */
export const OF_FILTERS: Readonly<Record<string, FilterOfFilters>> = {
  format: formatFilter,
  map: (value, positional, keywords) => new Iterator(isTrue(value) ? mapped(value, mapping(positional, keywords)) : []),
  select: (value, positional, keywords) => choose(value, undefined, positional, keywords, true),
  reject: (value, positional, keywords) => choose(value, undefined, positional, keywords, false),
  selectattr: (value, [attribute, ...rest], keywords) => choose(value, needAttribute(value, attribute), rest, keywords, true),
  rejectattr: (value, [attribute, ...rest], keywords) => choose(value, needAttribute(value, attribute), rest, keywords, false),
};

function needAttribute(value: Value, attribute: Value | undefined): Value | undefined {
  return attribute === undefined && isTrue(value) ? fail('Missing parameter for attribute name') : attribute;
}

function mapping(positional: readonly Value[], keywords: Keywords): (item: Value) => Value {
  const attribute = keywords.get('attribute');
  if (positional.length === 0 && attribute !== undefined) {
    const unknown = [...keywords.keys()].find((name) => name !== 'attribute' && name !== 'default');
    if (unknown !== undefined) fail(`Unexpected keyword argument '${unknown}'`);
    const fallback = keywords.get('default');
    return (item) => getPath(item, attribute, fallback === null ? undefined : fallback);
  }
  const [name, ...rest] = positional;
  if (name === undefined) return fail('map requires a filter argument');
  const filter = needText(name, 'map');
  if (!hasFilter(filter)) fail(`No filter named '${filter}'.`);
  return (item) => applyFilter(filter, item, rest, keywords);
}

function* mapped(value: Value, change: (item: Value) => Value): Generator<Value> {
  for (const item of iterate(value)) yield change(item);
}

function choose(value: Value, attribute: Value | undefined, [name, ...rest]: readonly Value[], keywords: Keywords, keeps: boolean): Value {
  if (!isTrue(value)) return new Iterator([]);
  const test = name === undefined ? isTrue : (item: Value): boolean => applyTest(needText(name, 'select'), item, rest, keywords);
  return new Iterator(chosen(value, (item) => test(attribute === undefined ? item : getPath(item, attribute)) === keeps));
}

function* chosen(value: Value, isKept: (item: Value) => boolean): Generator<Value> {
  for (const item of iterate(value)) if (isKept(item)) yield item;
}
