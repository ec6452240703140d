import { refuseTokenizer } from './refuse-tokenizer.ts';

/** Text may grow this much under all replacements of a normaliser together. */
const MAX_GROWTH = 64;

/**
 * Holds the expressions and replacements of a tokenizer.json against what ends a process instead of throwing: an expression in which one
 * repetition without bound stands inside another backtracks until the library gives up, by aborting; replacements that each make text longer
 * fill the memory. `name` is the file for messages.
 * @throws HyperfitError ERR_TOKENIZER
 */
export function checkExpressions(tokenizer: Readonly<Record<string, unknown>>, name: string): void {
  for (const key of ['normalizer', 'pre_tokenizer', 'decoder']) {
    for (const pattern of patternsOf(tokenizer[key])) {
      if (!hasNestedRepetition(pattern)) continue;
      refuseTokenizer(name, `expressions without a repetition inside a repetition in \`${key}\``, JSON.stringify(pattern.slice(0, 80)), 'use the tokenizer.json that the model was published with');
    }
  }
  const growth = growthOf(tokenizer['normalizer']);
  if (growth > MAX_GROWTH) refuseTokenizer(name, `replacements that make text at most ${MAX_GROWTH} times as long in \`normalizer\``, `${growth} times`, 'use the tokenizer.json that the model was published with');
}

function patternsOf(part: unknown): string[] {
  if (typeof part !== 'object' || part === null) return [];
  const { pattern, ...rest } = part as Readonly<Record<string, unknown>>;
  const own = (pattern as { Regex?: unknown } | null | undefined)?.Regex;
  return [...(typeof own === 'string' ? [own] : []), ...Object.values(rest).flatMap((value) => (Array.isArray(value) ? (value as unknown[]).flatMap(patternsOf) : []))];
}

function growthOf(part: unknown): number {
  if (typeof part !== 'object' || part === null) return 1;
  const { type, pattern, content, normalizers } = part as Readonly<Record<string, unknown>>;
  if (Array.isArray(normalizers)) return (normalizers as unknown[]).reduce<number>((product, each) => product * growthOf(each), 1);
  if (type !== 'Replace' || typeof content !== 'string') return 1;
  const text = (pattern as { String?: unknown } | null | undefined)?.String;
  return Math.max(1, content.length / Math.max(1, typeof text === 'string' ? text.length : 1));
}

interface Group {
  /** A repetition without bound stands in it, or two alternatives that begin alike. */
  repeats: boolean;
  /** What its alternatives begin with. */
  beginnings: Set<string>;
  isAtBeginning: boolean;
}

const newGroup = (): Group => ({ repeats: false, beginnings: new Set(), isAtBeginning: true });

/** Whether a group that repeats without bound holds such a repetition itself, or alternatives that begin alike. */
export function hasNestedRepetition(pattern: string): boolean {
  const open = [newGroup()];
  let closed: Group | undefined;
  for (const token of tokensOf(pattern)) {
    const group = open.at(-1)!;
    if (isUnbounded(token) && closed?.repeats === true) return true;
    if (token === ')' && open.length > 1) {
      closed = open.pop()!;
      open.at(-1)!.repeats ||= closed.repeats;
      continue;
    }
    closed = undefined;
    if (token === '|') group.isAtBeginning = true;
    else note(token, group);
    if (token.startsWith('(')) open.push(newGroup());
  }
  return false;
}

function note(token: string, group: Group): void {
  if (isUnbounded(token)) group.repeats = true;
  if (!group.isAtBeginning) return;
  group.repeats ||= group.beginnings.has(token);
  group.beginnings.add(token);
  group.isAtBeginning = false;
}

function isUnbounded(token: string): boolean {
  return token === '*' || token === '+' || /^\{\d*,\}$/.test(token);
}

/** Characters, classes as one token, what opens a group, and what repeats. */
function* tokensOf(pattern: string): Generator<string> {
  for (let at = 0; at < pattern.length; ) {
    const length = tokenLength(pattern, at);
    yield pattern.slice(at, at + length);
    at += length;
  }
}

function tokenLength(pattern: string, at: number): number {
  if (pattern[at] === '[') return classLength(pattern, at);
  return /^(?:\\[pP]\{[^}]*\}|\\.|\(\?(?:<?[=!]|[a-z-]*:|>)|\{\d*,?\d*\})/s.exec(pattern.slice(at, at + 60))?.[0].length ?? 1;
}

function classLength(pattern: string, start: number): number {
  let depth = 0;
  for (let at = start; at < pattern.length; at += 1) {
    if (pattern[at] === '\\') at += 1;
    else if (pattern[at] === '[') depth += 1;
    else if (pattern[at] === ']' && !isFirstOfClass(pattern, start, at)) {
      depth -= 1;
      if (depth === 0) return at + 1 - start;
    }
  }
  return pattern.length - start;
}

/** A bracket right after the opening one is a character. */
function isFirstOfClass(pattern: string, start: number, at: number): boolean {
  return at === start + 1 || (at === start + 2 && pattern[start + 1] === '^');
}
