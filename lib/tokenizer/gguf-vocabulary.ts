import { HyperfitError } from '../errors.ts';
import { END_TEXTS, findEndIds } from './end-tokens.ts';
import { bytesOf, hasKeptBytes } from './kept-bytes.ts';
import { metadataNumber, metadataNumbers, metadataString, metadataStrings } from './metadata.ts';
import type { Metadata } from './metadata.ts';

/** `tokenizer.ggml.token_type`. */
export const TOKEN_TYPES = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 };
export const TOKENIZER_PREFIX = 'tokenizer.ggml.';
/** How files write that a token is none: -1 as an unsigned number. */
const NO_ID = 0xffff_ffff;
/** What llama.cpp takes for granted of sentencepiece vocabularies. */
const SENTENCE_PIECE_IDS: Readonly<Record<string, number>> = { bos_token_id: 1, eos_token_id: 2, unknown_token_id: 0 };

export type VocabularyKind = 'gpt2' | 'llama';

/** The tokens of a GGUF file. */
export interface Vocabulary {
  kind: VocabularyKind;
  tokens: readonly string[];
  /** One of TOKEN_TYPES per token. */
  types: ArrayLike<number>;
  /** Tokens that are no UTF-8, by id; `tokens` has a name for each. */
  rawTokens: ReadonlyMap<number, Uint8Array>;
  metadata: Metadata;
  /** The file, for messages. */
  name: string;
}

export function refuseVocabulary(name: string, expected: string, got: string): never {
  throw new HyperfitError(
    'ERR_TOKENIZER',
    `expected ${expected} in ${name}, got ${got}; use the Hugging Face folder of this model, or work with token ids`,
  );
}

/**
 * Tokens and their types. As in llama.cpp, an empty token is called [EMPTY_<id>], and a token whose text ends a turn is a
 * control token whatever the file says.
 * @throws HyperfitError ERR_TOKENIZER
 */
export function readVocabulary(metadata: Metadata, name: string): Vocabulary {
  const kind = metadataString(metadata, `${TOKENIZER_PREFIX}model`);
  if (kind !== 'gpt2' && kind !== 'llama')
    return refuseVocabulary(name, '"gpt2" or "llama" for `tokenizer.ggml.model`', JSON.stringify(kind) ?? 'nothing');
  const written = metadataStrings(metadata, `${TOKENIZER_PREFIX}tokens`);
  if (written === undefined || written.length === 0)
    return refuseVocabulary(name, 'an array of strings for `tokenizer.ggml.tokens`', 'none');
  const rawTokens = new Map(written.flatMap((token, id) => (hasKeptBytes(token) ? [[id, bytesOf(token)] as const] : [])));
  const named = written.map((token, id) => (rawTokens.has(id) ? `[BYTES_${id}]` : token === '' ? `[EMPTY_${id}]` : token));
  refuseRepeated(named, name);
  const types = readTypes(metadata, named, name);
  return { kind, tokens: kind === 'llama' ? withMarkedSpaces(named, types) : named, types, rawTokens, metadata, name };
}

function refuseRepeated(tokens: readonly string[], name: string): void {
  const first = new Map<string, number>();
  for (const [id, token] of tokens.entries()) {
    const earlier = first.get(token);
    if (earlier !== undefined)
      refuseVocabulary(name, 'each token once', `${JSON.stringify(token.slice(0, 40))} as ${earlier} and as ${id}`);
    first.set(token, id);
  }
}

function readTypes(metadata: Metadata, tokens: readonly string[], name: string): ArrayLike<number> {
  const given = metadataNumbers(metadata, `${TOKENIZER_PREFIX}token_type`) ?? new Uint8Array(tokens.length).fill(TOKEN_TYPES.normal);
  if (given.length < tokens.length) refuseVocabulary(name, `${tokens.length} entries for \`tokenizer.ggml.token_type\``, `${given.length}`);
  return tokens.map((token, id) => (END_TEXTS.has(token) ? TOKEN_TYPES.control : (given[id] ?? TOKEN_TYPES.normal)));
}

/** User-defined pieces of sentencepiece vocabularies have plain spaces in such files, and "▁" in Hugging Face's. */
function withMarkedSpaces(tokens: readonly string[], types: ArrayLike<number>): readonly string[] {
  const known = new Set(tokens);
  return tokens.map((token, id) => {
    const marked = types[id] === TOKEN_TYPES.userDefined ? token.replaceAll(' ', '▁') : token;
    return known.has(marked) ? token : marked;
  });
}

/** The token id that `key` names; undefined for none. @throws HyperfitError ERR_TOKENIZER for one beyond the tokens */
export function readTokenId({ kind, tokens, metadata, name }: Vocabulary, key: string): number | undefined {
  const id = metadataNumber(metadata, TOKENIZER_PREFIX + key);
  if (id === undefined || id === NO_ID || id === -1) return kind === 'llama' && tokens.length > 2 ? SENTENCE_PIECE_IDS[key] : undefined;
  if (tokens[id] === undefined) refuseVocabulary(name, `a token id below ${tokens.length} for \`${TOKENIZER_PREFIX}${key}\``, `${id}`);
  return id;
}

/** Special tokens are matched in text and left out of decoded text. */
export function isSpecialType(type: number | undefined): boolean {
  return type === TOKEN_TYPES.control || type === TOKEN_TYPES.unknown;
}

/** The ids that end a text, `eos_token_id` first. @throws HyperfitError ERR_TOKENIZER */
export function endIdsOf(vocabulary: Vocabulary): number[] {
  const named = Object.fromEntries(
    ['bos_token', 'eos_token'].flatMap((token) => {
      const id = readTokenId(vocabulary, `${token}_id`);
      return id === undefined ? [] : [[token, vocabulary.tokens[id]!]];
    }),
  );
  const template = metadataString(vocabulary.metadata, 'tokenizer.chat_template');
  const isMarker = (id: number): boolean => isSpecialType(vocabulary.types[id]) || vocabulary.types[id] === TOKEN_TYPES.userDefined;
  return findEndIds({
    tokens: vocabulary.tokens,
    isMarker,
    idOf: (key) => readTokenId(vocabulary, key),
    template,
    named,
    name: vocabulary.name,
  });
}
