import { HyperfitError } from '../errors.ts';
import type { ChatMessage, RenderChatOptions, Rendering } from '../tokenizer/chat-template.ts';
import type { DataNotes } from './data-notes.ts';
import type { MessagesDocument } from './document.ts';

/** What finding answers needs of a tokenizer. */
export interface ChatRenderer {
  renderChat(messages: readonly ChatMessage[], options?: RenderChatOptions): string;
  /** As `renderChat`, with the place of each message; without it only templates that keep earlier turns as they are can be followed. */
  trackChat?(messages: readonly ChatMessage[], options?: RenderChatOptions): Rendering;
}

/** Part of a rendered dialogue that the assistant wrote, in UTF-16 units. */
export interface Answer {
  start: number;
  end: number;
  /** Which message. */
  index: number;
  /** Whether a token across the end is learnt too, as transformers does for what a template marks with `{% generation %}`. */
  isMarked?: boolean;
}

/**
 * A rendered dialogue, and where the assistant's turns stand in it: what the template marks with `{% generation %}`; else from where
 * the generation prompt ends, or as much of it as the template writes there, to the end of the turn, its closing token included.
 * What the template leaves out or changes is counted in `notes`. Messages of `weight: 0` are no answers.
 * @throws HyperfitError ERR_DATA for messages that the template refuses, or whose answers it does not show
 */
export function findAnswers(document: MessagesDocument, renderer: ChatRenderer, notes?: DataNotes): { text: string; answers: Answer[] } {
  const { messages, source } = document;
  const options = { addGenerationPrompt: false, tools: document.tools };
  const rendering = renderer.trackChat?.(messages, options) ?? { text: renderer.renderChat(messages, options), turns: [], generations: [] };
  const { text } = rendering;
  const learnt = findLearnt(document, notes);
  if (rendering.generations.length > 0) return { text, answers: markedAnswers(rendering).filter(({ index }) => learnt.includes(index)) };
  const isFollowed = rendering.turns.length > 0;
  const find = (index: number): Answer[] =>
    isFollowed ? followedAnswer(document, index, rendering, renderer) : [prefixAnswer(document, index, text, renderer)];
  const answers = learnt.flatMap(find);
  if (notes !== undefined) noteUnheard(messages, text, source, notes);
  if (notes !== undefined) for (const index of learnt) noteChanges(messages[index]!, index, answers, rendering, source, notes);
  return { text, answers };
}

/** The messages of the assistant that answer somebody. */
function findLearnt({ messages, source }: MessagesDocument, notes: DataNotes | undefined): number[] {
  const answers = messages.flatMap(({ role, weight }, index) => (role === 'assistant' && weight !== 0 ? [index] : []));
  if (answers[0] !== 0) return answers;
  if (answers.length > 1) notes?.add('opening answers, before which nobody speaks, are not learnt', source);
  else {
    const expected = 'a dialogue in which somebody speaks before the assistant';
    throw refuse(source, expected, 'none', 'add what is answered, or train on all tokens');
  }
  return answers.slice(1);
}

/** Whether an answer is there to learn: one of weight 0, or before which nobody speaks, is none. */
export function hasAnswer({ messages }: MessagesDocument): boolean {
  return messages.some(({ role, weight }, index) => index > 0 && role === 'assistant' && weight !== 0);
}

function markedAnswers({ generations, turns }: Rendering): Answer[] {
  const indexAt = (place: number): number => turns.find(({ start, end }) => start <= place && place < end)?.index ?? -1;
  return generations.map(({ start, end }) => ({ start, end, index: indexAt(start), isMarked: true }));
}

/** What the template wrote while it went through a message, without what stands before the answer. */
function followedAnswer(document: MessagesDocument, index: number, rendering: Rendering, renderer: ChatRenderer): Answer[] {
  const { text } = rendering;
  return partsOf(index, document.messages.length, rendering).flatMap(({ start, end }, part) => {
    const from = part > 0 ? start : start + headerLength(document, index, { text, start, end }, renderer);
    // White space between turns is nobody's.
    const to = from + text.slice(from, end).trimEnd().length;
    return to > from ? [{ start: from, end: to, index }] : [];
  });
}

/** Some templates keep the last answer and write it when they are through. */
function partsOf(index: number, count: number, { text, turns }: Rendering): { start: number; end: number }[] {
  const isWritten = ({ start, end }: { start: number; end: number }): boolean => text.slice(start, end).trim() !== '';
  const parts = turns.filter((turn) => turn.index === index && isWritten(turn));
  const rest = { start: turns.at(-1)!.end, end: text.length };
  return parts.length === 0 && index === count - 1 && isWritten(rest) ? [rest] : parts;
}

interface TurnText {
  text: string;
  start: number;
  end: number;
}

/** How much of a turn, from its start, is what the assistant is given to go on from and does not write. */
function headerLength(document: MessagesDocument, index: number, turn: TurnText, renderer: ChatRenderer): number {
  const first = document.messages.findIndex(({ role }, at) => at > 0 && role === 'assistant');
  // After the answer of a tool some templates write no prompt: then it is that of the first answer.
  return headerAt(document, index, turn, renderer) || headerAt(document, first, turn, renderer);
}

