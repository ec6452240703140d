import type { ChatMessage } from '../tokenizer/chat-template.ts';
import { shown } from '../generate/check-ids.ts';
import { invalid } from './api-error.ts';

/** OpenAI's newer name for what templates call system. */
const ROLES: Readonly<Record<string, string>> = { developer: 'system' };

/**
 * OpenAI's messages as chat templates know them: content parts as one text, arguments of tool calls as objects.
 * @throws ApiError 400 for what is no message, and for parts that are no text
 */
export function readMessages(value: unknown): ChatMessage[] {
  if (!Array.isArray(value) || value.length === 0)
    throw invalid(`expected a list of messages for \`messages\`, got ${shown(value)}`, 'messages');
  return value.map((message, index) => readMessage(message, `messages[${index}]`));
}

function readMessage(value: unknown, where: string): ChatMessage {
  if (typeof value !== 'object' || value === null)
    throw invalid(`expected a message of "role" and "content" for \`${where}\`, got ${shown(value)}`, where);
  const { role, content, tool_calls: calls, ...rest } = value as Record<string, unknown>;
  if (typeof role !== 'string' || role === '') throw invalid(`expected a text for \`${where}.role\`, got ${shown(role)}`, `${where}.role`);
  const hasCalls = Array.isArray(calls) && calls.length > 0;
  const text = content === undefined || content === null ? emptyContent(hasCalls, where) : readContent(content, `${where}.content`);
  const message = { ...withoutNulls(rest), role: ROLES[role] ?? role, content: text };
  return hasCalls ? { ...message, tool_calls: calls.map(readCall) } : message;
}

function emptyContent(hasCalls: boolean, where: string): null {
  if (hasCalls) return null;
  throw invalid(`expected a text for \`${where}.content\`, got none`, `${where}.content`);
}

function readContent(content: unknown, where: string): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) throw invalid(`expected a text or a list of parts for \`${where}\`, got ${shown(content)}`, where);
  const texts = content.map((part: unknown, index) => {
    const { type, text } = (part ?? {}) as { type?: unknown; text?: unknown };
    if (type !== 'text' || typeof text !== 'string')
      throw invalid(
        `expected parts of {"type": "text"} in \`${where}\`, got ${shown(type)}; this model reads text alone`,
        `${where}[${index}]`,
      );
    return text;
  });
  return texts.join('');
}

/** Templates write arguments as JSON themselves; a text would be written twice. */
function readCall(call: unknown): unknown {
  const { function: called } = (call ?? {}) as { function?: { arguments?: unknown } };
  if (typeof called?.arguments !== 'string') return call;
  try {
    return { ...(call as object), function: { ...called, arguments: JSON.parse(called.arguments) as unknown } };
  } catch {
    return call;
  }
}

function withoutNulls(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== undefined));
}
