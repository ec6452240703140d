import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { HyperfitError } from '../errors.ts';
import { configuredTemplate, namedTemplate } from './chat-template.ts';
import { configureTokenizer } from './configured-tokenizer.ts';
import type { ConfiguredTokenizer, TokenizerFolder } from './configured-tokenizer.ts';
import { rebuildTokenizer } from './gguf-tokenizer.ts';
import type { Metadata } from './metadata.ts';
import { readRegularFile, readTextFile } from '../regular-file.ts';

/** Where the tokenizer of a model comes from. Nothing is read before a tokenizer is made of it. */
export type TokenizerFiles = { kind: 'folder'; folder: string } | { kind: 'gguf'; path: string; metadata: Metadata };

export const TOKENIZER_FILE = 'tokenizer.json';
const CONFIG_FILE = 'tokenizer_config.json';
const MAP_FILE = 'special_tokens_map.json';
const ADDED_FILE = 'added_tokens.json';
export const TEMPLATE_FILE = 'chat_template.jinja';
/** Saved again as they were, when they were there. */
const COMPANIONS = [CONFIG_FILE, MAP_FILE, ADDED_FILE, TEMPLATE_FILE, 'vocab.json', 'merges.txt', 'tokenizer.model'];

/** The contents of a tokenizer's files. */
export interface TokenizerContents extends Omit<ConfiguredTokenizer, 'text'> {
  /** tokenizer.json as it was, to be saved again. */
  tokenizerJson: string;
  /** A tokenizer.json that says alone what all files say. */
  effectiveJson: string;
  /** File name -> bytes of everything beside tokenizer.json. */
  companions: ReadonlyMap<string, Buffer>;
  /** Ids that GGUF metadata name; folders name the tokens in `named` instead. */
  bosTokenId: number | undefined;
  eosTokenIds: readonly number[];
  /** Tokens that are no UTF-8, by id. */
  rawTokens: ReadonlyMap<number, Uint8Array>;
  /** Jinja. */
  chatTemplate: string | undefined;
  /** For dialogues with tools, where the model has a template of its own for them. */
  toolTemplate: string | undefined;
  /** For messages. */
  name: string;
}

/** @throws HyperfitError ERR_TOKENIZER */
export async function readTokenizerFiles(files: TokenizerFiles): Promise<TokenizerContents> {
  return files.kind === 'folder' ? readFolder(files.folder) : rebuild(files.path, files.metadata);
}

async function readFolder(folder: string): Promise<TokenizerContents> {
  const name = join(folder, TOKENIZER_FILE);
  if (!existsSync(name))
    throw new HyperfitError('ERR_TOKENIZER', `expected ${TOKENIZER_FILE} in ${folder}, got none; add it, or work with token ids`);
  const tokenizerJson = await readTextFile(name, 'ERR_TOKENIZER');
  const companions = new Map<string, Buffer>();
  for (const file of COMPANIONS) {
    const bytes = await readRegularFile(join(folder, file));
    if (bytes !== undefined) companions.set(file, bytes);
  }
  const parse = (file: string) =>
    companions.has(file) ? parseJson(companions.get(file)!.toString('utf8'), join(folder, file)) : undefined;
  const config = parse(CONFIG_FILE);
  const contents = {
    tokenizer: parseJson(tokenizerJson, name),
    text: tokenizerJson,
    config,
    map: parse(MAP_FILE),
    added: parse(ADDED_FILE),
    model: await readModel(folder),
    name: folder,
  };
  const { text, ...configured } = configureTokenizer(contents);
  const chatTemplate = companions.get(TEMPLATE_FILE)?.toString('utf8') ?? configuredTemplate(config?.['chat_template']);
  const toolTemplate = companions.has(TEMPLATE_FILE) ? undefined : namedTemplate(config?.['chat_template'], 'tool_use');
  const ids = { bosTokenId: undefined, eosTokenIds: [], rawTokens: new Map<number, Uint8Array>() };
  return { tokenizerJson, effectiveJson: text, companions, ...configured, ...ids, chatTemplate, toolTemplate, name };
}

/** What of config.json a tokenizer goes by; there need not be one. */
async function readModel(folder: string): Promise<TokenizerFolder['model']> {
  const path = join(folder, 'config.json');
  const text = (await readRegularFile(path))?.toString('utf8') ?? '{}';
  const { model_type: modelType, tokenizer_class: tokenizerClass } = parseJson(text, path);
  return { modelType, tokenizerClass };
}

function parseJson(text: string, path: string): Readonly<Record<string, unknown>> {
  const value = parse(text.replace(/^\ufeff/, ''), path);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>;
  throw new HyperfitError('ERR_TOKENIZER', `expected a JSON object in ${path}, got ${text.slice(0, 40)}; fetch the file again`);
}

function parse(text: string, path: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new HyperfitError('ERR_TOKENIZER', `expected JSON in ${path}, got text that does not parse; fetch the file again`, { cause });
  }
}

function rebuild(path: string, metadata: Metadata): TokenizerContents {
  const { tokenizer: text, config, ...ids } = rebuildTokenizer(metadata, path);
  const companions = new Map([[CONFIG_FILE, Buffer.from(`${JSON.stringify(config, null, 2)}\n`)]]);
  const model = { modelType: undefined, tokenizerClass: undefined };
  const folder = { tokenizer: parseJson(text, path), text, config, map: undefined, added: undefined, model, name: path };
  const { text: effectiveJson, ...configured } = configureTokenizer(folder);
  const templates = {
    chatTemplate: configuredTemplate(config['chat_template']),
    toolTemplate: namedTemplate(config['chat_template'], 'tool_use'),
  };
  return { tokenizerJson: text, effectiveJson, companions, ...configured, ...ids, ...templates, name: path };
}
