import { HyperfitError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import { findStringEnd, MOST_LEVELS } from '../json-depth.ts';
import { clip } from './render.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The object in `text`; `name` is the file for messages. A key that stands twice in one object is refused, since
 * readers disagree on which of the two counts.
 * @throws HyperfitError with `code`
 */
export function parseJsonObject(text: string, name: string, code: ErrorCode): JsonObject {
  const { repeated, isTooDeep, isTooWide } = scan(text);
  if (isTooWide === true)
    throw new HyperfitError(code, `expected at most ${MOST_KEYS} keys in one object of ${name}, got more; fetch the file again`);
  if (isTooDeep === true)
    throw new HyperfitError(
      code,
      `expected at most ${MOST_LEVELS} objects and lists within each other in ${name}, got more; fetch the file again`,
    );
  const value = parse(text, name, code);
  if (!isJsonObject(value))
    throw new HyperfitError(code, `expected a JSON object in ${name}, got ${text.slice(0, 40)}; fetch the file again`);
  if (repeated !== undefined)
    throw new HyperfitError(code, `expected each key once in ${name}, got "${clip(repeated)}" twice; fetch the file again`);
  return value;
}

function parse(text: string, name: string, code: ErrorCode): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new HyperfitError(code, `expected JSON in ${name}, got text that does not parse (${reason}); fetch the file again`, { cause });
  }
}

/** More names than the tensors of any model. */
const MOST_KEYS = 200_000;

/**
 * The first key that an object of `text` holds twice, and whether it is nested too deep; `text` is not known to be JSON yet, since
 * parsing a million brackets takes a second. One pass without regular expressions: these give up on a string of some megabytes.
 */
function scan(text: string): { repeated?: string; isTooDeep?: boolean; isTooWide?: boolean } {
  const open: (Set<string> | undefined)[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === BRACE || code === BRACKET) open.push(code === BRACE ? new Set() : undefined);
    else if (code === CLOSING_BRACE || code === CLOSING_BRACKET) open.pop();
    if (open.length > MOST_LEVELS) return { isTooDeep: true };
    if (code !== QUOTE) continue;
    const end = findStringEnd(text, at);
    if (isFollowedByColon(text, end)) {
      const key = readString(text, at, end);
      const keys = open.at(-1);
      if (keys?.has(key)) return { repeated: key };
      keys?.add(key);
      if (keys !== undefined && keys.size > MOST_KEYS) return { isTooWide: true };
    }
    at = end - 1;
  }
  return {};
}

const QUOTE = '"'.charCodeAt(0);
const BRACE = '{'.charCodeAt(0);
const CLOSING_BRACE = '}'.charCodeAt(0);
const BRACKET = '['.charCodeAt(0);
const CLOSING_BRACKET = ']'.charCodeAt(0);
const COLON = ':'.charCodeAt(0);
const SPACE = ' '.charCodeAt(0);

/** White space of JSON is all at or below the space. */
function isFollowedByColon(text: string, end: number): boolean {
  let at = end;
  while (text.charCodeAt(at) <= SPACE) at += 1;
  return text.charCodeAt(at) === COLON;
}

function readString(text: string, start: number, end: number): string {
  const inner = text.slice(start + 1, end - 1);
  if (!inner.includes('\\')) return inner;
  try {
    return JSON.parse(text.slice(start, end)) as string;
  } catch {
    return inner;
  }
}
