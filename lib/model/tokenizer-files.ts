import { HyperfitError } from '../errors.ts';
import { Tokenizer } from '../tokenizer/tokenizer.ts';
import { openModelFiles } from './model-files.ts';

/**
 * The tokenizer of the model at `path` (a Hugging Face folder or a .gguf file), without its weights.
 * @throws HyperfitError ERR_TOKENIZER when there is none, and as `openModelFiles`
 */
export async function loadTokenizer(path: string): Promise<Tokenizer> {
  const { tokenizer } = await openModelFiles(path);
  if (tokenizer) return Tokenizer.fromFiles(tokenizer);
  throw new HyperfitError('ERR_TOKENIZER', `expected tokenizer.json in ${path}, got none; add that file, or work with token ids`);
}
