import { given } from '../config/given.ts';
import { errorCodeOf, HyperfitError } from '../errors.ts';
import { findAnswers, refuse, type Answer, type ChatRenderer } from './answers.ts';
import { IGNORE_INDEX } from './batch.ts';
import type { DataNotes } from './data-notes.ts';
import type { MessagesDocument } from './document.ts';

/** Which tokens of a dialogue are learnt: those of all the assistant's turns, of the last one, or every one. */
export type TrainOn = 'assistant' | 'last' | 'all';

/** What dialogues need of a tokenizer. */
export interface ChatTokenizer extends ChatRenderer {
  encode(text: string, options?: { addSpecialTokens?: boolean }): Promise<Int32Array>;
  /** Ends of a text: one that follows an answer is learnt with it. */
  eosTokenIds?: readonly number[] | undefined;
  isSpecial?(id: number): boolean;
}

export interface EncodedDialogue {
  ids: Int32Array;
  targets?: Int32Array;
  /** Where all is learnt, the targets that answers alone would have: what is asked ends where the first begins. */
  answers?: Int32Array;
}

/**
 * A dialogue as ids by the model's chat template and, unless all of it is learnt, the targets [ids.length] that leave out what others say:
 * IGNORE_INDEX wherever the next token is none of the assistant's. What the template leaves out or changes is counted in `notes`.
 * @throws HyperfitError ERR_DATA for a dialogue without an answer, and for messages that the template refuses
 *
 * @example
 * const messages = [{ role: 'user', content: 'Who are you?' }, { role: 'assistant', content: 'A whaler.' }];
 * const { ids, targets } = await encodeDialogue({ messages, source: 'chat.jsonl:1' }, tokenizer, 'assistant');
 * console.log(ids.length, targets?.filter((target) => target !== IGNORE_INDEX).length); // all tokens, and those that are learnt
 */
export async function encodeDialogue(
  document: MessagesDocument,
  tokenizer: ChatTokenizer,
  trainOn: TrainOn,
  notes?: DataNotes,
): Promise<EncodedDialogue> {
  return encodeWhole(document, tokenizer, trainOn, notes).catch((cause: unknown) => {
    throw withPlace(cause, document.source);
  });
}

/** A template does not know which of thousands of dialogues it refuses. */
function withPlace(cause: unknown, source: string): unknown {
  if (!(cause instanceof HyperfitError) || cause.code !== 'ERR_DATA' || cause.message.includes(source)) return cause;
  return new HyperfitError('ERR_DATA', cause.message.replace(', got', ` at ${source}, got`), { cause });
}

async function encodeWhole(
  document: MessagesDocument,
  tokenizer: ChatTokenizer,
  trainOn: TrainOn,
  notes: DataNotes | undefined,
): Promise<EncodedDialogue> {
  const { source, messages, tools } = document;
  if (trainOn === 'all') {
    const ids = await encodeRendered(tokenizer.renderChat(messages, { addGenerationPrompt: false, tools }), tokenizer);
    return { ids, ...given({ answers: await findAnswerTargets(document, tokenizer) }) };
  }
  const { text, answers } = findAnswers(document, tokenizer, notes);
  const ids = await encodeRendered(text, tokenizer);
  const targets = new Int32Array(ids.length).fill(IGNORE_INDEX);
  const last = Math.max(...answers.map(({ index }) => index));
  for (const answer of answers) {
    if (trainOn === 'last' && answer.index !== last) continue;
    const [from, to] = await findTokens(answer, text, ids, tokenizer);
    for (let at = Math.max(from, 1); at < to; at += 1) targets[at - 1] = ids[at]!;
    if (notes !== undefined) noteEnd(ids.subarray(0, to), tokenizer, source, notes);
  }
  if (targets.every((target) => target === IGNORE_INDEX)) {
    throw refuse(source, 'an answer of the assistant to learn', 'none', 'add one, or train on all tokens');
  }
  return { ids, targets };
}

/** Where all is learnt a dialogue needs no answer. */
async function findAnswerTargets(document: MessagesDocument, tokenizer: ChatTokenizer): Promise<Int32Array | undefined> {
  try {
    return (await encodeDialogue(document, tokenizer, 'assistant')).targets;
  } catch (error) {
    if (errorCodeOf(error) === 'ERR_DATA') return undefined;
    throw error;
  }
}

/** The template writes every special token itself. */
function encodeRendered(text: string, tokenizer: ChatTokenizer): Promise<Int32Array> {
  return tokenizer.encode(text, { addSpecialTokens: false });
}

/** The tokens of an answer, and an end of text right behind it: some templates leave it to the next turn, or write it after the last. */
async function findTokens(
  { start, end, isMarked = false }: Answer,
  text: string,
  ids: Int32Array,
  tokenizer: ChatTokenizer,
): Promise<[number, number]> {
  const from = (await countTokensBefore(start, text, ids, tokenizer)).count;
  const { count, isWhole } = await countTokensBefore(end, text, ids, tokenizer);
  const to = isMarked && !isWhole ? count + 1 : count;
  const isEnd = (at: number): boolean => tokenizer.eosTokenIds?.includes(ids[at]!) === true;
  return [from, !isMarked && isWhole && isEnd(to) && !isEnd(to - 1) ? to + 1 : to];
}

/**
 * How many tokens lie wholly before a place in the text, and whether one of them ends there. A token across it belongs to what follows:
 * it is what the model has to predict from there on.
 */
async function countTokensBefore(
  place: number,
  text: string,
  ids: Int32Array,
  tokenizer: ChatTokenizer,
): Promise<{ count: number; isWhole: boolean }> {
  const before = await encodeRendered(text.slice(0, place), tokenizer);
  const apart = before.findIndex((id, at) => id !== ids[at]);
  return { count: apart === -1 ? before.length : apart, isWhole: apart === -1 };
}

/** A model that never learns how an answer ends goes on for ever. */
function noteEnd(ids: Int32Array, tokenizer: ChatTokenizer, source: string, notes: DataNotes): void {
  const isEnd = (id: number): boolean => tokenizer.isSpecial!(id) || tokenizer.eosTokenIds?.includes(id) === true;
  // A marked answer may have a line break behind its end.
  if (tokenizer.isSpecial === undefined || ids.subarray(-2).some(isEnd)) return;
  notes.add('answers end without a token that says so, by their chat template', source);
}
