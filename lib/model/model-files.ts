import { join, resolve } from 'node:path';
import { HyperfitError } from '../errors.ts';
import type { ModelConfig, TensorSource } from '../addon-types.ts';
import { readdir, stat } from '../file-system.ts';
import { nameHint } from '../hub/hub-name.ts';
import { locateModel, type LocateOptions } from '../hub/locate.ts';
import { configuredTemplate } from '../tokenizer/chat-template.ts';
import { readTextFile } from '../regular-file.ts';
import { TEMPLATE_FILE, type TokenizerFiles } from '../tokenizer/tokenizer-files.ts';
import { readGgufTokenIds } from '../tokenizer/gguf-tokenizer.ts';
import { metadataString } from '../tokenizer/metadata.ts';
import { readConfigJson } from './config.ts';
import { ggufArchitecture, readGgufConfig } from './gguf-config.ts';
import { ggufSources } from './gguf-names.ts';
import { readGgufParts } from './gguf-parts.ts';
import { resolveRopeFrequencies } from './gguf-rope.ts';
import { textHalf } from './config-gemma3.ts';
import { GENERATION_FILE, makeGenerationConfig, noteGenerationDefaults, readGenerationTokens } from './generation-config.ts';
import { parseJsonObject } from './json.ts';
import type { JsonObject } from './json.ts';
import { clip } from './render.ts';
import { readSafetensorsSources } from './safetensors.ts';
import { readShardedSources, SHARD_INDEX } from './shards.ts';
import { selectSources } from './sources.ts';

const WEIGHTS = 'model.safetensors';
/** What models of images say about those. */
export const PREPROCESSOR_FILE = 'preprocessor_config.json';
/** `tokenizer.ggml.model` of GGUF files without a vocabulary. */
const NO_TOKENIZER: readonly unknown[] = [undefined, 'no_vocab', 'none'];
const PICKLES = /\.(bin|pt|pth|ckpt|pkl)$/;

/** Everything about a model but its weights, and where those stand. */
export interface ModelFiles {
  /** Absolute path of the folder or file. */
  path: string;
  /** A Hugging Face folder, or a GGUF file. */
  format: 'huggingface' | 'gguf';
  /** Its settings, checked. */
  config: ModelConfig;
  /** Exactly the parameters of `config`, in Hugging Face's order and under its names. */
  sources: TensorSource[];
  /** Undefined where there is none: ids work, text does not. */
  tokenizer: TokenizerFiles | undefined;
  /** Ids that end a text. */
  eosTokenIds: number[];
  /** Id that begins a text; undefined for none. */
  bosTokenId: number | undefined;
  /** Jinja. */
  chatTemplate: string | undefined;
  /** config.json as it stands, of a Hugging Face folder. */
  rawConfig: JsonObject | undefined;
  /** generation_config.json as it stands; made of the ids above for a GGUF file; undefined where there is none. */
  generationConfig: JsonObject | undefined;
  /** preprocessor_config.json, which models of images have. */
  preprocessor: JsonObject | undefined;
  /** What is worth knowing of how the files were read: each a sentence. */
  notes: readonly string[];
}

/**
 * Reads all headers of the model at `path`: a Hugging Face folder, a .gguf file, or what `locateModel` finds or fetches for a name of the
 * hub. No weights are read.
 * @throws HyperfitError ERR_MODEL_FILES, ERR_SAFETENSORS, ERR_GGUF, ERR_UNSUPPORTED_MODEL; ERR_FETCH for a name
 */
export async function openModelFiles(path: string, options: LocateOptions = {}): Promise<ModelFiles> {
  const absolute = resolve(await locateModel(path, options));
  const status = await stat(absolute).catch((cause: NodeJS.ErrnoException) => {
    const problem = cause.code === 'ENOENT' || cause.code === 'ENOTDIR' ? 'is not there' : 'cannot be read';
    throw new HyperfitError(
      'ERR_MODEL_FILES',
      `expected a model folder or a .gguf file for \`model\`, got ${path}, which ${problem}; check the path${nameHint(path)}`,
      { cause },
    );
  });
  if (status.isDirectory()) return openFolder(absolute);
  if (/\.gguf$/i.test(absolute)) return openGguf(absolute);
  if (PICKLES.test(absolute)) refusePickle(absolute);
  throw new HyperfitError(
    'ERR_MODEL_FILES',
    `expected a model folder or a .gguf file for \`model\`, got ${path}; give the folder that holds config.json`,
  );
}

function refusePickle(path: string): never {
  throw new HyperfitError(
    'ERR_MODEL_FILES',
    `expected safetensors or GGUF weights, got ${path}, a pickle, which can run code and is never read; convert it with transformers: AutoModelForCausalLM.from_pretrained(folder).save_pretrained(folder, safe_serialization=True)`,
  );
}

