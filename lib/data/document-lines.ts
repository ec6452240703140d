import { HyperfitError } from '../errors.ts';
import { findMessageProblem, type ChatMessage } from '../tokenizer/chat-template.ts';
import type { Document } from './document.ts';

const SHOWN_PROBLEMS = 5;
const MAX_ID = 0x7fffffff;

/**
 * Reads JSON lines, each {"text": string}, {"ids": number[]} or {"messages": [{"role", "content"}]}; other keys are left alone and blank lines passed over.
 * Throws ERR_DATA that lists the first bad lines by number.
 */
export function parseDocumentLines(text: string, path: string): Document[] {
  const documents: Document[] = [];
  const problems: string[] = [];
  text.split('\n').forEach((line, index) => {
    if (line.trim() === '') return;
    const parsed = parseLine(line, `${path}:${index + 1}`);
    if (typeof parsed === 'string') problems.push(`line ${index + 1}: ${parsed}`);
    else documents.push(parsed);
  });
  if (problems.length > 0) throw badLines(problems, path);
  return documents;
}

function badLines(problems: readonly string[], path: string): HyperfitError {
  const shown = problems.slice(0, SHOWN_PROBLEMS).join('; ');
  const rest = problems.length > SHOWN_PROBLEMS ? `; and ${problems.length - SHOWN_PROBLEMS} more` : '';
  return new HyperfitError('ERR_DATA', `expected {"text": "..."}, {"ids": [...]} or {"messages": [...]} on every line of ${path}, got ${shown}${rest}; correct or remove these lines`);
}

/** The document of a line, or what is wrong with it. */
function parseLine(line: string, source: string): Document | string {
  const value = parseJson(line);
  if (value === undefined) return 'not JSON';
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'not an object';
  const { text, ids, messages } = value as Readonly<Record<string, unknown>>;
  const given = Object.entries({ text, ids, messages }).filter(([, part]) => part !== undefined);
  if (given.length > 1) return `both ${given.map(([name]) => `"${name}"`).join(' and ')}`;
  if (text !== undefined) return parseTextLine(text, source);
  if (messages !== undefined) return findMessageProblem(messages) ?? { source, messages: messages as ChatMessage[] };
  return parseIdsLine(ids, source);
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}

function parseTextLine(text: unknown, source: string): Document | string {
  if (typeof text !== 'string') return '"text" is not a string';
  return text.trim() === '' ? '"text" is empty' : { source, text };
}

function parseIdsLine(ids: unknown, source: string): Document | string {
  if (!Array.isArray(ids)) return ids === undefined ? 'none of "text", "ids" and "messages"' : '"ids" is not a list';
  if (ids.length === 0) return '"ids" is empty';
  const bad = ids.findIndex((id) => !Number.isInteger(id) || (id as number) < 0 || (id as number) > MAX_ID);
  if (bad !== -1) return `"ids"[${bad}] is ${JSON.stringify(ids[bad])}, not a token id`;
  return { source, ids: Int32Array.from(ids as number[]) };
}
