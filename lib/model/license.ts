import { join } from 'node:path';
import { readRegularFile } from '../regular-file.ts';
import { metadataString } from '../tokenizer/metadata.ts';
import type { ModelFiles } from './model-files.ts';

/**
 * Licence of a model as the hub spells it, from the card that lies beside it or from the metadata of a GGUF file; undefined where neither
 * says.
 */
export async function readLicense({ path, format, tokenizer }: ModelFiles): Promise<string | undefined> {
  if (format === 'gguf') return tokenizer?.kind === 'gguf' ? plain(metadataString(tokenizer.metadata, 'general.license')) : undefined;
  const card = (await readRegularFile(join(path, 'README.md')))?.toString('utf8') ?? '';
  const [, front = ''] = /^---\r?\n([\s\S]*?)\r?\n---/.exec(card.slice(0, MOST_CARD)) ?? [];
  const license = plain(/^license:[ \t]*["']?([\w.+-]+)["']?[ \t]*$/m.exec(front)?.[1]);
  return license === 'unknown' ? undefined : license;
}

const MOST_CARD = 65536;

/** A name, not a text. */
function plain(license: string | undefined): string | undefined {
  return license !== undefined && /^[\w.+-]{1,64}$/.test(license) ? license : undefined;
}
