import { bindArguments, type Bound } from './arguments.ts';
import { OF_FILTERS } from './filters-of-filters.ts';
import { LIST_FILTERS } from './list-filters.ts';
import { toJson } from './json.ts';
import { NUMBER_FILTERS } from './number-filters.ts';
import { isTrue } from './operators.ts';
import { TEXT_FILTERS } from './text-filters.ts';
import { TemplateError, unsupported } from './template-error.ts';
import { Undefined, type Value } from './values.ts';

/** Its signature (see `bindArguments`), and what it makes of a value. */
export type Filter = readonly [signature: string, run: (value: Value, ...args: Bound) => Value];

/** Those that apply other filters or tests take their arguments as they are. */
export type FilterOfFilters = (value: Value, positional: readonly Value[], keywords: ReadonlyMap<string, Value>) => Value;

const FILTERS: Readonly<Record<string, Filter>> = {
  ...TEXT_FILTERS,
  ...LIST_FILTERS,
  ...NUMBER_FILTERS,
  default: ['default_value boolean', applyDefault],
  d: ['default_value boolean', applyDefault],
  tojson: ['ensure_ascii indent separators sort_keys', toJson],
};

/** Filters of jinja2 for web pages, and those whose result is not the same twice. */
const UNSUPPORTED = ['filesizeformat', 'pprint', 'random', 'striptags', 'urlencode', 'urlize', 'wordwrap', 'xmlattr'];

export function hasFilter(name: string): boolean {
  return Object.hasOwn(FILTERS, name) || Object.hasOwn(OF_FILTERS, name) || UNSUPPORTED.includes(name);
}

/** @throws TemplateError for a filter that is not there, and for arguments that it does not take */
export function applyFilter(name: string, value: Value, positional: readonly Value[], keywords: ReadonlyMap<string, Value>): Value {
  if (Object.hasOwn(OF_FILTERS, name)) return OF_FILTERS[name]!(value, positional, keywords);
  const filter = Object.hasOwn(FILTERS, name) ? FILTERS[name] : undefined;
  if (filter !== undefined) return filter[1](value, ...bindArguments(name, filter[0], positional, keywords));
  if (UNSUPPORTED.includes(name)) throw unsupported(`the filter '${name}'`);
  throw new TemplateError(`No filter named '${name}'.`);
}

function applyDefault(value: Value, fallback: Value = '', boolean: Value = false): Value {
  return value instanceof Undefined || (isTrue(boolean) && !isTrue(value)) ? fallback : value;
}
