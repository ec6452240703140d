import { assignIds, contentOf, readAddedToken, specialToken, tokenKey } from './added-tokens.ts';
import type { AddedToken } from './added-tokens.ts';
import { CLASS_PIPELINES } from './class-pipelines.ts';
import type { ClassPipeline, NamedDefaults } from './class-pipelines.ts';
import type { JsonPart } from './pre-tokenizers.ts';
import { refuseTokenizer } from './refuse-tokenizer.ts';
import { readSpecialTokens } from './special-tokens.ts';
import type { JsonFile, NamedToken, SpecialTokens } from './special-tokens.ts';
import { templateProcessing } from './template-processing.ts';
import { resolveClass } from './tokenizer-classes.ts';
import { checkTokenizer } from './tokenizer-limits.ts';

/** The files of a tokenizer's folder, read. */
export interface TokenizerFolder {
  /** tokenizer.json, and its text. */
  tokenizer: JsonFile;
  text: string;
  config: JsonFile | undefined;
  map: JsonFile | undefined;
  added: JsonFile | undefined;
  /** `model_type` and `tokenizer_class` of config.json. */
  model: { modelType: unknown; tokenizerClass: unknown };
  name: string;
}

/** A tokenizer.json that alone says what all files of a folder say together. */
export interface ConfiguredTokenizer {
  text: string;
  /** `bos_token`, `eos_token`, ... */
  named: Readonly<Record<string, string>>;
  /** Special tokens written out in a text are text. */
  splitSpecialTokens: boolean;
  /** Spaces before punctuation go when ids become text. */
  cleanUpSpaces: boolean;
  /** UTF-16 units of text that may be encoded at once. */
  mostUnits: number;
}

/**
 * What transformers 5.17 makes of the files of a tokenizer's folder: its class's pipeline, the tokens that they name, and
 * how special tokens count.
 * @throws HyperfitError ERR_TOKENIZER naming the key for values that transformers refuses, and for classes that are not known
 */
export function configureTokenizer(folder: TokenizerFolder): ConfiguredTokenizer {
  const { tokenizer, name, config = {} } = folder;
  const mostUnits = checkTokenizer(tokenizer, name);
  const sources = {
    modelType: folder.model.modelType,
    tokenizerClass: config['tokenizer_class'],
    modelsTokenizerClass: folder.model.tokenizerClass,
    autoMap: config['auto_map'],
  };
  const kind = resolveClass(sources, name);
  const keepsFile = kind === 'LlamaTokenizer' && isByteLevel(tokenizer);
  const pipeline = kind === 'file' || keepsFile ? undefined : CLASS_PIPELINES[kind];
  const fileTokens = readFileTokens(tokenizer, name);
  const present = pipeline === undefined ? [...fileTokens.values()] : [];
  const special = readSpecialTokens(
    { config: folder.config, map: folder.map, added: folder.added, ofTokenizer: fileTokens, name },
    withPadding(pipeline?.defaults ?? {}, tokenizer),
  );
  const added = [...present, ...tokensToAdd(special, present, pipeline)];
  const parts = pipeline === undefined ? fileParts(folder, keepsFile, special, added) : rebuiltParts(folder, pipeline, special, added);
  const type = (tokenizer['model'] as { type?: unknown } | undefined)?.type;
  return {
    text: isUnchanged(parts, present, added)
      ? folder.text
      : JSON.stringify({ ...tokenizer, ...parts, truncation: null, padding: null, added_tokens: renderAdded(added) }),
    named: Object.fromEntries([...special.named].map(([key, token]) => [key, contentOf(token)])),
    splitSpecialTokens: readFlag(config, 'split_special_tokens', name) ?? false,
    cleanUpSpaces: (readFlag(config, 'clean_up_tokenization_spaces', name) ?? false) && (type !== 'BPE' || config[CORRUPTING_KEY] === true),
    mostUnits,
  };
}

function isUnchanged(parts: JsonFile, present: readonly AddedToken[], added: readonly AddedToken[]): boolean {
  const keys = new Set(present.map(tokenKey));
  return Object.keys(parts).length === 0 && added.every((token) => keys.has(tokenKey(token)));
}

const CORRUPTING_KEY = 'clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output';

function readFlag(config: JsonFile, key: string, name: string): boolean | null | undefined {
  const value = config[key];
  if (value === undefined || value === null || typeof value === 'boolean') return value;
  return refuseTokenizer(name, `true or false for \`${key}\``, JSON.stringify(value).slice(0, 60));
}

function readFileTokens(tokenizer: JsonFile, name: string): Map<number, AddedToken> {
  const list = tokenizer['added_tokens'] ?? [];
  if (!Array.isArray(list)) return refuseTokenizer(name, 'a list for `added_tokens`', JSON.stringify(list).slice(0, 60));
  return new Map(
    list.map((value: unknown, index) => {
      const token =
        readAddedToken(value, `\`added_tokens\` ${index}`, name) ??
        refuseTokenizer(name, 'tokens with `content` for `added_tokens`', JSON.stringify(value).slice(0, 60));
      return [Number((value as { id?: unknown }).id ?? index), token] as const;
    }),
  );
}

