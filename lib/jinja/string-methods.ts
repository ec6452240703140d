import { makeCallable, type Bound } from './arguments.ts';
import { characters, checkLength, fail, iterate, needInteger } from './operators.ts';
import { escapeText, isPrintable, needText } from './printing.ts';
import { formatBraces } from './brace-format.ts';
import { isSpace, trimEndSpace, trimStartSpace } from './white-space.ts';
import { unsupported } from './template-error.ts';
import { Callable, Markup, Tuple, typeName, type Value } from './values.ts';
import {
  capitalize,
  expandTabs,
  justify,
  partition,
  replaceText,
  splitLines,
  splitText,
  strip,
  swapCase,
  titleCase,
  zeroFill,
} from './text.ts';

/** A method: its signature (see `bindArguments`), and what it does with the text. */
type Method = readonly [signature: string, run: (text: string, ...args: Bound) => Value];

const CASES: Readonly<Record<string, Method>> = {
  capitalize: ['/', capitalize],
  casefold: ['/', (text) => text.toLowerCase().replaceAll('ß', 'ss')],
  lower: ['/', (text) => text.toLowerCase()],
  swapcase: ['/', swapCase],
  title: ['/', titleCase],
  upper: ['/', (text) => text.toUpperCase()],
};

const EDGES: Readonly<Record<string, Method>> = {
  center: ['/width! fillchar', (text, width, fill = ' ') => justify(text, needInteger(width!), needCharacter(fill, 'center'), 'both')],
  expandtabs: ['tabsize', (text, size = 8n) => expandTabs(text, needInteger(size))],
  ljust: ['/width! fillchar', (text, width, fill = ' ') => justify(text, needInteger(width!), needCharacter(fill, 'ljust'), 'right')],
  lstrip: ['/chars', (text, chars = null) => (chars === null ? trimStartSpace(text) : strip(text, needText(chars, 'lstrip'), 'start'))],
  removeprefix: ['/prefix!', (text, prefix) => removePrefix(text, needText(prefix!, 'removeprefix'))],
  removesuffix: ['/suffix!', (text, suffix) => removeSuffix(text, needText(suffix!, 'removesuffix'))],
  rjust: ['/width! fillchar', (text, width, fill = ' ') => justify(text, needInteger(width!), needCharacter(fill, 'rjust'), 'left')],
  rstrip: ['/chars', (text, chars = null) => (chars === null ? trimEndSpace(text) : strip(text, needText(chars, 'rstrip'), 'end'))],
  strip: [
    '/chars',
    (text, chars = null) => (chars === null ? trimStartSpace(trimEndSpace(text)) : strip(text, needText(chars, 'strip'), 'both')),
  ],
  zfill: ['/width!', (text, width) => zeroFill(text, needInteger(width!))],
};

const PARTS: Readonly<Record<string, Method>> = {
  partition: ['/sep!', (text, separator) => new Tuple(partition(text, needText(separator!, 'partition'), false))],
  rpartition: ['/sep!', (text, separator) => new Tuple(partition(text, needText(separator!, 'rpartition'), true))],
  replace: [
    '/old! new! count',
    (text, old, by, count = -1n) => checkLength(replaceText(text, needText(old!, 'replace'), needText(by!, 'replace'), needInteger(count))),
  ],
  rsplit: ['sep maxsplit', (text, separator = null, max = -1n) => splitText(text, separatorOf(separator), needInteger(max), true)],
  split: ['sep maxsplit', (text, separator = null, max = -1n) => splitText(text, separatorOf(separator), needInteger(max), false)],
  splitlines: ['keepends', (text, keep = false) => splitLines(text, keep !== false && keep !== null && keep !== 0n)],
  join: ['/iterable!', (text, items) => joinTexts(text, items!)],
};

const SEARCHES: Readonly<Record<string, Method>> = {
  count: ['/sub! start end', (text, part, ...range) => BigInt(countParts(cut(text, range).text, needText(part!, 'count')))],
  endswith: [
    '/suffix! start end',
    (text, suffix, ...range) => affixes(suffix!, 'endswith').some((each) => cut(text, range).text.endsWith(each)),
  ],
  find: ['/sub! start end', (text, part, ...range) => find(text, needText(part!, 'find'), range, false)],
  index: ['/sub! start end', (text, part, ...range) => found(find(text, needText(part!, 'index'), range, false))],
  rfind: ['/sub! start end', (text, part, ...range) => find(text, needText(part!, 'rfind'), range, true)],
  rindex: ['/sub! start end', (text, part, ...range) => found(find(text, needText(part!, 'rindex'), range, true))],
  startswith: [
    '/prefix! start end',
    (text, prefix, ...range) => affixes(prefix!, 'startswith').some((each) => cut(text, range).text.startsWith(each)),
  ],
};

const CLAIMS: Readonly<Record<string, Method>> = {
  isalnum: ['/', (text) => everyCharacter(text, /[\p{L}\p{N}]/u)],
  isalpha: ['/', (text) => everyCharacter(text, /\p{L}/u)],
  isascii: ['/', (text) => /^[\0-\x7f]*$/.test(text)],
  isdecimal: ['/', (text) => everyCharacter(text, /\p{Nd}/u)],
  isdigit: ['/', (text) => everyCharacter(text, /[\p{Nd}²³¹⁰⁴-⁹₀-₉①-⑨]/u)],
  isidentifier: ['/', (text) => /^[\p{ID_Start}_]\p{ID_Continue}*$/u.test(text)],
  islower: ['/', isLower],
  isnumeric: ['/', (text) => everyCharacter(text, /\p{N}/u)],
  isprintable: ['/', (text) => characters(text).every(isPrintable)],
  isspace: ['/', (text) => text !== '' && characters(text).every(isSpace)],
  istitle: ['/', (text) => /[\p{Lu}\p{Ll}\p{Lt}]/u.test(text) && titleCase(text) === text],
  isupper: ['/', isUpper],
};

