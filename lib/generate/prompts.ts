import { HyperfitError } from '../errors.ts';
import { encodePrompt as encodeText } from '../tokenizer/surroundings.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { idListProblem, isList, shown } from './check-ids.ts';

/** A context: text, or token ids as they stand. */
export type Prompt = string | Int32Array | readonly number[];

/** Of a model, what reading prompts needs. */
export interface PromptReader {
  readonly tokenizer: Tokenizer | undefined;
  readonly config: { readonly vocabSize: number };
}

/**
 * Token ids of each prompt.
 * @throws HyperfitError ERR_TOKENIZER for text without a tokenizer, ERR_DATA for no prompts, an empty one, and what is neither text nor ids
 * of the
 *   model's vocabulary
 */
export async function encodePrompts(prompts: readonly Prompt[], model: PromptReader, addSpecialTokens: boolean): Promise<Int32Array[]> {
  if (!Array.isArray(prompts))
    throw new HyperfitError('ERR_DATA', `expected a list of prompts for \`prompts\`, got ${shown(prompts)}; write [prompt]`);
  if (prompts.length === 0) throw new HyperfitError('ERR_DATA', 'expected at least one prompt for `prompts`, got none');
  const encoded = await Promise.all(Array.from(prompts, (prompt, index) => encodePrompt(prompt, index, model, addSpecialTokens)));
  const empty = encoded.findIndex((ids) => ids.length === 0);
  if (empty >= 0) {
    throw new HyperfitError(
      'ERR_DATA',
      `expected at least one token in every prompt, got none in prompt ${empty}; this model adds no start token, so give it some text`,
    );
  }
  return encoded;
}

async function encodePrompt(
  prompt: Prompt,
  index: number,
  { tokenizer, config }: PromptReader,
  addSpecialTokens: boolean,
): Promise<Int32Array> {
  if (typeof prompt !== 'string') return checkedIds(prompt, index, config.vocabSize);
  if (tokenizer === undefined) {
    throw new HyperfitError(
      'ERR_TOKENIZER',
      'expected token ids for `prompts`, got text; the model folder holds no tokenizer.json, so give ids or add that file',
    );
  }
  return addSpecialTokens ? encodeText(prompt, tokenizer) : tokenizer.encode(prompt, { addSpecialTokens });
}

function checkedIds(prompt: Int32Array | readonly number[], index: number, vocabSize: number): Int32Array {
  if (!isList(prompt)) throw new HyperfitError('ERR_DATA', `expected text or token ids for prompt ${index}, got ${shown(prompt)}`);
  const problem = idListProblem(`prompts[${index}]`, prompt);
  if (problem !== undefined) throw new HyperfitError('ERR_DATA', problem);
  const beyond = prompt.find((id) => id >= vocabSize);
  if (beyond !== undefined) {
    throw new HyperfitError(
      'ERR_DATA',
      `expected ids below the vocabulary size ${vocabSize} in \`prompts[${index}]\`, got ${beyond}; use this model's tokenizer`,
    );
  }
  return Int32Array.from(prompt);
}
