import { spend } from './effort.ts';
import { TemplateError, unsupported } from './template-error.ts';

/**
 * A value of a template, by Python's types: null is None, bigint int, number float, string str, an array a list. The other types
 * are the classes below.
 */
export type Value =
  | null
  | boolean
  | bigint
  | number
  | string
  | Value[]
  | Tuple
  | Dict
  | DictView
  | Range
  | Iterator
  | Markup
  | Namespace
  | Callable
  | HelperObject
  | Undefined;

export class Tuple {
  readonly items: readonly Value[];
  /** Of groupby's pairs: `.grouper` and `.list`. */
  readonly names: readonly string[];

  constructor(items: readonly Value[], names: readonly string[] = []) {
    this.items = items;
    this.names = names;
  }
}

/** Python's dict: ordered, with keys of any hashable type; 1, 1.0 and true are one key. */
export class Dict {
  readonly #entries = new Map<string, [Value, Value]>();

  constructor(entries: Iterable<readonly [Value, Value]> = []) {
    for (const [key, value] of entries) this.set(key, value);
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: Value): Value | undefined {
    return this.#entries.get(hashKey(key))?.[1];
  }

  has(key: Value): boolean {
    return this.#entries.has(hashKey(key));
  }

  set(key: Value, value: Value): void {
    const hash = hashKey(key);
    const known = this.#entries.get(hash);
    if (known === undefined) this.#entries.set(hash, [key, value]);
    else known[1] = value;
  }

  entries(): [Value, Value][] {
    spend(this.size);
    return [...this.#entries.values()];
  }

  keys(): Value[] {
    return this.entries().map(([key]) => key);
  }

  values(): Value[] {
    return this.entries().map(([, value]) => value);
  }
}

/** What a dict's `keys()`, `values()` and `items()` give. */
export class DictView {
  readonly dict: Dict;
  readonly kind: 'keys' | 'values' | 'items';

  constructor(dict: Dict, kind: 'keys' | 'values' | 'items') {
    this.dict = dict;
    this.kind = kind;
  }

  items(): Value[] {
    return this.kind === 'items' ? this.dict.entries().map((pair) => new Tuple(pair)) : this.dict[this.kind]();
  }
}

export class Range {
  readonly start: bigint;
  readonly stop: bigint;
  readonly step: bigint;

  constructor(start: bigint, stop: bigint, step: bigint) {
    [this.start, this.stop, this.step] = [start, stop, step];
  }

  items(): bigint[] {
    const items: bigint[] = [];
    for (let at = this.start; this.step > 0n ? at < this.stop : at > this.stop; at += this.step) items.push(at);
    spend(items.length);
    return items;
  }
}

/** What can be walked through once, such as the result of `map`: it has no length. */
export class Iterator {
  readonly #iterator: globalThis.Iterator<Value>;
  /** Python's name for its type. */
  readonly typeName: string;

  constructor(items: Iterable<Value>, typeName = 'generator') {
    this.#iterator = items[Symbol.iterator]();
    this.typeName = typeName;
  }

  next(): Value | undefined {
    spend();
    const { done, value } = this.#iterator.next();
    return done === true ? undefined : value;
  }
}

/** Text that `safe` or `escape` marked: what is joined to it gets escaped. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export class Namespace {
  readonly attributes = new Map<string, Value>();
}

/** What can be called; `typeName` as Python would name its type. */
export class Callable {
  readonly call: (positional: Value[], keywords: ReadonlyMap<string, Value>) => Value;
  readonly name: string;
  readonly typeName: string;
  readonly attributes: ReadonlyMap<string, Value>;

  constructor(name: string, call: Callable['call'], typeName = 'function', attributes: ReadonlyMap<string, Value> = new Map()) {
    [this.name, this.call, this.typeName, this.attributes] = [name, call, typeName, attributes];
  }
}

/** `loop`, a cycler or a joiner: attributes that are computed when asked for, and perhaps a call. */
export abstract class HelperObject {
  abstract readonly typeName: string;
  abstract attribute(name: string): Value | undefined;

  call(_positional: Value[]): Value {
    throw new TemplateError(`'${this.typeName}' object is not callable`);
  }
}

/** What has no value: prints as nothing, is false, has no items; anything else done with it is an error that says why. */
export class Undefined {
  readonly hint: string;

  constructor(hint: string) {
    this.hint = hint;
  }

  fail(): never {
    throw new TemplateError(this.hint);
  }
}

/** `value ?? otherwise`, where null is a value: None. */
export function orElse(value: Value | undefined, otherwise: () => Value): Value {
  return value === undefined ? otherwise() : value;
}

/** Python's name for a value's type. */
export function typeName(value: Value): string {
  if (value === null) return 'NoneType';
  if (typeof value === 'object') return objectTypeName(value);
  return { boolean: 'bool', bigint: 'int', number: 'float', string: 'str' }[typeof value as 'boolean' | 'bigint' | 'number' | 'string'];
}

function objectTypeName(value: Exclude<Value, null | boolean | bigint | number | string>): string {
  if (Array.isArray(value)) return 'list';
  if (value instanceof Tuple) return 'tuple';
  if (value instanceof Dict) return 'dict';
  if (value instanceof DictView) return `dict_${value.kind}`;
  if (value instanceof Range) return 'range';
  if (value instanceof Markup) return 'Markup';
  if (value instanceof Namespace) return 'Namespace';
  return value instanceof Undefined ? 'Undefined' : value.typeName;
}

function hashKey(key: Value): string {
  if (key === null) return 'none';
  if (typeof key === 'string') return `s${key}`;
  if (key instanceof Markup) return `s${key.text}`;
  if (typeof key === 'boolean') return key ? 'n1' : 'n0';
  if (typeof key === 'bigint') return `n${key}`;
  if (typeof key === 'number') return Number.isInteger(key) ? `n${BigInt(key)}` : `f${key}`;
  spend();
  if (key instanceof Tuple) return `t${key.items.map((item) => JSON.stringify(hashKey(item))).join()}`;
  if (Array.isArray(key) || key instanceof Dict || key instanceof DictView) throw new TemplateError(`unhashable type: '${typeName(key)}'`);
  if (key instanceof Undefined) return 'undefined';
  throw unsupported(`a '${typeName(key)}' object as a key`);
}

/**
 * A value of JSON or of a caller as a value of a template: whole numbers are ints, `undefined` is left out of objects. What is the
 * same object stays one, so that it can be recognised.
 */
export function toValue(value: unknown, known = new Map<object, Value>()): Value {
  if (value === null || value === undefined) return null;
  if (typeof value === 'boolean' || typeof value === 'string' || typeof value === 'bigint') return value;
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value;
  if (typeof value !== 'object') throw new TemplateError(`expected values that JSON knows, got a ${typeof value}`);
  if (value instanceof Date) throw new TemplateError('expected values that JSON knows, got a date; write it as text');
  const same = known.get(value);
  if (same !== undefined) return same;
  if (Array.isArray(value)) {
    const list: Value[] = [];
    known.set(value, list);
    for (const item of value) list.push(toValue(item, known));
    return list;
  }
  const dict = new Dict();
  known.set(value, dict);
  for (const [key, item] of Object.entries(value)) if (item !== undefined) dict.set(key, toValue(item, known));
  return dict;
}
