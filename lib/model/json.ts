import { HyperfitError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';

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
  const value = parse(text, name, code);
  if (!isJsonObject(value)) throw new HyperfitError(code, `expected a JSON object in ${name}, got ${text.slice(0, 40)}; fetch the file again`);
  const repeated = findRepeatedKey(text);
  if (repeated !== undefined) throw new HyperfitError(code, `expected each key once in ${name}, got "${repeated}" twice; fetch the file again`);
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

/** The first key that an object of `text`, which is valid JSON, holds twice. */
function findRepeatedKey(text: string): string | undefined {
  const open: Set<string>[] = [];
  for (const match of text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?|[{}]/g)) {
    const token = match[0];
    if (token === '{') open.push(new Set());
    else if (token === '}') open.pop();
    else if (match[1] !== undefined) {
      const key = JSON.parse(token.slice(0, -match[1].length)) as string;
      const keys = open.at(-1);
      if (keys?.has(key)) return key;
      keys?.add(key);
    }
  }
  return undefined;
}
