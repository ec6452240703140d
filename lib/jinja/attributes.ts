import { makeCallable } from './arguments.ts';
import { characters, equals, fail, needInteger, toInteger } from './operators.ts';
import { stringRepr, toRepr } from './printing.ts';
import { stringMethod } from './string-methods.ts';
import { unsupported } from './template-error.ts';
import {
  Callable,
  Dict,
  DictView,
  HelperObject,
  Markup,
  Namespace,
  orElse,
  Range,
  Tuple,
  Undefined,
  typeName,
  type Value,
} from './values.ts';

/** Bounds of `[start:stop:step]`. */
export class Slice {
  readonly start: Value;
  readonly stop: Value;
  readonly step: Value;

  constructor(start: Value, stop: Value, step: Value) {
    [this.start, this.stop, this.step] = [start, stop, step];
  }
}

/** `value.name`: an attribute or method if there is one, else the item of that name. */
export function getAttribute(value: Value, name: string): Value {
  if (value instanceof Undefined) return value.fail();
  const attribute = findAttribute(value, name);
  if (attribute !== undefined) return attribute;
  return orElse(findItem(value, name), () => new Undefined(`'${describeType(value)}' has no attribute ${stringRepr(name)}`));
}

/** `value[key]`: the item if there is one, else the attribute of that name. */
export function getItem(value: Value, key: Value | Slice): Value {
  if (value instanceof Undefined) return value.fail();
  if (key instanceof Slice) return slice(value, key) ?? fail(`'${typeName(value)}' object is not subscriptable`);
  const item = findItem(value, key);
  if (item !== undefined) return item;
  if (typeof key !== 'string') return new Undefined(`${describeType(value)} has no element ${toRepr(key)}`);
  return orElse(findAttribute(value, key), () => new Undefined(`'${describeType(value)}' has no attribute ${stringRepr(key)}`));
}

function describeType(value: Value): string {
  if (value === null) return 'None';
  return value instanceof Namespace ? 'jinja2.utils.Namespace object' : `${typeName(value)} object`;
}

export function findItem(value: Value, key: Value): Value | undefined {
  if (value instanceof Dict) return isHashable(key) ? value.get(key) : undefined;
  const index = toInteger(key);
  if (index === undefined) return undefined;
  if (typeof value === 'string') return at(characters(value), index);
  if (value instanceof Markup) {
    const character = at(characters(value.text), index);
    return character === undefined ? undefined : new Markup(character);
  }
  if (Array.isArray(value)) return at(value, index);
  if (value instanceof Tuple) return at(value.items, index);
  return value instanceof Range ? at(value.items(), index) : undefined;
}

function isHashable(key: Value): boolean {
  return !(Array.isArray(key) || key instanceof Dict || (key instanceof Tuple && !key.items.every(isHashable)));
}

function at<T>(items: readonly T[], index: bigint): T | undefined {
  return items.at(Number(index));
}

function slice(value: Value, bounds: Slice): Value | undefined {
  const cut = <T>(items: readonly T[]): T[] => sliceItems(items, bounds);
  if (typeof value === 'string') return cut(characters(value)).join('');
  if (value instanceof Markup) return new Markup(cut(characters(value.text)).join(''));
  if (Array.isArray(value)) return cut(value);
  if (value instanceof Tuple) return new Tuple(cut(value.items));
  return value instanceof Range ? sliceRange(value, bounds) : undefined;
}

function sliceRange({ start, stop, step }: Range, bounds: Slice): Range {
  const { from, to, by } = resolveSlice(bounds, new Range(start, stop, step).items().length);
  return new Range(start + BigInt(from) * step, start + BigInt(to) * step, step * BigInt(by));
}

/** Where a slice of so many items begins and ends, and by how much it goes on. */
function resolveSlice({ start, stop, step }: Slice, length: number): { from: number; to: number; by: number } {
  const by = step === null ? 1 : needInteger(step);
  if (by === 0) fail('slice step cannot be zero');
  const [lowest, highest] = by > 0 ? [0, length] : [-1, length - 1];
  const place = (bound: Value, fallback: number): number => {
    if (bound === null) return fallback;
    const index = needInteger(bound);
    return Math.min(Math.max(index < 0 ? index + length : index, lowest), highest);
  };
  return { from: place(start, by > 0 ? lowest : highest), to: place(stop, by > 0 ? highest : lowest), by };
}

