import { HyperfitError } from '../errors.ts';
import { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { ModelFiles } from './model-files.ts';

/** Work with ids must not fail for a tokenizer it does not need: the refusal is kept until text is asked for. */
export async function tokenizerOrError({ tokenizer }: ModelFiles): Promise<Tokenizer | HyperfitError | undefined> {
  try {
    return tokenizer && (await Tokenizer.fromFiles(tokenizer));
  } catch (error) {
    if (error instanceof HyperfitError && error.code === 'ERR_TOKENIZER') return error;
    throw error;
  }
}
