import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HyperfitError } from '../errors.ts';
import { configuredTemplate } from './chat-template.ts';
import { rebuildTokenizer } from './gguf-tokenizer.ts';
import type { Metadata } from './metadata.ts';

/** Where the tokenizer of a model comes from. Nothing is read before a tokenizer is made of it. */
export type TokenizerFiles = { kind: 'folder'; folder: string } | { kind: 'gguf'; path: string; metadata: Metadata };

export const TOKENIZER_FILE = 'tokenizer.json';
const CONFIG_FILE = 'tokenizer_config.json';
const MAP_FILE = 'special_tokens_map.json';
export const TEMPLATE_FILE = 'chat_template.jinja';
/** Saved again as they were, when they were there. */
const COMPANIONS = [CONFIG_FILE, MAP_FILE, 'added_tokens.json', TEMPLATE_FILE, 'vocab.json', 'merges.txt', 'tokenizer.model'];

/** The contents of a tokenizer's files. */
export interface TokenizerContents {
  tokenizerJson: string;
  /** File name -> bytes of everything beside tokenizer.json. */
  companions: ReadonlyMap<string, Buffer>;
  /** What tokenizer_config.json and special_tokens_map.json say, {} without them. */
  config: Readonly<Record<string, unknown>>;
  /** Ids that GGUF metadata name; folders name the tokens in `config` instead. */
  bosTokenId: number | undefined;
  eosTokenIds: readonly number[];
  /** Tokens that are no UTF-8, by id. */
  rawTokens: ReadonlyMap<number, Uint8Array>;
  /** Jinja. */
  chatTemplate: string | undefined;
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
  // Older files name special tokens in a map of their own; what the configuration says goes before.
  const config = { ...parseJson(companions.get(MAP_FILE), join(folder, MAP_FILE)), ...parseJson(companions.get(CONFIG_FILE), join(folder, CONFIG_FILE)) };
  const chatTemplate = companions.get(TEMPLATE_FILE)?.toString('utf8') ?? configuredTemplate(config['chat_template']);
  return { tokenizerJson, companions, config, bosTokenId: undefined, eosTokenIds: [], rawTokens: new Map(), chatTemplate, name };
}

function parseJson(bytes: Buffer | undefined, path: string): Readonly<Record<string, unknown>> {
  try {
    return bytes === undefined ? {} : (JSON.parse(bytes.toString('utf8')) as Record<string, unknown>);
  } catch (cause) {
    throw new HyperfitError('ERR_TOKENIZER', `expected JSON in ${path}, got text that does not parse; fetch the file again`, { cause });
  }
}

/** A token of tokenizer_config.json, as text or as an object with its `content`. */
export function tokenContent(value: unknown): string | undefined {
  const token = typeof value === 'object' && value !== null ? (value as { content?: unknown }).content : value;
  return typeof token === 'string' ? token : undefined;
}

/** `bos_token`, `eos_token`, ... as chat templates use them. */
export function specialTokensOf({ config }: Pick<TokenizerContents, 'config'>): Record<string, string> {
  const named = Object.entries(config).map(([key, value]) => [key, tokenContent(value)] as const);
  return Object.fromEntries(named.filter((pair): pair is readonly [string, string] => pair[0].endsWith('_token') && pair[1] !== undefined));
}

function rebuild(path: string, metadata: Metadata): TokenizerContents {
  const { tokenizer, config, ...ids } = rebuildTokenizer(metadata, path);
  const companions = new Map([[CONFIG_FILE, Buffer.from(`${JSON.stringify(config, null, 2)}\n`)]]);
  return { tokenizerJson: tokenizer, companions, config, ...ids, chatTemplate: configuredTemplate(config['chat_template']), name: path };
}
