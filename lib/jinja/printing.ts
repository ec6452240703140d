import { spend } from './effort.ts';
import { TemplateError, unsupported } from './template-error.ts';
import { Callable, Dict, DictView, Iterator, Markup, Namespace, Range, Tuple, Undefined, typeName, type Value } from './values.ts';

/** Python's `str(value)`. */
export function toText(value: Value): string {
  if (typeof value === 'string') return value;
  if (value instanceof Markup) return value.text;
  return value instanceof Undefined ? '' : toRepr(value);
}

/** Python's `repr(value)`: how values look inside of lists and dicts. */
export function toRepr(value: Value): string {
  spend();
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'bigint') return integerRepr(value);
  if (typeof value === 'number') return floatRepr(value);
  if (typeof value === 'string') return stringRepr(value);
  if (Array.isArray(value)) return `[${value.map(toRepr).join(', ')}]`;
  return objectRepr(value);
}

function objectRepr(value: Exclude<Value, null | boolean | bigint | number | string | Value[]>): string {
  if (value instanceof Tuple) return value.items.length === 1 ? `(${toRepr(value.items[0]!)},)` : `(${value.items.map(toRepr).join(', ')})`;
  if (value instanceof Dict)
    return `{${value
      .entries()
      .map(([key, item]) => `${toRepr(key)}: ${toRepr(item)}`)
      .join(', ')}}`;
  if (value instanceof DictView) return `dict_${value.kind}([${value.items().map(toRepr).join(', ')}])`;
  if (value instanceof Range) return `range(${value.start}, ${value.stop}${value.step === 1n ? '' : `, ${value.step}`})`;
  if (value instanceof Markup) return `Markup(${stringRepr(value.text)})`;
  if (value instanceof Namespace) {
    return `<Namespace {${[...value.attributes].map(([key, item]) => `${stringRepr(key)}: ${toRepr(item)}`).join(', ')}}>`;
  }
  if (value instanceof Undefined) return 'Undefined';
  if (value instanceof Callable && value.typeName === 'Macro') return `<Macro ${stringRepr(value.name)}>`;
  // Python prints an address in memory.
  if (value instanceof Callable || value instanceof Iterator) throw unsupported(`printing a '${typeName(value)}' object`);
  const printed = value.attribute('__repr__');
  if (typeof printed === 'string') return printed;
  throw unsupported(`printing a '${typeName(value)}' object`);
}

function integerRepr(value: bigint): string {
  const text = value.toString();
  spend(20 * text.length);
  return text;
}

/** The shortest decimal that reads back as the same number, with an exponent where Python writes one. */
export function floatRepr(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const [mantissa = '', exponentText = ''] = Math.abs(value).toExponential().split('e');
  const exponent = Number(exponentText);
  const sign = value < 0 ? '-' : '';
  if (exponent < -4 || exponent >= 16) {
    return `${sign}${mantissa}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  return sign + placePoint(mantissa.replace('.', ''), exponent);
}

function placePoint(digits: string, exponent: number): string {
  if (exponent < 0) return `0.${'0'.repeat(-exponent - 1)}${digits}`;
  return `${digits.slice(0, exponent + 1).padEnd(exponent + 1, '0')}.${digits.slice(exponent + 1) || '0'}`;
}

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\' };

export function stringRepr(text: string): string {
  spend(4 * text.length);
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const body = Array.from(text, (character) => {
    if (character === quote) return `\\${quote}`;
    return NAMED[character] ?? (isPrintable(character) ? character : escapeCode(character.codePointAt(0)!));
  });
  return quote + body.join('') + quote;
}

/** As Python's `str.isprintable`: no controls, separators other than the space, or unassigned characters. */
export function isPrintable(character: string): boolean {
  return character === ' ' || !/[\p{C}\p{Z}]/u.test(character);
}

function escapeCode(code: number): string {
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
  return code < 0x10000 ? `\\u${code.toString(16).padStart(4, '0')}` : `\\U${code.toString(16).padStart(8, '0')}`;
}

const ESCAPED: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&#34;', "'": '&#39;' };

/** Markupsafe's `escape`. */
export function escapeText(value: Value): Markup {
  return value instanceof Markup ? value : new Markup(toText(value).replace(/[&<>"']/g, (character) => ESCAPED[character]!));
}

/** A text where Python's operation takes nothing else. */
export function needText(value: Value, what: string): string {
  if (typeof value === 'string') return value;
  if (value instanceof Markup) return value.text;
  if (value instanceof Undefined) return value.fail();
  throw new TemplateError(`${what} takes a str, not '${typeName(value)}'`);
}
