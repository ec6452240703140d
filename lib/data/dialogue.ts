import { HyperfitError } from '../errors.ts';
import type { ChatMessage, RenderChatOptions } from '../tokenizer/chat-template.ts';
import { IGNORE_INDEX } from './batch.ts';
import type { MessagesDocument } from './document.ts';

/** Which tokens of a dialogue are learnt: those of the assistant's turns, or every one. */
export type TrainOn = 'assistant' | 'all';

/** What dialogues need of a tokenizer. */
export interface ChatTokenizer {
  encode(text: string, options?: { addSpecialTokens?: boolean }): Promise<Int32Array>;
  renderChat(messages: readonly ChatMessage[], options?: RenderChatOptions): string;
}

/**
 * A dialogue as ids by the model's chat template and, for `assistant`, the targets [ids.length] that leave out what others say:
 * IGNORE_INDEX wherever the next token is none of the assistant's.
 * @throws HyperfitError ERR_DATA for a dialogue without an answer, for messages that the template refuses, and for a template
 *   that renders earlier turns otherwise once later ones follow
 */
export async function encodeDialogue({ messages, source }: MessagesDocument, tokenizer: ChatTokenizer, trainOn: TrainOn): Promise<{ ids: Int32Array; targets?: Int32Array }> {
  const text = tokenizer.renderChat(messages, { addGenerationPrompt: false });
  const ids = await encodeRendered(text, tokenizer);
  if (trainOn === 'all') return { ids };
  const targets = new Int32Array(ids.length).fill(IGNORE_INDEX);
  for (const [start, end] of findAnswers(messages, text, tokenizer, source)) {
    const from = await countTokensBefore(start, text, ids, tokenizer);
    const to = await countTokensBefore(end, text, ids, tokenizer);
    for (let at = Math.max(from, 1); at < to; at += 1) targets[at - 1] = ids[at]!;
  }
  if (targets.every((target) => target === IGNORE_INDEX)) throw refuse(source, 'an answer of the assistant to learn', 'none', 'add one, or train on all tokens');
  return { ids, targets };
}

/** The template writes every special token itself. */
function encodeRendered(text: string, tokenizer: ChatTokenizer): Promise<Int32Array> {
  return tokenizer.encode(text, { addSpecialTokens: false });
}

/** Where the assistant's turns stand in the rendered text: from the end of the generation prompt to the end of the turn, its closing token included. */
function findAnswers(messages: readonly ChatMessage[], text: string, tokenizer: ChatTokenizer, source: string): [number, number][] {
  return messages.flatMap(({ role }, index): [number, number][] => {
    if (role !== 'assistant') return [];
    if (index === 0) throw refuse(source, 'a dialogue in which somebody speaks before the assistant', 'none', 'add what is answered, or train on all tokens');
    const before = tokenizer.renderChat(messages.slice(0, index), { addGenerationPrompt: true });
    // White space between turns is nobody's.
    const through = tokenizer.renderChat(messages.slice(0, index + 1), { addGenerationPrompt: false }).trimEnd();
    if (text.startsWith(through) && through.startsWith(before)) return [[before.length, through.length]];
    throw refuse(source, 'a chat template that keeps earlier turns as they are', `one that changes them at message ${index}`, 'cut the dialogue after its first answer, or train on all tokens');
  });
}

/**
 * How many tokens lie wholly before a place in the text. A token across it belongs to what follows: it is what the model has to
 * predict from there on.
 */
async function countTokensBefore(place: number, text: string, ids: Int32Array, tokenizer: ChatTokenizer): Promise<number> {
  const before = await encodeRendered(text.slice(0, place), tokenizer);
  const apart = before.findIndex((id, at) => id !== ids[at]);
  return apart === -1 ? before.length : apart;
}

function refuse(source: string, expected: string, got: string, remedy: string): HyperfitError {
  return new HyperfitError('ERR_DATA', `expected ${expected} at ${source}, got ${got}; ${remedy} (trainOn: all)`);
}
