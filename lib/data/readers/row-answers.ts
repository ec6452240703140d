import type { ChatMessage } from '../../tokenizer/chat-template.ts';
import type { RowPlace, RowReading } from './row.ts';
import { ANSWERED, ASKED, DIALOGUES } from './row-forms.ts';
import { makeDialogue } from './row-messages.ts';
import { parseNested, type Fields } from './row-values.ts';

/**
 * {"prompt", "completion"}: a text of which the completion is learnt; of lists of messages, a dialogue of which the answers in the
 * completion are.
 */
export function readPromptCompletion(fields: Fields, place: RowPlace): RowReading {
  const { prompt, completion } = fields;
  if (isUnwanted(fields)) {
    place.notes.add('completions marked as bad ("label": false) were passed over', place.source);
    return undefined;
  }
  if (typeof prompt === 'string' && typeof completion === 'string') return readTextCompletion(prompt, completion, place);
  const before = toMessages(prompt, 'user');
  const after = toMessages(completion, 'assistant');
  if (before === undefined) return '"prompt" is neither text nor a list of messages';
  if (after === undefined) return '"completion" is neither text nor a list of messages';
  // What the assistant said before is there to be read.
  const read = before.map((message) => (isAssistant(message) ? { ...message, weight: 0 } : message));
  return makeDialogue([...read, ...after], fields, place, ['prompt', 'completion']);
}

/** {"prompt"} with no completion, or an empty one. */
export function isPromptAlone(fields: Fields): boolean {
  const names = Object.keys(fields);
  const { prompt, completion = '' } = fields;
  return (
    prompt !== undefined &&
    completion === '' &&
    !['text', 'ids', 'input_ids', ...DIALOGUES, ...ANSWERED].some((name) => name !== 'completion' && names.includes(name))
  );
}

/** A text to continue, or a dialogue to answer. */
export function readPromptAlone(fields: Fields, place: RowPlace): RowReading {
  const { prompt } = fields;
  if (Array.isArray(prompt)) return makeDialogue(prompt as Record<string, unknown>[], fields, place, ['prompt']);
  if (typeof prompt !== 'string') return '"prompt" is neither text nor a list of messages';
  if (prompt.trim() !== '') return { source: place.source, text: prompt };
  place.notes.add('empty prompts were passed over', place.source);
  return undefined;
}

function readTextCompletion(prompt: string, completion: string, { source, notes }: RowPlace): RowReading {
  if (completion.trim() !== '') return { source, prompt, completion };
  notes.add('prompts without a completion were passed over', source);
  return undefined;
}

/** Of KTO: a completion that is there to be avoided. */
function isUnwanted({ label }: Fields): boolean {
  return label === false;
}

function toMessages(value: unknown, role: string): Record<string, unknown>[] | undefined {
  if (Array.isArray(value)) return value as Record<string, unknown>[];
  return typeof value === 'string' ? [{ role, content: value }] : undefined;
}

function isAssistant(message: unknown): boolean {
  return typeof message === 'object' && message !== null && (message as { role?: unknown }).role === 'assistant';
}

/**
 * One question and its answer, as alpaca's {"instruction", "input", "output"} and its kin: a dialogue, `history` before and `system` first.
 */
export function readExchange(fields: Fields, place: RowPlace): RowReading {
  const asked = ASKED.find((name) => name in fields)!;
  const answered = ANSWERED.find((name) => name in fields)!;
  const history = readHistory(fields['history']);
  if (typeof history === 'string') return history;
  const parts = [fields[asked], ...['context', 'input'].filter((name) => name !== asked).map((name) => fields[name])].filter(
    (part) => part !== undefined && part !== '',
  );
  if (!parts.every((part) => typeof part === 'string')) return `"${asked}" and what belongs to it is not text`;
  if (typeof fields[answered] !== 'string') return `"${answered}" is not text`;
  if (fields[answered].trim() === '' || parts.length === 0) {
    place.notes.add('questions without an answer, or answers without a question, were passed over', place.source);
    return undefined;
  }
  const messages: ChatMessage[] = [
    ...history,
    { role: 'user', content: parts.join('\n\n') },
    { role: 'assistant', content: fields[answered] },
  ];
  return makeDialogue(messages, fields, place, [asked, answered]);
}

/** Pairs of what was asked and answered before. */
function readHistory(value: unknown): ChatMessage[] | string {
  const history = parseNested(value ?? []);
  const isPair = (pair: unknown): pair is [string, string] =>
    Array.isArray(pair) && pair.length === 2 && pair.every((part) => typeof part === 'string');
  if (history === '') return [];
  if (!Array.isArray(history) || !history.every(isPair)) return '"history" is not a list of [question, answer] pairs of text';
  return history.flatMap(([user, assistant]) => [
    { role: 'user', content: user },
    { role: 'assistant', content: assistant },
  ]);
}