function sliceItems<T>(items: readonly T[], slice: Slice): T[] {
  const { from, to, by } = resolveSlice(slice, items.length);
  const cut: T[] = [];
  for (let index = from; by > 0 ? index < to : index > to; index += by) cut.push(items[index]!);
  return cut;
}

/** Python's methods that change a value, which transformers' sandbox forbids. */
const MUTATING: Readonly<Record<string, readonly string[]>> = {
  list: ['append', 'clear', 'pop', 'reverse', 'insert', 'sort', 'extend', 'remove'],
  dict: ['clear', 'pop', 'popitem', 'setdefault', 'update'],
};
/** Attributes that Python has and this interpreter has not. */
const UNSUPPORTED: Readonly<Record<string, readonly string[]>> = {
  dict: ['fromkeys'],
  int: ['as_integer_ratio', 'bit_count', 'bit_length', 'conjugate', 'denominator', 'from_bytes', 'imag', 'numerator', 'real', 'to_bytes'],
  bool: ['as_integer_ratio', 'bit_count', 'bit_length', 'conjugate', 'denominator', 'from_bytes', 'imag', 'numerator', 'real', 'to_bytes'],
  float: ['as_integer_ratio', 'conjugate', 'fromhex', 'hex', 'imag', 'real'],
  range: ['count', 'index'],
  dict_keys: ['isdisjoint', 'mapping'],
  dict_items: ['isdisjoint', 'mapping'],
  dict_values: ['mapping'],
};

function findAttribute(value: Value, name: string): Value | undefined {
  const type = typeName(value);
  if (name.startsWith('__') || MUTATING[type]?.includes(name) === true) {
    return new Undefined(`access to attribute ${stringRepr(name)} of ${stringRepr(type)} object is unsafe.`);
  }
  if (UNSUPPORTED[type]?.includes(name) === true) throw unsupported(`'${name}' of a ${type}`);
  if (typeof value === 'string' || value instanceof Markup) return stringMethod(value, name);
  if (value instanceof Dict) return dictMethod(value, name);
  if (Array.isArray(value)) return listMethod(value, name);
  if (value instanceof Tuple) return tupleAttribute(value, name);
  if (value instanceof Range) return { start: value.start, stop: value.stop, step: value.step }[name];
  if (value instanceof Namespace) return value.attributes.get(name);
  if (value instanceof Callable) return value.attributes.get(name);
  if (value instanceof HelperObject) return value.attribute(name);
  if (typeof value === 'number' && name === 'is_integer') return makeCallable(name, '/', () => Number.isInteger(value));
  return undefined;
}

function dictMethod(dict: Dict, name: string): Value | undefined {
  switch (name) {
    case 'get':
      return makeCallable(name, '/key! default', (key, fallback = null) => orElse(dict.get(key!), () => fallback));
    case 'keys':
    case 'values':
    case 'items':
      return makeCallable(name, '/', () => new DictView(dict, name));
    case 'copy':
      return makeCallable(name, '/', () => new Dict(dict.entries()));
    default:
      return undefined;
  }
}

function listMethod(list: readonly Value[], name: string): Value | undefined {
  if (name === 'copy') return makeCallable(name, '/', () => [...list]);
  return sequenceMethod(list, name);
}

function tupleAttribute(tuple: Tuple, name: string): Value | undefined {
  const index = tuple.names.indexOf(name);
  return index === -1 ? sequenceMethod(tuple.items, name) : tuple.items[index];
}

function sequenceMethod(items: readonly Value[], name: string): Value | undefined {
  if (name === 'count') return makeCallable(name, '/value!', (value) => BigInt(items.filter((item) => equals(item, value!)).length));
  if (name !== 'index') return undefined;
  return makeCallable(name, '/value! start stop', (value, start = 0n, stop = BigInt(items.length)) => {
    const found = items.findIndex((item, index) => index >= needInteger(start) && index < needInteger(stop) && equals(item, value!));
    return found === -1 ? fail(`${toRepr(value!)} is not in list`) : BigInt(found);
  });
}

/** The value at `path`, such as `function.name` or `0.name`, as filters look it up in each item. */
export function getPath(value: Value, path: Value, fallback?: Value): Value {
  const parts: Value[] = typeof path === 'string' ? path.split('.').map((part) => (/^\d+$/.test(part) ? BigInt(part) : part)) : [path];
  return parts.reduce((item, part) => {
    const found = getItem(item, part);
    return found instanceof Undefined && fallback !== undefined ? fallback : found;
  }, value);
}
