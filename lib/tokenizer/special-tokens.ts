import { contentOf, readAddedToken, tokenKey } from './added-tokens.ts';
import type { AddedToken } from './added-tokens.ts';
import type { NamedDefaults } from './class-pipelines.ts';
import { refuseTokenizer } from './refuse-tokenizer.ts';

export type JsonFile = Readonly<Record<string, unknown>>;
export type NamedToken = AddedToken | string;

/** The files beside tokenizer.json that say what tokens there are; undefined for one that is not there. */
export interface TokenFiles {
  /** tokenizer_config.json */
  config: JsonFile | undefined;
  /** special_tokens_map.json */
  map: JsonFile | undefined;
  /** added_tokens.json */
  added: JsonFile | undefined;
  /** `added_tokens` of tokenizer.json, by id. */
  ofTokenizer: ReadonlyMap<number, AddedToken>;
  /** The folder, for messages. */
  name: string;
}

export interface SpecialTokens {
  /** By id as the files have it, which is only an order: a token's id follows from the vocabulary. */
  decoder: readonly AddedToken[];
  /** `bos_token`, `eos_token`, ... and a model's own `image_token`, .... */
  named: ReadonlyMap<string, NamedToken>;
  /** Tokens without a key of their own. */
  extra: readonly NamedToken[];
}

const NAMES = ['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token'];

/**
 * Which special tokens there are, in transformers' order of precedence: `added_tokens_decoder` of tokenizer_config.json makes the
 * older files void; without it, special_tokens_map.json goes before tokenizer_config.json, and tokenizer.json before added_tokens.json.
 * @throws HyperfitError ERR_TOKENIZER naming the key
 */
export function readSpecialTokens(files: TokenFiles, defaults: NamedDefaults): SpecialTokens {
  const { config = {}, name } = files;
  const isOld = config['added_tokens_decoder'] === undefined;
  const { extra_special_tokens: extraConfig, ...rest } = withExtra(config);
  const ofDictionary = isDictionary(extraConfig) ? extraConfig : {};
  const said: Record<string, unknown> = {
    ...rest,
    ...(isDictionary(extraConfig) ? {} : { extra_special_tokens: extraConfig }),
    ...(isOld ? readMap(files, extraConfig) : {}),
  };
  const extra = said['extra_special_tokens'] === undefined ? said['additional_special_tokens'] : said['extra_special_tokens'];
  const decoder = isOld ? oldDecoder(files, said) : readDecoder(config['added_tokens_decoder'], name);
  const known = new Map([...decoder.values()].map((token) => [token.content, token]));
  const ofModel = readOwnTokens({ ...defaults, ...said }, { ...ofDictionary, ...(isDictionary(extra) ? extra : {}) }, name);
  return {
    decoder: [...decoder].toSorted(([a], [b]) => a - b).map(([, token]) => token),
    named: new Map([...readNamedTokens(said, defaults, known, name), ...ofModel]),
    extra: isDictionary(extra) ? [] : readExtra(extra, name),
  };
}

/** The older key counts where the newer is missing. */
function withExtra({ additional_special_tokens: additional, ...config }: JsonFile): JsonFile {
  return additional === undefined || config['extra_special_tokens'] !== undefined
    ? config
    : { ...config, extra_special_tokens: additional };
}

function readNamedTokens(
  said: JsonFile,
  defaults: NamedDefaults,
  known: ReadonlyMap<string, AddedToken>,
  name: string,
): [string, NamedToken][] {
  return NAMES.flatMap((key) => {
    const token = readNamed(said[key] === undefined ? defaults[key] : said[key], key, name);
    return token === undefined ? [] : [[key, known.get(contentOf(token)) ?? token] as [string, NamedToken]];
  });
}

/** Tokens of a model's own: `image_token` and the like, and those of an object of extra tokens. */
function readOwnTokens(said: JsonFile, dictionary: JsonFile, name: string): [string, NamedToken][] {
  const own = Object.entries(said).filter(([key, value]) => key.endsWith('_token') && !NAMES.includes(key) && isToken(value));
  return Object.entries({ ...Object.fromEntries(own), ...dictionary }).flatMap(([key, value]) => {
    const token = readNamed(value, key, name);
    return token === undefined ? [] : [[key, token] as [string, NamedToken]];
  });
}

