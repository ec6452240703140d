import { encodePrompt, joinIds } from '../tokenizer/surroundings.ts';
import { IGNORE_INDEX } from './batch.ts';
import type { TrainOn } from './dialogue.ts';
import type { CompletionDocument } from './document.ts';

/** What completions need of a tokenizer. */
export interface CompletionTokenizer {
  encode(text: string, options?: { addSpecialTokens?: boolean }): Promise<Int32Array>;
  /** The first is what a completion ends with. */
  eosTokenIds?: readonly number[] | undefined;
}

/**
 * Prompt and completion as the ids of one text, with the end of text behind it where the tokenizer knows one: a model that is
 * taught answers has to learn that they end. `targets` [ids.length] leave out the prompt; a token across the border belongs to
 * the completion, since it is what the model has to predict from there on. `all` learns every token.
 */
export async function encodeCompletion(
  { prompt, completion }: CompletionDocument,
  tokenizer: CompletionTokenizer,
  trainOn: TrainOn,
): Promise<{ ids: Int32Array; targets?: Int32Array }> {
  // The start token once, and no end: a prompt may itself end with one, as of a turn.
  const before = await encodePrompt(prompt, tokenizer);
  const whole = await encodePrompt(prompt + completion, tokenizer);
  // Where one token holds all of the prompt, nothing stands before it that could predict it: the two are encoded apart, as a prompt will
  // be.
  const isSwallowed = before.length > 0 && before[0] !== whole[0];
  const ids = appendEnd(
    isSwallowed ? joinIds(before, await tokenizer.encode(completion, { addSpecialTokens: false })) : whole,
    tokenizer.eosTokenIds ?? [],
  );
  if (trainOn === 'all') return { ids };
  const apart = before.findIndex((id, at) => id !== ids[at]);
  const border = apart === -1 ? before.length : apart;
  const targets = new Int32Array(ids.length).fill(IGNORE_INDEX);
  targets.set(ids.subarray(Math.max(border, 1)), Math.max(border, 1) - 1);
  return { ids, targets };
}

function appendEnd(ids: Int32Array, ends: readonly number[]): Int32Array {
  if (ends.length === 0 || (ids.length > 0 && ends.includes(ids.at(-1)!))) return ids;
  return Int32Array.from([...ids, ends[0]!]);
}
