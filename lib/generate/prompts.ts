import { HyperfitError } from '../errors.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';

/** A context: text, or token ids as they stand. */
export type Prompt = string | Int32Array | readonly number[];

/**
 * Token ids of each prompt.
 * @throws HyperfitError ERR_TOKENIZER for text without a tokenizer, ERR_DATA for no prompts or an empty one
 */
export async function encodePrompts(prompts: readonly Prompt[], tokenizer: Tokenizer | undefined, addSpecialTokens: boolean): Promise<Int32Array[]> {
  if (prompts.length === 0) throw new HyperfitError('ERR_DATA', 'expected at least one prompt for `prompts`, got none');
  const encoded = await Promise.all(prompts.map((prompt) => encodePrompt(prompt, tokenizer, addSpecialTokens)));
  const empty = encoded.findIndex((ids) => ids.length === 0);
  if (empty >= 0) {
    throw new HyperfitError('ERR_DATA', `expected at least one token in every prompt, got none in prompt ${empty}; this model adds no start token, so give it some text`);
  }
  return encoded;
}

async function encodePrompt(prompt: Prompt, tokenizer: Tokenizer | undefined, addSpecialTokens: boolean): Promise<Int32Array> {
  if (typeof prompt !== 'string') return Int32Array.from(prompt);
  if (tokenizer === undefined) {
    throw new HyperfitError('ERR_TOKENIZER', 'expected token ids for `prompts`, got text; the model folder holds no tokenizer.json, so give ids or add that file');
  }
  return tokenizer.encode(prompt, { addSpecialTokens });
}
