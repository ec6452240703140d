import { join, resolve } from 'node:path';
import { HyperfitError } from '../errors.ts';
import { stat } from '../file-system.ts';
import { locateModel } from '../hub/locate.ts';
import { Tokenizer } from '../tokenizer/tokenizer.ts';
import { TOKENIZER_FILE } from '../tokenizer/tokenizer-files.ts';
import { readGgufParts } from './gguf-parts.ts';
import { openModelFiles } from './model-files.ts';

/**
 * The tokenizer of the model at `path` (a Hugging Face folder, a .gguf file, or a name of the hub), without its weights: there need not be
 * any.
 * @throws HyperfitError ERR_TOKENIZER when there is none, and as `openModelFiles`
 */
export async function loadTokenizer(path: string): Promise<Tokenizer> {
  const absolute = resolve(await locateModel(path));
  if (/\.gguf$/i.test(absolute) && (await isFile(absolute))) {
    const { metadata } = await readGgufParts(absolute);
    if (metadata.has('tokenizer.ggml.tokens')) return Tokenizer.fromFiles({ kind: 'gguf', path: absolute, metadata });
  } else if (await isFile(join(absolute, TOKENIZER_FILE))) {
    return Tokenizer.fromFiles({ kind: 'folder', folder: absolute });
  } else {
    await openModelFiles(path);
  }
  throw new HyperfitError('ERR_TOKENIZER', `expected ${TOKENIZER_FILE} in ${path}, got none; add that file, or work with token ids`);
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (status) => status.isFile(),
    () => false,
  );
}
