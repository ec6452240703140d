import { ALL_POINTS, complement, countPoints, intersect, points, pointsOfProperty, unite } from './code-points.ts';
import type { CodePoints } from './code-points.ts';
import { NotUnderstood } from './regex-reader.ts';
import type { RegexReader } from './regex-reader.ts';

const property = (...names: string[]): CodePoints => unite(names.map((name) => pointsOfProperty(name)!));
const HEX = points([0x30, 0x39], [0x41, 0x46], [0x61, 0x66]);

/** What Oniguruma means by them. */
const ESCAPED_CLASSES: Readonly<Record<string, () => CodePoints>> = {
  s: () => unite([points([9, 13], [0x20, 0x20], [0x85, 0x85]), property('Z')]),
  d: () => property('Nd'),
  w: () => property('L', 'M', 'Nd', 'Pc'),
  h: () => HEX,
};
const POSIX: Readonly<Record<string, () => CodePoints>> = {
  alpha: () => property('L', 'M'),
  digit: () => property('Nd'),
  alnum: () => property('L', 'M', 'Nd'),
  upper: () => property('Lu'),
  lower: () => property('Ll'),
  punct: () => property('P', 'S'),
  space: () => ESCAPED_CLASSES['s']!(),
  xdigit: () => HEX,
  word: () => ESCAPED_CLASSES['w']!(),
};
const CONTROLS: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, v: 11, a: 7, e: 27 };
/** A set above it is of letters: which of them go together without regard to case is then not worked out. */
const MOST_FOLDED = 300;

/** The set that `reader` stands before: a character, an escape, a class in brackets. */
export function readCharacters(reader: RegexReader, ignoresCase: boolean): CodePoints {
  const set = reader.skip('[') ? readClass(reader) : reader.skip('\\') ? readEscape(reader) : only(reader.next());
  return ignoresCase ? foldCase(set) : set;
}

function only(character: string): CodePoints {
  const point = character.codePointAt(0)!;
  return [[point, point]];
}

function readEscape(reader: RegexReader): CodePoints {
  const letter = reader.next();
  if (letter === 'p' || letter === 'P') return readProperty(reader, letter === 'P');
  const kind = ESCAPED_CLASSES[letter.toLowerCase()];
  if (kind !== undefined) return letter === letter.toLowerCase() ? kind() : complement(kind());
  if (letter === 'x' || letter === 'u') return readCode(reader, letter);
  if (Object.hasOwn(CONTROLS, letter)) return [[CONTROLS[letter]!, CONTROLS[letter]!]];
  if (/[A-Za-z0-9]/.test(letter)) throw new NotUnderstood(`\\${letter}`);
  return only(letter);
}

function readProperty(reader: RegexReader, isNegated: boolean): CodePoints {
  const [whole, caret, name] = reader.match(/^\{(\^?)([\w ]+)\}/u) ?? reader.match(/^()(\w)/u) ?? [];
  const set = whole === undefined ? undefined : (pointsOfProperty(name!) ?? POSIX[name!.toLowerCase()]?.());
  if (set === undefined) throw new NotUnderstood(`\\p${whole ?? ''}`);
  return isNegated === (caret === '^') ? set : complement(set);
}

function readCode(reader: RegexReader, letter: string): CodePoints {
  const digits =
    letter === 'u' ? reader.match(/^([0-9a-f]{4})/iu) : (reader.match(/^\{([0-9a-f]{1,6})\}/iu) ?? reader.match(/^([0-9a-f]{2})/iu));
  const point = Number.parseInt(digits?.[1] ?? '', 16);
  // Beyond ASCII \xHH is a byte, of which characters are made.
  if (!(point <= 0x10ffff) || (digits![0].length === 2 && point > 0x7f)) throw new NotUnderstood(`\\${letter}`);
  return [[point, point]];
}

/** Behind its opening bracket. */
function readClass(reader: RegexReader, depth = 0): CodePoints {
  if (depth > 20) throw new NotUnderstood('classes within each other');
  const isNegated = reader.skip('^');
  const sides: CodePoints[][] = [[]];
  for (let isFirst = true; isFirst || !reader.isAt(']'); isFirst = false) {
    if (reader.skip('&&')) sides.push([]);
    else sides.at(-1)!.push(readMember(reader, depth));
  }
  reader.next();
  const set = sides.map((side) => unite(side)).reduce((whole, side) => intersect(whole, side), ALL_POINTS);
  return isNegated ? complement(set) : set;
}

function readMember(reader: RegexReader, depth: number): CodePoints {
  const posix = reader.match(/^\[:(\^?)([a-z]+):\]/u);
  if (posix !== undefined) return readPosix(posix);
  if (reader.skip('[')) return readClass(reader, depth + 1);
  const first = reader.skip('\\') ? readEscape(reader) : only(reader.next());
  if (countPoints(first) !== 1 || !reader.isAt('-') || reader.isAt('-]') || reader.isAt('-[')) return first;
  reader.next();
  const last = reader.skip('\\') ? readEscape(reader) : only(reader.next());
  if (countPoints(last) !== 1 || last[0]![0] < first[0]![0]) throw new NotUnderstood('a range without an end');
  return [[first[0]![0], last[0]![0]]];
}

function readPosix([whole, caret, name]: RegExpExecArray): CodePoints {
  const set = POSIX[name!]?.();
  if (set === undefined) throw new NotUnderstood(whole);
  return caret === '^' ? complement(set) : set;
}

/** At least what Oniguruma takes for the same letters. */
function foldCase(set: CodePoints): CodePoints {
  if (countPoints(set) > MOST_FOLDED) return unite([set, property('L', 'M')]);
  const folded: CodePoints[] = [set];
  for (const [first, last] of set)
    for (let point = first; point <= last; point += 1) folded.push(...variantsOf(String.fromCodePoint(point)));
  return unite(folded);
}

const VARIANTS: Readonly<Record<string, string>> = { k: '\u212a', s: '\u017f', å: '\u212b' };

function variantsOf(character: string): CodePoints[] {
  const lower = character.toLowerCase();
  return [lower, character.toUpperCase(), VARIANTS[lower] ?? ''].flatMap((text) => Array.from(text, only));
}
