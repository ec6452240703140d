import { characters } from './operators.ts';
import { isSpace, trimEndSpace, trimStartSpace } from './white-space.ts';

const LINE_END = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/g;
const CASED = /[\p{Lu}\p{Ll}\p{Lt}]/u;

export function capitalize(text: string): string {
  const [first = '', ...rest] = characters(text);
  return toTitle(first) + rest.join('').toLowerCase();
}

/** The title case of a character; a double letter such as ǆ has its own. */
function toTitle(character: string): string {
  const upper = character.toUpperCase();
  // A letter that becomes two, such as ß, is followed by small ones.
  const [first = '', ...rest] = characters(upper);
  return first + rest.join('').toLowerCase();
}

export function titleCase(text: string): string {
  let isInside = false;
  return characters(text)
    .map((character) => {
      const cased = isInside ? character.toLowerCase() : toTitle(character);
      isInside = CASED.test(character);
      return isInside ? cased : character;
    })
    .join('');
}

export function swapCase(text: string): string {
  return characters(text)
    .map((character) => (/\p{Lu}/u.test(character) ? character.toLowerCase() : character.toUpperCase()))
    .join('');
}

/** Takes the characters in `chars`, and no others, from the ends of a text. */
export function strip(text: string, chars: string, side: 'start' | 'end' | 'both'): string {
  const set = new Set(characters(chars));
  const all = characters(text);
  let [start, end] = [0, all.length];
  if (side !== 'end') while (start < end && set.has(all[start]!)) start += 1;
  if (side !== 'start') while (end > start && set.has(all[end - 1]!)) end -= 1;
  return all.slice(start, end).join('');
}

export function justify(text: string, width: number, fill: string, padded: 'left' | 'right' | 'both'): string {
  const { length } = characters(text);
  const missing = width - length;
  if (missing <= 0) return text;
  // Python's way to put the odd one.
  const before = padded === 'both' ? Math.floor(missing / 2) + (missing & width & 1) : padded === 'left' ? missing : 0;
  return fill.repeat(before) + text + fill.repeat(missing - before);
}

export function zeroFill(text: string, width: number): string {
  const sign = /^[-+]/.exec(text)?.[0] ?? '';
  return sign + justify(text.slice(sign.length), width - sign.length, '0', 'left');
}

export function expandTabs(text: string, size: number): string {
  let column = 0;
  return characters(text)
    .map((character) => {
      if (character !== '\t') {
        column = character === '\n' || character === '\r' ? 0 : column + 1;
        return character;
      }
      const width = size <= 0 ? 0 : size - (column % size);
      column += width;
      return ' '.repeat(width);
    })
    .join('');
}

export function partition(text: string, separator: string, isLast: boolean): [string, string, string] {
  const index = isLast ? text.lastIndexOf(separator) : text.indexOf(separator);
  if (index === -1) return isLast ? ['', '', text] : [text, '', ''];
  return [text.slice(0, index), separator, text.slice(index + separator.length)];
}

/** The first `count` occurrences, or all when it is negative. */
export function replaceText(text: string, old: string, by: string, count: number): string {
  const parts = old === '' ? ['', ...characters(text), ''] : text.split(old);
  const times = count < 0 ? parts.length - 1 : Math.min(count, parts.length - 1);
  return (
    parts.slice(0, times + 1).join(by) +
    parts
      .slice(times + 1)
      .map((part) => old + part)
      .join('')
  );
}

/** Parts between separators, or between runs of white space; at most `max` cuts, from the left or from the right. */
export function splitText(text: string, separator: string | undefined, max: number, fromRight: boolean): string[] {
  if (separator === undefined) return fromRight ? splitWordsRight(text, max) : splitWords(text, max);
  const parts = text.split(separator);
  if (max < 0 || parts.length - 1 <= max) return parts;
  if (fromRight) return [parts.slice(0, parts.length - max).join(separator), ...parts.slice(parts.length - max)];
  return [...parts.slice(0, max), parts.slice(max).join(separator)];
}

function splitWords(text: string, max: number): string[] {
  const words: string[] = [];
  let rest = trimStartSpace(text);
  while (rest !== '' && (max < 0 || words.length < max)) {
    let end = 0;
    while (end < rest.length && !isSpace(rest[end]!)) end += 1;
    words.push(rest.slice(0, end));
    rest = trimStartSpace(rest.slice(end));
  }
  return rest === '' ? words : [...words, rest];
}

function splitWordsRight(text: string, max: number): string[] {
  const words: string[] = [];
  let rest = trimEndSpace(text);
  while (rest !== '' && (max < 0 || words.length < max)) {
    let start = rest.length;
    while (start > 0 && !isSpace(rest[start - 1]!)) start -= 1;
    words.unshift(rest.slice(start));
    rest = trimEndSpace(rest.slice(0, start));
  }
  return rest === '' ? words : [rest, ...words];
}

export function splitLines(text: string, keepEnds: boolean): string[] {
  const lines: string[] = [];
  let start = 0;
  for (const { 0: end, index } of text.matchAll(LINE_END)) {
    lines.push(text.slice(start, keepEnds ? index + end.length : index));
    start = index + end.length;
  }
  return start < text.length ? [...lines, text.slice(start)] : lines;
}
