import { join } from 'node:path';
import { readRegularFile } from '../regular-file.ts';

/**
 * What a folder holds beside weights and configuration that transformers reads when it loads tokenizer or processor. Licences are
 * among them, since terms travel with weights.
 */
export const COMPANIONS: readonly string[] = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'chat_template.jinja',
  'chat_template.json',
  'vocab.json',
  'merges.txt',
  'tokenizer.model',
  'spiece.model',
  'preprocessor_config.json',
  'processor_config.json',
  'LICENSE',
  'LICENSE.txt',
  'NOTICE',
  'USE_POLICY.md',
];

/** Name -> bytes of every such file of `folder`. One that cannot be read is none. */
export async function readCompanions(folder: string): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  for (const name of COMPANIONS) {
    const bytes = await readRegularFile(join(folder, name));
    if (bytes !== undefined) found.set(name, bytes);
  }
  return found;
}