const METHODS: Readonly<Record<string, Method>> = { ...CASES, ...EDGES, ...PARTS, ...SEARCHES, ...CLAIMS };
const UNSUPPORTED = ['encode', 'format_map', 'maketrans', 'translate'];
const UNSUPPORTED_OF_MARKUP = ['escape', 'striptags', 'unescape'];

/** The method of a text as a function, if there is one. Of Markup, texts that come out are Markup and arguments get escaped. */
export function stringMethod(value: string | Markup, name: string): Callable | undefined {
  if (UNSUPPORTED.includes(name) || (value instanceof Markup && UNSUPPORTED_OF_MARKUP.includes(name))) {
    throw unsupported(`'${name}' of a str`);
  }
  if (value instanceof Markup) return markupMethod(value, name);
  if (name === 'format') {
    return new Callable(name, (positional, keywords) => formatBraces(value, positional, keywords), 'builtin_function_or_method');
  }
  const method = Object.hasOwn(METHODS, name) ? METHODS[name] : undefined;
  return method === undefined ? undefined : makeCallable(name, method[0], (...args) => method[1](value, ...args));
}

const ESCAPING = ['join', 'replace', 'center', 'ljust', 'rjust'];

function markupMethod({ text }: Markup, name: string): Callable | undefined {
  if (name === 'format') throw unsupported(`'format' of marked text`);
  const plain = stringMethod(text, name);
  if (plain === undefined) return undefined;
  const prepare = (value: Value): Value => (ESCAPING.includes(name) ? escapeArgument(value) : value);
  return new Callable(name, (positional, keywords) => mark(plain.call(positional.map(prepare), keywords)), 'method');
}

function escapeArgument(value: Value): Value {
  if (typeof value === 'string' || value instanceof Markup) return escapeText(value).text;
  if (typeof value === 'bigint' || typeof value === 'boolean' || value === null) return value;
  return Array.from(iterate(value), (item) => escapeText(item).text);
}

function mark(value: Value): Value {
  if (typeof value === 'string') return new Markup(value);
  if (Array.isArray(value)) return value.map(mark);
  return value instanceof Tuple ? new Tuple(value.items.map(mark)) : value;
}

function needCharacter(value: Value, name: string): string {
  const text = needText(value, name);
  return characters(text).length === 1 ? text : fail('The fill character must be exactly one character long');
}

function separatorOf(separator: Value): string | undefined {
  if (separator === null) return undefined;
  const text = needText(separator, 'split');
  return text === '' ? fail('empty separator') : text;
}

function joinTexts(separator: string, items: Value): string {
  const texts = Array.from(iterate(items), (item, index) =>
    isText(item) ? needText(item, 'join') : fail(`sequence item ${index}: expected str instance, ${typeName(item)} found`),
  );
  return checkLength(texts.join(separator));
}

function isText(value: Value): boolean {
  return typeof value === 'string' || value instanceof Markup;
}

function affixes(value: Value, name: string): string[] {
  return value instanceof Tuple ? value.items.map((item) => needText(item, name)) : [needText(value, name)];
}

/** The part of a text between two bounds, and where it starts, in characters. */
function cut(text: string, [start = null, end = null]: Bound): { text: string; start: number } {
  if (start === null && end === null) return { text, start: 0 };
  const all = characters(text);
  const place = (bound: Value, fallback: number): number => {
    if (bound === null) return fallback;
    const index = needInteger(bound);
    return index < 0 ? Math.max(0, index + all.length) : index;
  };
  const from = place(start, 0);
  return { text: from > all.length ? '\0' : all.slice(from, place(end, all.length)).join(''), start: from };
}

function find(whole: string, part: string, range: Bound, isLast: boolean): bigint {
  const { text, start } = cut(whole, range);
  const index = isLast ? text.lastIndexOf(part) : text.indexOf(part);
  return index === -1 ? -1n : BigInt(start + characters(text.slice(0, index)).length);
}

function found(index: bigint): bigint {
  return index === -1n ? fail('substring not found') : index;
}

function countParts(text: string, part: string): number {
  return part === '' ? characters(text).length + 1 : text.split(part).length - 1;
}

function removePrefix(text: string, prefix: string): string {
  return text.startsWith(prefix) ? text.slice(prefix.length) : text;
}

function removeSuffix(text: string, suffix: string): string {
  return suffix !== '' && text.endsWith(suffix) ? text.slice(0, -suffix.length) : text;
}

function everyCharacter(text: string, kind: RegExp): boolean {
  return text !== '' && characters(text).every((character) => kind.test(character));
}

export function isLower(text: string): boolean {
  return /\p{Lowercase}/u.test(text) && !/[\p{Lu}\p{Lt}]/u.test(text);
}

export function isUpper(text: string): boolean {
  return /\p{Uppercase}/u.test(text) && !/[\p{Ll}\p{Lt}]/u.test(text);
}