async function openFolder(path: string): Promise<ModelFiles> {
  const files = await readdir(path);
  requireFiles(path, files);
  const notes: string[] = [];
  const rawConfig = await readJson(join(path, 'config.json'));
  const config = readConfigJson(rawConfig, join(path, 'config.json'), (note) => notes.push(note));
  const generationConfig = files.includes(GENERATION_FILE) ? await readJson(join(path, GENERATION_FILE)) : undefined;
  const sources = files.includes(WEIGHTS) ? await readSafetensorsSources(join(path, WEIGHTS)) : await readShardedSources(path);
  const selected = await selectSources(sources, config, path);
  const tokens = readGenerationTokens(generationConfig ?? {}, textHalf(rawConfig, join(path, 'config.json')));
  return {
    path,
    format: 'huggingface',
    config: selected.config,
    sources: selected.sources,
    tokenizer: files.includes('tokenizer.json') ? { kind: 'folder', folder: path } : undefined,
    eosTokenIds: tokens.eosTokenIds,
    bosTokenId: tokens.bosTokenId,
    chatTemplate: await readChatTemplate(path, files),
    // What the file made of it, so that the model is saved as it is.
    rawConfig: selected.config === config ? rawConfig : { ...rawConfig, tie_word_embeddings: selected.config.tieWordEmbeddings },
    generationConfig,
    preprocessor: files.includes(PREPROCESSOR_FILE) ? await readJson(join(path, PREPROCESSOR_FILE)) : undefined,
    notes: [...notes, ...selected.notes, ...tokens.notes, ...noteGenerationDefaults(generationConfig ?? {})],
  };
}

function requireFiles(path: string, files: readonly string[]): void {
  const adapter = files.find((file) => file === 'adapter_config.json' || file.startsWith('adapter_model.'));
  if (adapter !== undefined) refuseAdapter(path, adapter);
  const hasWeights = files.includes(WEIGHTS) || files.includes(SHARD_INDEX);
  if (files.includes('config.json') && hasWeights) return;
  const gguf = files.find((file) => /\.gguf$/i.test(file));
  if (gguf !== undefined)
    throw new HyperfitError('ERR_MODEL_FILES', `expected config.json and ${WEIGHTS} in ${path}, got ${gguf}; give the path of that file`);
  const pickle = files.find((file) => PICKLES.test(file));
  if (!hasWeights && pickle !== undefined) refusePickle(join(path, pickle));
  const other = files.filter((file) => file.endsWith('.safetensors'));
  if (!hasWeights && other.length > 0) refuseOtherWeights(path, other);
  const missing = [...(files.includes('config.json') ? [] : ['config.json']), ...(hasWeights ? [] : [`${WEIGHTS} (or ${SHARD_INDEX})`])];
  throw new HyperfitError(
    'ERR_MODEL_FILES',
    `expected ${missing.join(' and ')} in ${path}, got none; give the folder of a Hugging Face model, or fetch the missing files`,
  );
}

/** Shards without their index, Mistral's own file, names that somebody made up. */
function refuseOtherWeights(path: string, [first = '', ...rest]: readonly string[]): never {
  const remedy = first.includes('-of-') ? `fetch ${SHARD_INDEX} too` : `give it that name, if it is the weights of a Hugging Face model`;
  throw new HyperfitError(
    'ERR_MODEL_FILES',
    `expected ${WEIGHTS} (or ${SHARD_INDEX}) in ${path}, got ${clip(first)}${rest.length > 0 ? ` and ${rest.length} more` : ''}; ${remedy}`,
  );
}

/** transformers would load the model that it names and lay the adapter over it. */
function refuseAdapter(path: string, file: string): never {
  throw new HyperfitError(
    'ERR_MODEL_FILES',
    `expected a whole model in ${path}, got ${file} of a PEFT adapter; give its base as the model and this folder as \`adapter\`, or merge it: AutoPeftModelForCausalLM.from_pretrained(folder).merge_and_unload().save_pretrained(whole)`,
  );
}

async function readJson(path: string): Promise<JsonObject> {
  return parseJsonObject(await readTextFile(path, 'ERR_MODEL_FILES'), path, 'ERR_MODEL_FILES');
}

async function readChatTemplate(path: string, files: readonly string[]): Promise<string | undefined> {
  if (files.includes(TEMPLATE_FILE)) return readTextFile(join(path, TEMPLATE_FILE), 'ERR_MODEL_FILES');
  if (!files.includes('tokenizer_config.json')) return undefined;
  return configuredTemplate((await readJson(join(path, 'tokenizer_config.json')))['chat_template']);
}

async function openGguf(path: string): Promise<ModelFiles> {
  const { metadata, tensors } = await readGgufParts(path);
  const config = await resolveRopeFrequencies(tensors, readGgufConfig(metadata, tensors, path), metadata);
  const selected = await selectSources(ggufSources(tensors, config, ggufArchitecture(metadata, path).layout), config, path);
  const tokens = readGgufTokenIds(metadata, path);
  return {
    path,
    format: 'gguf',
    config: selected.config,
    sources: selected.sources,
    tokenizer: NO_TOKENIZER.includes(metadata.get('tokenizer.ggml.model')) ? undefined : { kind: 'gguf', path, metadata },
    ...tokens,
    chatTemplate: metadataString(metadata, 'tokenizer.chat_template'),
    rawConfig: undefined,
    generationConfig: makeGenerationConfig(tokens.bosTokenId, tokens.eosTokenIds),
    preprocessor: undefined,
    notes: selected.notes,
  };
}
