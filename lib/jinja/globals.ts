import { makeCallable } from './arguments.ts';
import { fail, iterate, needInteger } from './operators.ts';
import { needText, toText } from './printing.ts';
import { strftime } from './strftime.ts';
import { unsupported } from './template-error.ts';
import { Callable, Dict, HelperObject, Namespace, Range, type Value } from './values.ts';

/** The sandbox allows no longer ones. */
const MAX_RANGE = 100_000;

/** The functions that every template knows: jinja2's, and those of transformers. `clock` is asked by `strftime_now`. */
export function makeGlobals(clock: () => Date): Map<string, Value> {
  const functions = [
    makeCallable('range', '/a! b c', (a, b, c) => makeRange(needInteger(a!), b, c), 'type'),
    new Callable('dict', (positional, keywords) => makeDict(positional, keywords), 'type'),
    new Callable('namespace', makeNamespace, 'type'),
    new Callable('cycler', (items) => (items.length === 0 ? fail('at least one item has to be provided') : new Cycler(items)), 'type'),
    makeCallable('joiner', 'sep', (separator = ', ') => new Joiner(separator), 'type'),
    makeCallable('raise_exception', 'message!', (message) => fail(toText(message!))),
    makeCallable('strftime_now', 'format!', (format) => strftime(clock(), needText(format!, 'strftime_now'))),
    new Callable('lipsum', () => {
      throw unsupported("the function 'lipsum'");
    }),
  ];
  return new Map(functions.map((each) => [each.name, each]));
}

function makeRange(a: number, b: Value | undefined, c: Value | undefined): Range {
  const [start, stop] = b === undefined ? [0, a] : [a, needInteger(b)];
  const step = c === undefined ? 1 : needInteger(c);
  if (step === 0) fail('range() arg 3 must not be zero');
  const length = Math.max(0, Math.ceil((stop - start) / step));
  if (length > MAX_RANGE) fail(`Range too big. The sandbox blocks ranges larger than MAX_RANGE (${MAX_RANGE}).`);
  return new Range(BigInt(start), BigInt(stop), BigInt(step));
}

function makeDict([entries, ...rest]: readonly Value[], keywords: ReadonlyMap<string, Value>): Dict {
  if (rest.length > 0) fail(`dict expected at most 1 argument, got ${rest.length + 1}`);
  const dict = new Dict(entries === undefined ? [] : readEntries(entries));
  for (const [key, value] of keywords) dict.set(key, value);
  return dict;
}

function readEntries(entries: Value): [Value, Value][] {
  if (entries instanceof Dict) return entries.entries();
  return Array.from(iterate(entries), (entry): [Value, Value] => {
    const pair = [...iterate(entry)];
    return pair.length === 2 ? [pair[0]!, pair[1]!] : fail('dictionary update sequence element has a length other than 2');
  });
}

function makeNamespace(positional: readonly Value[], keywords: ReadonlyMap<string, Value>): Namespace {
  const namespace = new Namespace();
  for (const [key, value] of makeDict(positional, keywords).entries()) namespace.attributes.set(needText(key, 'namespace'), value);
  return namespace;
}

class Cycler extends HelperObject {
  readonly typeName = 'Cycler';
  readonly #items: readonly Value[];
  #at = 0;

  constructor(items: readonly Value[]) {
    super();
    this.#items = items;
  }

  attribute(name: string): Value | undefined {
    if (name === 'current') return this.#items[this.#at];
    if (name === 'next') return makeCallable('next', '/', () => this.#next());
    if (name !== 'reset') return undefined;
    return makeCallable('reset', '/', () => {
      this.#at = 0;
      return null;
    });
  }

  #next(): Value {
    const item = this.#items[this.#at]!;
    this.#at = (this.#at + 1) % this.#items.length;
    return item;
  }
}

/** Nothing the first time, its separator from then on. */
class Joiner extends HelperObject {
  readonly typeName = 'Joiner';
  readonly #separator: Value;
  #wasUsed = false;

  constructor(separator: Value) {
    super();
    this.#separator = separator;
  }

  attribute(name: string): Value | undefined {
    return name === 'sep' ? this.#separator : undefined;
  }

  override call(): Value {
    const text = this.#wasUsed ? this.#separator : '';
    this.#wasUsed = true;
    return text;
  }
}
