import { spend } from './effort.ts';
import { fail, isTrue, itemsOf, needInteger, orderOf } from './operators.ts';
import { floatRepr, toText } from './printing.ts';
import { Dict, Markup, Tuple, typeName, type Value } from './values.ts';

interface JsonStyle {
  isAscii: boolean;
  indent: string | undefined;
  separators: readonly [item: string, key: string];
  sortsKeys: boolean;
}

/** transformers' `tojson`: json.dumps, without the escapes for HTML that jinja2's own has. */
export function toJson(
  value: Value,
  ascii: Value = false,
  indent: Value = null,
  separators: Value = null,
  sortKeys: Value = false,
): string {
  const width = indent === null ? undefined : readIndent(indent);
  const style = { isAscii: isTrue(ascii), indent: width, separators: readSeparators(separators, width), sortsKeys: isTrue(sortKeys) };
  return write(value, style, '\n');
}

function readIndent(indent: Value): string {
  return typeof indent === 'string' ? indent : ' '.repeat(Math.max(0, Math.min(1000, needInteger(indent))));
}

function readSeparators(value: Value, indent: string | undefined): readonly [string, string] {
  if (value === null) return [indent === undefined ? ', ' : ',', ': '];
  const pair = [...(itemsOf(value) ?? fail('tojson takes two separators'))].map(toText);
  return pair.length === 2 ? [pair[0]!, pair[1]!] : fail('tojson takes two separators');
}

function write(value: Value, style: JsonStyle, newline: string): string {
  spend(newline.length);
  if (value === null) return 'null';
  if (typeof value === 'boolean' || typeof value === 'bigint') return value.toString();
  if (typeof value === 'number') return writeFloat(value);
  if (typeof value === 'string') return writeText(value, style);
  if (value instanceof Markup) return writeText(value.text, style);
  const inner = style.indent === undefined ? newline : newline + style.indent;
  if (Array.isArray(value) || value instanceof Tuple) {
    const items = Array.isArray(value) ? value : value.items;
    return enclose(
      '[',
      ']',
      items.map((item) => write(item, style, inner)),
      style,
      newline,
    );
  }
  if (!(value instanceof Dict)) return fail(`Object of type ${typeName(value)} is not JSON serializable`);
  const entries = style.sortsKeys ? value.entries().sort(([left], [right]) => orderOf(left, right)) : value.entries();
  const parts = entries.map(([key, item]) => `${writeText(writeKey(key), style)}${style.separators[1]}${write(item, style, inner)}`);
  return enclose('{', '}', parts, style, newline);
}

function enclose(open: string, close: string, parts: readonly string[], { indent, separators }: JsonStyle, newline: string): string {
  if (parts.length === 0) return open + close;
  if (indent === undefined) return open + parts.join(separators[0]) + close;
  return `${open}${newline}${indent}${parts.join(separators[0] + newline + indent)}${newline}${close}`;
}

function writeFloat(value: number): string {
  if (Number.isFinite(value)) return floatRepr(value);
  return Number.isNaN(value) ? 'NaN' : `${value < 0 ? '-' : ''}Infinity`;
}

function writeKey(key: Value): string {
  if (typeof key === 'string') return key;
  if (key instanceof Markup) return key.text;
  if (key === null || typeof key === 'boolean') return String(key);
  if (typeof key === 'bigint') return key.toString();
  return typeof key === 'number' ? writeFloat(key) : fail(`keys must be str, int, float, bool or None, not ${typeName(key)}`);
}

const NAMED: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\b': '\\b',
  '\f': '\\f',
};

function writeText(text: string, { isAscii }: JsonStyle): string {
  const escaped = text.replace(/["\\\x00-\x1f]/g, (character) => NAMED[character] ?? escapeUnit(character));
  return `"${isAscii ? escaped.replace(/[\x7f-\uffff]/g, escapeUnit) : escaped}"`;
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
