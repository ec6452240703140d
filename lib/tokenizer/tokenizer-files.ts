import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HyperfitError } from '../errors.ts';
import { rebuildTokenizer } from './gguf-tokenizer.ts';
import type { Metadata } from './metadata.ts';

/** Where the tokenizer of a model comes from. Nothing is read before a tokenizer is made of it. */
export type TokenizerFiles = { kind: 'folder'; folder: string } | { kind: 'gguf'; path: string; metadata: Metadata };

export const TOKENIZER_FILE = 'tokenizer.json';
const CONFIG_FILE = 'tokenizer_config.json';
/** Saved again as they were, when they were there. */
const COMPANIONS = [CONFIG_FILE, 'special_tokens_map.json', 'added_tokens.json', 'chat_template.jinja', 'vocab.json', 'merges.txt', 'tokenizer.model'];

/** The contents of a tokenizer's files. */
export interface TokenizerContents {
  tokenizerJson: string;
  /** File name -> bytes of everything beside tokenizer.json. */
  companions: ReadonlyMap<string, Buffer>;
  /** What tokenizer_config.json says, {} without one. */
  config: Readonly<Record<string, unknown>>;
  /** Ids that GGUF metadata name; folders name the tokens in `config` instead. */
  bosTokenId: number | undefined;
  eosTokenIds: readonly number[];
  /** For messages. */
  name: string;
}

/** @throws HyperfitError ERR_TOKENIZER */
export async function readTokenizerFiles(files: TokenizerFiles): Promise<TokenizerContents> {
  return files.kind === 'folder' ? readFolder(files.folder) : rebuild(files.path, files.metadata);
}

async function readFolder(folder: string): Promise<TokenizerContents> {
  const name = join(folder, TOKENIZER_FILE);
  const tokenizerJson = await readFile(name, 'utf8').catch((cause: unknown) => {
    throw new HyperfitError('ERR_TOKENIZER', `expected ${TOKENIZER_FILE} in ${folder}, got none that can be read; add it, or work with token ids`, { cause });
  });
  const companions = new Map<string, Buffer>();
  for (const file of COMPANIONS) {
    const bytes = await readFile(join(folder, file)).catch(() => undefined);
    if (bytes !== undefined) companions.set(file, bytes);
  }
  return { tokenizerJson, companions, config: parseConfig(companions.get(CONFIG_FILE), folder), bosTokenId: undefined, eosTokenIds: [], name };
}

function parseConfig(bytes: Buffer | undefined, folder: string): Readonly<Record<string, unknown>> {
  try {
    return bytes === undefined ? {} : (JSON.parse(bytes.toString('utf8')) as Record<string, unknown>);
  } catch (cause) {
    throw new HyperfitError('ERR_TOKENIZER', `expected JSON in ${join(folder, CONFIG_FILE)}, got text that does not parse; fetch the file again`, { cause });
  }
}

function rebuild(path: string, metadata: Metadata): TokenizerContents {
  const { tokenizer, config, bosTokenId, eosTokenIds } = rebuildTokenizer(metadata, path);
  const companions = new Map([[CONFIG_FILE, Buffer.from(`${JSON.stringify(config, null, 2)}\n`)]]);
  return { tokenizerJson: tokenizer, companions, config, bosTokenId, eosTokenIds, name: path };
}