/** The padding of a tokenizer.json names its token, where nothing else does. */
function withPadding(defaults: NamedDefaults, tokenizer: JsonFile): NamedDefaults {
  const token = (tokenizer['padding'] as { pad_token?: unknown } | null | undefined)?.pad_token;
  return typeof token === 'string' && !('pad_token' in defaults) ? { ...defaults, pad_token: token } : defaults;
}

/** What transformers adds to a tokenizer that holds `present`, in its order. */
function tokensToAdd(
  { decoder, named, extra }: SpecialTokens,
  present: readonly AddedToken[],
  pipeline: ClassPipeline | undefined,
): AddedToken[] {
  const known = new Set([...present, ...decoder].map(({ content }) => content));
  const tokens: NamedToken[] = [...decoder];
  const keys = new Set(tokens.map(tokenKey));
  for (const token of [...named.values(), ...extra]) {
    if (known.has(contentOf(token)) || keys.has(tokenKey(token))) continue;
    keys.add(tokenKey(token));
    tokens.push(token);
  }
  const names = new Set([...named.values()].map(contentOf));
  const added = tokens.map((token) =>
    typeof token === 'string' ? specialToken(token) : { ...token, special: token.special || names.has(token.content) },
  );
  if (pipeline?.addsAgain === undefined) return added;
  const isPlain = pipeline.addsAgain === 'plain';
  return [
    ...added,
    ...[...named.values(), ...extra].map((token) =>
      isPlain || typeof token === 'string' ? specialToken(contentOf(token)) : { ...token, special: true },
    ),
  ];
}

function renderAdded(tokens: readonly AddedToken[]): JsonPart[] {
  return tokens.map((token, id) => ({ id, ...token, normalized: token.normalized ?? !token.special }));
}

/** Whether the pre-tokenizer works on GPT-2's alphabet. */
function isByteLevel(tokenizer: JsonFile): boolean {
  return hasType(tokenizer['pre_tokenizer'], 'ByteLevel', 'pretokenizers') || hasType(tokenizer['decoder'], 'ByteLevel', 'decoders');
}

function hasType(part: unknown, type: string, list: string): boolean {
  if (typeof part !== 'object' || part === null) return false;
  const { type: own, [list]: parts } = part as Readonly<Record<string, unknown>>;
  return own === type || (Array.isArray(parts) && parts.some((each) => hasType(each, type, list)));
}

/**
 * tokenizer.json as it stands. Under the name of Llama's class a byte-level file (DeepSeek, R1's distillates) gets the BOS that its models
 * were trained with, as that class put it when those were published; transformers 5.17 takes such a file for sentencepiece and loses its
 * spaces.
 */
function fileParts(
  { config = {}, name, tokenizer }: TokenizerFolder,
  keepsFile: boolean,
  { named }: SpecialTokens,
  added: readonly AddedToken[],
): JsonFile {
  if (!keepsFile) return {};
  const around = (flag: string, fallback: boolean, key: string) =>
    (readFlag(config, flag, name) ?? fallback) ? placed(tokenizer, named.get(key), added) : undefined;
  return { post_processor: templateProcessing(around('add_bos_token', true, 'bos_token'), around('add_eos_token', false, 'eos_token')) };
}

/** A named token with its id, which it has since all named tokens are added. */
function placed(
  tokenizer: JsonFile,
  token: NamedToken | undefined,
  added: readonly AddedToken[],
): { id: number; content: string } | undefined {
  if (token === undefined) return undefined;
  const vocab = (tokenizer['model'] as { vocab?: Readonly<Record<string, number>> } | undefined)?.vocab ?? {};
  const content = contentOf(token);
  const id = assignIds(vocab, added).get(content);
  return id === undefined ? undefined : { id, content };
}

function rebuiltParts(folder: TokenizerFolder, pipeline: ClassPipeline, { named }: SpecialTokens, added: readonly AddedToken[]): JsonFile {
  const { tokenizer, name, config = {} } = folder;
  const given = tokenizer['model'] as Readonly<Record<string, unknown>> | undefined;
  const kind = String(config['tokenizer_class'] ?? 'of its model');
  const fits = given?.['type'] === 'BPE' && (pipeline.alphabet === 'byte-level') === isByteLevel(tokenizer);
  if (given === undefined || !fits) {
    return refuseTokenizer(
      name,
      `a ${pipeline.alphabet} BPE for the tokenizer class ${kind}`,
      `another in tokenizer.json (${String(given?.['type'])})`,
      'write PreTrainedTokenizerFast for `tokenizer_class` if tokenizer.json is right as it stands',
    );
  }
  const unknown = named.get('unk_token');
  const settings = {
    addPrefixSpace: readFlag(config, 'add_prefix_space', name),
    legacy: readFlag(config, 'legacy', name) ?? false,
    unkToken: unknown === undefined ? null : contentOf(unknown),
  };
  const { model, ...parts } = pipeline.parts(settings);
  const plain = { type: 'BPE', dropout: null, continuing_subword_prefix: null, end_of_word_suffix: null, ignore_merges: false };
  const post =
    pipeline.bos === 'file'
      ? {}
      : {
          post_processor: pipeline.bos === 'never' ? null : templateProcessing(placed(tokenizer, named.get('bos_token'), added), undefined),
        };
  return { ...parts, ...post, model: { ...plain, ...model, vocab: given['vocab'], merges: given['merges'] ?? [] } };
}
