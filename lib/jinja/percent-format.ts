import { characters, fail, isNumber, needInteger, toInteger } from './operators.ts';
import { escapeText, toRepr, toText } from './printing.ts';
import { formatNumber, readFormatSpec } from './number-format.ts';
import { justify } from './text.ts';
import { unsupported } from './template-error.ts';
import { Dict, Markup, orElse, Tuple, typeName, Undefined, type Value } from './values.ts';

const CONVERSION = /%(?:\(([^)]*)\))?([-+ #0]*)(\*|\d+)?(?:\.(\*|\d+))?[hlL]?([diouxXeEfFgGcrsa%])?/g;

/** `text % values`, by Python's rules for printf. Of Markup, what is put in gets escaped. */
export function formatPercent(format: string | Markup, values: Value): Value {
  const source = new Values(values);
  const prepare = (value: Value): Value => (format instanceof Markup && typeof value === 'string' ? escapeText(value).text : value);
  const text = toText(format).replace(CONVERSION, (whole, key?: string, flags = '', width?: string, precision?: string, type?: string) => {
    if (type === undefined) return fail('incomplete or unsupported format character in a format string');
    if (whole === '%%') return '%';
    const [fieldWidth, decimals] = [source.size(width), precision === undefined ? undefined : source.size(precision)];
    const spec = { flags: String(flags), width: fieldWidth, precision: decimals, type };
    return convert(prepare(key === undefined ? source.next() : source.named(key)), spec);
  });
  source.finish();
  return format instanceof Markup ? new Markup(text) : text;
}

/** What is still to be put in. */
class Values {
  readonly #items: readonly Value[];
  readonly #dict: Dict | undefined;
  readonly #isMapping: boolean;
  #at = 0;

  constructor(values: Value) {
    this.#isMapping = values instanceof Dict || values instanceof Undefined || Array.isArray(values);
    this.#items = values instanceof Tuple ? values.items : [values];
    this.#dict = values instanceof Dict ? values : undefined;
  }

  next(): Value {
    const value = this.#items[this.#at];
    this.#at += 1;
    return orElse(value, () => fail('not enough arguments for format string'));
  }

  named(key: string): Value {
    if (this.#dict === undefined) return fail('format requires a mapping');
    return orElse(this.#dict.get(key), () => fail(`'${key}'`));
  }

  size(text: string | undefined): number {
    return text === '*' ? needInteger(this.next()) : Math.min(Number(text ?? 0), 1_000_000);
  }

  finish(): void {
    // What takes an index passes for a mapping, which may hold more than is used.
    if (!this.#isMapping && this.#at < this.#items.length) fail('not all arguments converted during string formatting');
  }
}

interface Conversion {
  flags: string;
  width: number;
  precision: number | undefined;
  type: string;
}

function convert(value: Value, { flags, width, precision, type }: Conversion): string {
  const isLeft = flags.includes('-');
  if ('sr'.includes(type)) {
    const text = type === 's' ? toText(value) : toRepr(value);
    return justify(precision === undefined ? text : characters(text).slice(0, precision).join(''), width, ' ', isLeft ? 'right' : 'left');
  }
  if (type === 'a') throw unsupported("'%a'");
  if (type === 'c') return justify(character(value), width, ' ', isLeft ? 'right' : 'left');
  if (value instanceof Undefined) return value.fail();
  if (!isNumber(value)) return fail(`%${type} format: a real number is required, not ${typeName(value)}`);
  const spec = readFormatSpec('');
  const sign = flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '-';
  const filling = isLeft ? { align: '<' } : flags.includes('0') ? { align: '=', fill: '0' } : { align: '>' };
  return formatNumber('diu'.includes(type) ? truncate(value) : needIntegral(value, type), {
    ...spec,
    ...filling,
    sign,
    width,
    precision,
    isAlternate: flags.includes('#'),
    type: 'diu'.includes(type) ? 'd' : type,
  });
}

function truncate(value: boolean | bigint | number): bigint {
  return toInteger(value) ?? BigInt(Math.trunc(Number(value)));
}

function needIntegral(value: boolean | bigint | number, type: string): boolean | bigint | number {
  if ('oxX'.includes(type) && toInteger(value) === undefined) fail(`%${type} format: an integer is required, not ${typeName(value)}`);
  return value;
}

function character(value: Value): string {
  const integer = toInteger(value);
  if (integer !== undefined) return String.fromCodePoint(Number(integer));
  return typeof value === 'string' && characters(value).length === 1 ? value : fail('%c requires int or char');
}
