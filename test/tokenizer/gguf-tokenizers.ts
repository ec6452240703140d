import { join } from 'node:path';
import { readGgufHeader } from '../../lib/model/gguf.ts';
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts';

export async function loadTokenizerOfGguf(path: string): Promise<Tokenizer> {
  const { metadata } = await readGgufHeader(path);
  return Tokenizer.fromFiles({ kind: 'gguf', path, metadata });
}

/** One of the tiny tokenizers of scripts/fixtures/file_tokenizers.py. */
export function loadTinyTokenizer(kind: string): Promise<Tokenizer> {
  return loadTokenizerOfGguf(join(__dirname, '..', 'fixtures', 'files', `tokenizer-${kind}.gguf`));
}