function isToken(value: unknown): boolean {
  return typeof value === 'string' || (isDictionary(value) && value['__type'] === 'AddedToken');
}

function isDictionary(value: unknown): value is JsonFile {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readNamed(value: unknown, key: string, name: string): NamedToken | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  return (
    readAddedToken(value, `\`${key}\``, name) ??
    refuseTokenizer(name, `a text or an object with \`content\` for \`${key}\``, JSON.stringify(value).slice(0, 60))
  );
}

function readExtra(value: unknown, name: string): NamedToken[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value))
    return refuseTokenizer(name, 'a list or an object for `extra_special_tokens`', JSON.stringify(value).slice(0, 60));
  return value.map((token: unknown) => readNamed(token ?? false, 'extra_special_tokens', name)!);
}

/** Every object of the map is a special token; what it lists as extra goes behind what the configuration lists. */
function readMap({ map = {}, name }: TokenFiles, extraConfig: unknown): JsonFile {
  return Object.fromEntries(
    Object.entries(map).map(([key, value]) => {
      if (key === 'extra_special_tokens' && Array.isArray(value)) return [key, joinExtra(extraConfig, value, name)];
      const token = key === 'extra_special_tokens' ? undefined : readAddedToken(value, `\`${key}\``, name);
      return [key, token === undefined ? value : { __type: 'AddedToken', ...token, special: true }];
    }),
  );
}

function joinExtra(earlier: unknown, later: readonly unknown[], name: string): unknown[] {
  const joined = Array.isArray(earlier) ? (earlier as unknown[]).slice() : [];
  const keys = new Set(joined.map((token) => tokenKey(token as NamedToken)));
  for (const value of later) {
    const token = readAddedToken(value, '`extra_special_tokens`', name);
    const special = token === undefined ? value : { __type: 'AddedToken', ...token, special: true };
    if (keys.has(tokenKey(special as NamedToken))) continue;
    keys.add(tokenKey(special as NamedToken));
    joined.push(special);
  }
  return joined;
}

function readDecoder(value: unknown, name: string): Map<number, AddedToken> {
  if (!isDictionary(value))
    return refuseTokenizer(name, 'an object of tokens by id for `added_tokens_decoder`', JSON.stringify(value).slice(0, 60));
  return new Map(
    Object.entries(value).map(([key, token]) => {
      const id = readId(Number(key), key, 'added_tokens_decoder', name);
      const what = `\`added_tokens_decoder\` ${key}`;
      return [
        id,
        readAddedToken(token, what, name) ??
          refuseTokenizer(name, `an object with \`content\` for ${what}`, JSON.stringify(token).slice(0, 60)),
      ] as const;
    }),
  );
}

function readId(id: unknown, shown: string, key: string, name: string): number {
  if (typeof id === 'number' && Number.isInteger(id) && id >= 0) return id;
  return refuseTokenizer(name, `token ids in \`${key}\``, shown.slice(0, 60));
}

/** added_tokens.json, then what tokenizer.json adds. */
function oldDecoder({ added = {}, map = {}, ofTokenizer, name }: TokenFiles, said: JsonFile): Map<number, AddedToken> {
  const listed = said['extra_special_tokens'];
  const named = NAMES.map((key) => (isDictionary(map[key]) ? map[key]['content'] : said[key]));
  const special = new Set([...named, ...(Array.isArray(listed) ? (listed as unknown[]) : [])]);
  const decoder = new Map<number, AddedToken>();
  for (const [content, id] of Object.entries(added)) {
    const isSpecial = special.has(content);
    const token = { content, single_word: false, lstrip: false, rstrip: false, normalized: !isSpecial, special: isSpecial };
    decoder.set(readId(id, JSON.stringify(id), 'added_tokens.json', name), token);
  }
  for (const [id, token] of ofTokenizer) decoder.set(id, token);
  return decoder;
}