function headerAt({ messages, tools }: MessagesDocument, index: number, { text, start, end }: TurnText, renderer: ChatRenderer): number {
  const render = (addGenerationPrompt: boolean): Rendering => renderer.trackChat!(messages.slice(0, index), { addGenerationPrompt, tools });
  try {
    const asked = render(true);
    const { length } = asked.text;
    if (text.startsWith(asked.text) && length >= start && length <= end) return length - start;
    const shared = commonLength(render(false).text, asked.text);
    // What the option adds, or what the template writes when it is through with the messages: some heed no option, some write it in
    // their loop.
    const prompts = [asked.text.slice(wholeTokens(asked.text, shared)), asked.text.slice(asked.turns.at(-1)?.end ?? length)];
    return Math.max(...prompts.map((prompt) => promptLength(text.slice(start, end), prompt)));
  } catch (cause) {
    // Some templates refuse a dialogue that ends there.
    if (cause instanceof HyperfitError && cause.code === 'ERR_DATA') return 0;
    throw cause;
  }
}

/** How much of a turn's beginning is the prompt, as far as the template writes it there. */
function promptLength(turn: string, prompt: string): number {
  if (prompt === '') return 0;
  const blank = turn.length - turn.trimStart().length;
  const whole = turn.indexOf(prompt);
  if (whole !== -1 && whole <= blank) return whole + prompt.length;
  const lengths = [0, blank].map((from) => ({ from, length: wholeTokens(prompt, commonLength(turn.slice(from), prompt)) }));
  const best = lengths.find(({ length }) => length > 0);
  return best === undefined ? 0 : best.from + best.length;
}

function commonLength(left: string, right: string): number {
  let length = 0;
  while (length < left.length && length < right.length && left[length] === right[length]) length += 1;
  return length;
}

/** Back to where a mark such as `<think>`, a word or white space begins: an answer that starts with the same letters is none of it. */
function wholeTokens(text: string, length: number): number {
  let at = 0;
  for (const [part] of text.matchAll(/<[^<>\s]*>|\s+|[^\s<]+|</g)) {
    if (at + part.length > length) return at;
    at += part.length;
  }
  return at;
}

/** Of a renderer that does not say where messages stand: templates that write earlier turns as they wrote them when they were last. */
function prefixAnswer({ messages, tools, source }: MessagesDocument, index: number, text: string, renderer: ChatRenderer): Answer {
  const before = renderer.renderChat(messages.slice(0, index), { addGenerationPrompt: true, tools });
  const through = renderer.renderChat(messages.slice(0, index + 1), { addGenerationPrompt: false, tools }).trimEnd();
  if (text.startsWith(through) && through.startsWith(before)) return { start: before.length, end: through.length, index };
  const remedy = 'cut the dialogue after its first answer, or train on all tokens';
  throw refuse(source, 'a chat template that keeps earlier turns as they are', `one that changes them at message ${index}`, remedy);
}

const LOST_THOUGHTS = 'answers lost their thoughts (<think>), which the chat template cuts';

/** Counts what others say and the template does not write, as for a role that it does not know. */
function noteUnheard(messages: readonly ChatMessage[], text: string, source: string, notes: DataNotes): void {
  for (const { role, content } of messages) {
    if (role === 'assistant' || text.includes((content ?? '').trim())) continue;
    notes.add(`messages of the role ${JSON.stringify(role)} were left out or changed by the chat template`, source);
  }
}

const THOUGHTS_END = '</think>';

/** Counts an answer that does not stand in the rendering as it was given. */
function noteChanges(
  { content, tool_calls: calls, reasoning_content: reasoning }: ChatMessage,
  index: number,
  answers: readonly Answer[],
  { text }: Rendering,
  source: string,
  notes: DataNotes,
): void {
  const shown = answers
    .filter((answer) => answer.index === index)
    .map(({ start, end }) => text.slice(start, end))
    .join('');
  if (shown === '') return notes.add('answers were left out by the chat template', source);
  if (Array.isArray(calls) && calls.length > 0 && !calls.some((call) => shown.includes(nameOf(call)))) {
    notes.add('answers lost their tool calls, which the chat template leaves out', source);
  }
  const said = (content ?? '').trim();
  const thought = String(reasoning ?? '').trim();
  if (thought !== '' && !shown.includes(thought)) return notes.add(LOST_THOUGHTS, source);
  if (said === '' && thought === '' && calls === undefined)
    notes.add('answers are empty: that the assistant says nothing is learnt', source);
  if (/^\s/.test(content ?? '') && shown.includes(said) && !shown.includes((content ?? '').trimEnd())) {
    notes.add('answers lost the white space that they begin with, which the chat template strips', source);
  }
  if (shown.includes(said)) return;
  const end = said.lastIndexOf(THOUGHTS_END);
  if (end === -1) return notes.add('answers were changed by the chat template', source);
  const thoughts = said.slice(0, end).replace('<think>', '').trim();
  if (!shown.includes(thoughts)) notes.add(LOST_THOUGHTS, source);
  else if (!shown.includes(said.slice(end + THOUGHTS_END.length).trim())) notes.add('answers were changed by the chat template', source);
}

function nameOf(call: unknown): string {
  const { name, function: called } = (call ?? {}) as { name?: unknown; function?: { name?: unknown } };
  return String(called?.name ?? name ?? '');
}

export function refuse(source: string, expected: string, got: string, remedy: string): HyperfitError {
  return new HyperfitError('ERR_DATA', `expected ${expected} at ${source}, got ${got}; ${remedy} (trainOn all)`);
}
