import { getAttribute } from './attributes.ts';
import type { Filter } from './filters.ts';
import { characters, checkLength, fail, isTrue, lengthOf, needInteger } from './operators.ts';
import { escapeText, needText, toText } from './printing.ts';
import { capitalize, justify, replaceText, splitLines, strip } from './text.ts';
import { formatPercent } from './percent-format.ts';
import { trimEndSpace, trimStartSpace } from './white-space.ts';
import { Callable, Dict, Markup, Tuple, Undefined, typeName, type Value } from './values.ts';
import type { Bound } from './arguments.ts';

export const TEXT_FILTERS: Readonly<Record<string, Filter>> = {
  capitalize: ['', onText((text) => capitalize(text))],
  center: ['width', onText((text, width = 80n) => justify(text, needInteger(width), ' ', 'both'))],
  e: ['', escapeText],
  escape: ['', escapeText],
  forceescape: ['', (value) => escapeText(toText(value))],
  indent: ['width first blank', indent],
  lower: ['', onText((text) => text.toLowerCase())],
  replace: ['old! new! count', (value, old, by, count = null) => replace(value, old!, by!, count)],
  safe: ['', (value) => new Markup(toText(value))],
  string: ['', (value) => (value instanceof Markup ? value : toText(value))],
  title: ['', onText((text) => toTitle(text))],
  trim: [
    'chars',
    onText((text, chars = null) => (chars === null ? trimStartSpace(trimEndSpace(text)) : strip(text, needText(chars, 'trim'), 'both'))),
  ],
  truncate: ['length killwords end leeway', truncate],
  upper: ['', onText((text) => text.toUpperCase())],
  wordcount: ['', (value) => BigInt([...toText(value).matchAll(/[\p{L}\p{N}_]+/gu)].length)],
};

/** Of Markup comes Markup, as of methods of its own. */
function onText(run: (text: string, ...args: Bound) => string): Filter[1] {
  return (value, ...args) => {
    const text = checkLength(run(toText(value), ...args));
    return value instanceof Markup ? new Markup(text) : text;
  };
}

function indent(value: Value, width: Value = 4n, first: Value = false, blank: Value = false): Value {
  const text = needText(value, 'indent');
  const indention = typeof width === 'string' ? width : ' '.repeat(Math.max(0, Math.min(10_000, needInteger(width))));
  const lines = splitLines(`${text}\n`, false);
  const indented = lines.map((line, index) => (index === 0 || (line === '' && !isTrue(blank)) ? line : indention + line));
  const whole = (isTrue(first) ? indention : '') + indented.join('\n');
  return value instanceof Markup ? new Markup(whole) : whole;
}

function replace(value: Value, old: Value, by: Value, count: Value): Value {
  // Without autoescape jinja2 makes plain text of all three.
  return checkLength(replaceText(toText(value), toText(old), toText(by), count === null ? -1 : needInteger(count)));
}

/** jinja2's own rule for words, which differs from Python's `title`. */
function toTitle(text: string): string {
  return text
    .split(/([-\s({[<]+)/u)
    .map((word) => {
      const [first = '', ...rest] = characters(word);
      return first.toUpperCase() + rest.join('').toLowerCase();
    })
    .join('');
}

function truncate(value: Value, length: Value = 255n, killWords: Value = false, end: Value = '...', leeway: Value = null): Value {
  const text = value instanceof Undefined ? '' : needText(value, 'truncate');
  const [limit, ending, slack] = [needInteger(length), needText(end, 'truncate'), leeway === null ? 5 : needInteger(leeway)];
  const all = characters(text);
  if (limit < characters(ending).length) fail(`expected length >= ${characters(ending).length}, got ${limit}`);
  if (slack < 0) fail(`expected leeway >= 0, got ${slack}`);
  if (all.length <= limit + slack) return value instanceof Undefined ? '' : value;
  const kept = all.slice(0, limit - characters(ending).length).join('');
  const space = kept.lastIndexOf(' ');
  return (isTrue(killWords) || space === -1 ? kept : kept.slice(0, space)) + ending;
}

/** `format` of jinja2: printf's, with positional arguments or with named ones. */
export function formatFilter(value: Value, positional: readonly Value[], keywords: ReadonlyMap<string, Value>): Value {
  if (positional.length > 0 && keywords.size > 0) fail("can't handle positional and keyword arguments at the same time");
  return formatPercent(value instanceof Markup ? value : toText(value), keywords.size > 0 ? new Dict(keywords) : new Tuple(positional));
}

/** Only what `len` takes has a length. */
export function countFilter(value: Value): bigint {
  const length = lengthOf(value);
  return length === undefined ? fail(`object of type '${typeName(value)}' has no len()`) : BigInt(length);
}

/** `attr`: an attribute or method, never an item. */
export function attrFilter(value: Value, name: Value): Value {
  const text = needText(name, 'attr');
  const found = value instanceof Undefined ? value.fail() : getAttribute(value, text);
  return value instanceof Dict && !(found instanceof Callable) ? new Undefined(`'dict object' has no attribute '${text}'`) : found;
}
