import { ALL_POINTS } from './code-points.ts';
import type { CodePoints } from './code-points.ts';
import { readCharacters } from './regex-class.ts';
import { NotUnderstood, RegexReader } from './regex-reader.ts';

/** An expression as it is built. Lazy, possessive and atomic parts count as the plain ones, which try at least as much. */
export type RegexTree =
  | { kind: 'characters'; set: CodePoints }
  | { kind: 'sequence' | 'choice'; parts: RegexTree[] }
  | { kind: 'repeat'; part: RegexTree; least: number; most: number }
  /** Takes no characters; `part` is what a look ahead tries. */
  | { kind: 'assertion'; part: RegexTree | undefined };

const MOST_LEVELS = 50;
const ASSERTIONS = /^(?:\^|\$|\\[bBAzZG])/;
const FLAGS = /^\(\?([ims]*)(?:-([ims]*))?([:)])/;
const QUANTIFIER = /^(?:[?*+]|\{(\d{1,5})\}|\{(\d{1,5}),(\d{0,5})\}|\{,(\d{1,5})\})/;

/** @throws NotUnderstood for what is seldom used: back references, conditions, calls, comments */
export function parseRegex(pattern: string): RegexTree {
  const reader = new RegexReader(pattern);
  const tree = readChoice(reader, { ignoresCase: false }, 0);
  if (!reader.isAtEnd) throw new NotUnderstood('a bracket too many');
  return tree;
}

interface Flags {
  ignoresCase: boolean;
}

function readChoice(reader: RegexReader, flags: Flags, depth: number): RegexTree {
  if (depth > MOST_LEVELS) throw new NotUnderstood(`more than ${MOST_LEVELS} groups within each other`);
  const parts = [readSequence(reader, flags, depth)];
  while (reader.skip('|')) parts.push(readSequence(reader, flags, depth));
  return parts.length === 1 ? parts[0]! : { kind: 'choice', parts };
}

function readSequence(reader: RegexReader, flags: Flags, depth: number): RegexTree {
  const parts: RegexTree[] = [];
  while (!reader.isAtEnd && !reader.isAt('|') && !reader.isAt(')')) {
    const switched = reader.match(/^\(\?([ims]*)(?:-([ims]*))?\)/);
    // As far as the group goes, further alternatives and all.
    if (switched !== undefined) parts.push(readChoice(reader, withFlags(flags, switched), depth + 1));
    else parts.push(readQuantified(reader, readAtom(reader, flags, depth)));
  }
  return { kind: 'sequence', parts };
}

function withFlags({ ignoresCase }: Flags, [, on = '', off = '']: RegExpExecArray): Flags {
  return { ignoresCase: (ignoresCase || on.includes('i')) && !off.includes('i') };
}

function readAtom(reader: RegexReader, flags: Flags, depth: number): RegexTree {
  if (reader.match(ASSERTIONS) !== undefined) return { kind: 'assertion', part: undefined };
  if (reader.isAt('(')) return readGroup(reader, flags, depth);
  if (reader.skip('.')) return { kind: 'characters', set: ALL_POINTS };
  if (reader.isAt('*') || reader.isAt('+') || reader.isAt('?')) throw new NotUnderstood('a repetition of nothing');
  return { kind: 'characters', set: readCharacters(reader, flags.ignoresCase) };
}

function readGroup(reader: RegexReader, flags: Flags, depth: number): RegexTree {
  const inner = reader.match(FLAGS);
  if (inner !== undefined) return closed(reader, readChoice(reader, withFlags(flags, inner), depth + 1));
  if (reader.skip('(?>') || reader.match(/^\(\?<[a-z_]\w*>/iu) !== undefined) return closed(reader, readChoice(reader, flags, depth + 1));
  if (reader.skip('(?=') || reader.skip('(?!')) return { kind: 'assertion', part: closed(reader, readChoice(reader, flags, depth + 1)) };
  if (reader.skip('(?<=') || reader.skip('(?<!')) return readLookBehind(reader, flags, depth);
  if (reader.isAt('(?') || reader.isAt('(*')) throw new NotUnderstood('a group of another kind');
  reader.skip('(');
  return closed(reader, readChoice(reader, flags, depth + 1));
}

function closed(reader: RegexReader, tree: RegexTree): RegexTree {
  if (!reader.skip(')')) throw new NotUnderstood('a group without an end');
  return tree;
}

const MOST_LOOKED_BEHIND = 16;

/** Steps back a few characters, wherever it is asked: there is nothing to try but its alternatives. */
function readLookBehind(reader: RegexReader, flags: Flags, depth: number): RegexTree {
  const tree = closed(reader, readChoice(reader, flags, depth + 1));
  const choices = tree.kind === 'choice' ? tree.parts : [tree];
  const parts = choices.flatMap((choice) => (choice.kind === 'sequence' ? choice.parts : [choice]));
  const isPlain = parts.every(
    ({ kind, ...rest }) => kind === 'characters' || (kind === 'assertion' && (rest as { part?: unknown }).part === undefined),
  );
  if (!isPlain || parts.length > MOST_LOOKED_BEHIND) throw new NotUnderstood('a look behind that repeats or chooses');
  return { kind: 'assertion', part: undefined };
}

function readQuantified(reader: RegexReader, atom: RegexTree): RegexTree {
  let tree = atom;
  for (let found = reader.match(QUANTIFIER), levels = 0; found !== undefined; found = reader.match(QUANTIFIER), levels += 1) {
    if (levels > 2) throw new NotUnderstood('repetitions of repetitions');
    const { least, most, isExact } = boundsOf(found);
    if (most < least || (isExact && reader.isAt('?'))) throw new NotUnderstood(found[0]);
    tree = { kind: 'repeat', part: tree, least, most };
    // Lazy, or possessive. Behind braces a plus is a repetition of its own.
    if (!reader.skip('?') && !found[0].startsWith('{')) reader.skip('+');
  }
  return tree;
}

function boundsOf([sign, exact, from, to, upTo]: RegExpExecArray): { least: number; most: number; isExact: boolean } {
  if (sign === '?') return { least: 0, most: 1, isExact: false };
  if (sign === '*' || sign === '+') return { least: sign === '+' ? 1 : 0, most: Infinity, isExact: false };
  if (exact !== undefined) return { least: Number(exact), most: Number(exact), isExact: true };
  if (upTo !== undefined) return { least: 0, most: Number(upTo), isExact: false };
  return { least: Number(from), most: to === '' ? Infinity : Number(to), isExact: false };
}
