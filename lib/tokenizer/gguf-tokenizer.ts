import { HyperfitError } from '../errors.ts';
import { metadataBoolean, metadataNumber, metadataNumbers, metadataString, metadataStrings } from './metadata.ts';
import type { Metadata } from './metadata.ts';
import { BYTE_LEVEL_DECODER, BYTE_LEVEL_RECIPES, sentencePieceDecoder, sentencePieceNormalizer } from './pre-tokenizers.ts';
import type { JsonPart } from './pre-tokenizers.ts';
import { mergesFromScores } from './score-merges.ts';

/** `tokenizer.ggml.token_type`. */
const TOKEN_TYPES = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 };
const PREFIX = 'tokenizer.ggml.';

export interface RebuiltTokenizer {
  /** tokenizer.json */
  tokenizer: string;
  /** tokenizer_config.json */
  config: Record<string, unknown>;
  bosTokenId: number | undefined;
  eosTokenIds: number[];
}

/** What both kinds of tokenizer have in common. */
interface Vocabulary {
  tokens: readonly string[];
  /** One of TOKEN_TYPES per token. */
  types: ArrayLike<number>;
  metadata: Metadata;
  name: string;
}

interface Parts {
  normalizer: JsonPart;
  preTokenizer: JsonPart;
  decoder: JsonPart;
  model: JsonPart;
  addBos: boolean;
}

/**
 * The tokenizer that a GGUF file describes, as Hugging Face's files: byte-level BPE (`gpt2`) with the pre-tokenizers
 * gpt-2, smollm, llama-bpe and qwen2, or sentencepiece-type (`llama`) with scores. `name` is the file for messages.
 * @throws HyperfitError ERR_TOKENIZER for other kinds and for vocabularies that contradict themselves
 */
export function rebuildTokenizer(metadata: Metadata, name: string): RebuiltTokenizer {
  const kind = metadataString(metadata, `${PREFIX}model`);
  if (kind !== 'gpt2' && kind !== 'llama') refuse(name, '"gpt2" or "llama" for `tokenizer.ggml.model`', JSON.stringify(kind) ?? 'nothing');
  const vocabulary = readVocabulary(metadata, name);
  const parts = kind === 'gpt2' ? byteLevelParts(vocabulary) : sentencePieceParts(vocabulary);
  const bosTokenId = readId(vocabulary, 'bos_token_id');
  const eosTokenIds = [...new Set([readId(vocabulary, 'eos_token_id'), readId(vocabulary, 'eot_token_id')])].filter((id) => id !== undefined);
  return { tokenizer: renderTokenizer(vocabulary, parts), config: makeConfig(vocabulary), bosTokenId, eosTokenIds };
}

function refuse(name: string, expected: string, got: string): never {
  throw new HyperfitError('ERR_TOKENIZER', `expected ${expected} in ${name}, got ${got}; use the Hugging Face folder of this model, or work with token ids`);
}

function readVocabulary(metadata: Metadata, name: string): Vocabulary {
  const tokens = metadataStrings(metadata, `${PREFIX}tokens`);
  if (tokens === undefined || tokens.length === 0) return refuse(name, 'an array of strings for `tokenizer.ggml.tokens`', 'none');
  const types = metadataNumbers(metadata, `${PREFIX}token_type`) ?? new Uint8Array(tokens.length).fill(TOKEN_TYPES.normal);
  if (types.length !== tokens.length) refuse(name, `${tokens.length} entries for \`tokenizer.ggml.token_type\``, `${types.length}`);
  if (new Set(tokens).size !== tokens.length) refuse(name, 'each token once', 'one twice');
  return { tokens: metadataString(metadata, `${PREFIX}model`) === 'llama' ? withMarkedSpaces(tokens, types) : tokens, types, metadata, name };
}

/** User-defined pieces of sentencepiece vocabularies have plain spaces in such files, and "▁" in Hugging Face's. */
function withMarkedSpaces(tokens: readonly string[], types: ArrayLike<number>): readonly string[] {
  const known = new Set(tokens);
  return tokens.map((token, id) => {
    const marked = types[id] === TOKEN_TYPES.userDefined ? token.replaceAll(' ', '▁') : token;
    return known.has(marked) ? token : marked;
  });
}

function readId({ tokens, metadata, name }: Vocabulary, key: string): number | undefined {
  const id = metadataNumber(metadata, PREFIX + key);
  if (id !== undefined && tokens[id] === undefined) refuse(name, `a token id below ${tokens.length} for \`${PREFIX}${key}\``, `${id}`);
  return id;
}

function byteLevelParts(vocabulary: Vocabulary): Parts {
  const pre = metadataString(vocabulary.metadata, `${PREFIX}pre`);
  const recipe = BYTE_LEVEL_RECIPES.get(pre ?? '');
  if (recipe === undefined) return refuse(vocabulary.name, `one of ${[...BYTE_LEVEL_RECIPES.keys()].join(', ')} for \`${PREFIX}pre\``, JSON.stringify(pre) ?? 'nothing');
  const model = bpeModel(vocabulary, readMerges(vocabulary), { ignore_merges: recipe.ignoreMerges });
  return { normalizer: recipe.normalizer, preTokenizer: recipe.preTokenizer, decoder: BYTE_LEVEL_DECODER, model, addBos: recipe.addBos };
}

/** Byte-level tokens hold no space, so the one space stands between the parts. */
function readMerges({ metadata, tokens, name }: Vocabulary): [string, string][] {
  const merges = metadataStrings(metadata, `${PREFIX}merges`) ?? refuse(name, 'an array of strings for `tokenizer.ggml.merges`', 'none');
  const known = new Set(tokens);
  return merges.map((merge) => {
    const [left = '', right = '', ...rest] = merge.split(' ');
    const isKnown = known.has(left) && known.has(right) && known.has(left + right) && rest.length === 0;
    return isKnown ? [left, right] : refuse(name, 'merges of two tokens into a third', JSON.stringify(merge));
  });
}

function sentencePieceParts(vocabulary: Vocabulary): Parts {
  const { tokens, types, metadata, name } = vocabulary;
  const scores = metadataNumbers(metadata, `${PREFIX}scores`);
  if (scores?.length !== tokens.length) return refuse(name, `${tokens.length} numbers for \`${PREFIX}scores\``, `${scores?.length ?? 'none'}`);
  // Converters write -1000 for user-defined pieces, which sentencepiece merges before all others: runs of spaces in Gemma.
  const ranks = Float64Array.from(scores, (score, id) => (types[id] === TOKEN_TYPES.userDefined ? 0 : score));
  const merges = mergesFromScores(tokens, ranks, (id) => types[id] === TOKEN_TYPES.normal || types[id] === TOKEN_TYPES.userDefined);
  const unknown = tokens.find((_, id) => types[id] === TOKEN_TYPES.unknown);
  const prefix = metadataBoolean(metadata, `${PREFIX}add_space_prefix`) ?? true;
  const model = bpeModel(vocabulary, merges, { unk_token: unknown ?? null, fuse_unk: true, byte_fallback: true });
  return { normalizer: sentencePieceNormalizer(prefix), preTokenizer: null, decoder: sentencePieceDecoder(prefix), model, addBos: true };
}

function bpeModel({ tokens }: Vocabulary, merges: readonly [string, string][], options: Record<string, unknown>): JsonPart {
  // No prototype: `__proto__` is a token like any other.
  const vocab: Record<string, number> = Object.create(null);
  for (const [id, token] of tokens.entries()) vocab[token] = id;
  const plain = { dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null, fuse_unk: false, byte_fallback: false, ignore_merges: false };
  return { type: 'BPE', ...plain, ...options, vocab, merges };
}

function renderTokenizer(vocabulary: Vocabulary, parts: Parts): string {
  const { normalizer, preTokenizer, decoder, model } = parts;
  return JSON.stringify({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addedTokens(vocabulary),
    normalizer,
    pre_tokenizer: preTokenizer,
    post_processor: makePostProcessor(vocabulary, parts.addBos),
    decoder,
    model,
  });
}

function addedTokens({ tokens, types }: Vocabulary): JsonPart[] {
  return tokens.flatMap((content, id) => {
    const isSpecial = types[id] === TOKEN_TYPES.control || types[id] === TOKEN_TYPES.unknown;
    if (!isSpecial && types[id] !== TOKEN_TYPES.userDefined) return [];
    return [{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: isSpecial }];
  });
}

/** BOS before and EOS after a text, where the file wants them. */
function makePostProcessor(vocabulary: Vocabulary, addBosDefault: boolean): JsonPart {
  const { metadata, tokens } = vocabulary;
  const bos = (metadataBoolean(metadata, `${PREFIX}add_bos_token`) ?? addBosDefault) ? readId(vocabulary, 'bos_token_id') : undefined;
  const eos = (metadataBoolean(metadata, `${PREFIX}add_eos_token`) ?? false) ? readId(vocabulary, 'eos_token_id') : undefined;
  const special = [bos, eos].filter((id) => id !== undefined);
  if (special.length === 0) return null;
  const tokenOf = (id: number | undefined, type: number) => (id === undefined ? [] : [{ SpecialToken: { id: tokens[id], type_id: type } }]);
  const text = (letter: 'A' | 'B', type: number) => [...tokenOf(bos, type), { Sequence: { id: letter, type_id: type } }, ...tokenOf(eos, type)];
  const specialTokens = Object.fromEntries(special.map((id) => [tokens[id], { id: tokens[id], ids: [id], tokens: [tokens[id]] }]));
  return { type: 'TemplateProcessing', single: text('A', 0), pair: [...text('A', 0), ...text('B', 1)], special_tokens: specialTokens };
}

const NAMED_TOKENS = { bos_token: 'bos_token_id', eos_token: 'eos_token_id', unk_token: 'unknown_token_id', pad_token: 'padding_token_id' };

function makeConfig(vocabulary: Vocabulary): Record<string, unknown> {
  const named = Object.entries(NAMED_TOKENS).flatMap(([name, key]) => {
    const id = readId(vocabulary, key);
    return id === undefined ? [] : [[name, vocabulary.tokens[id]] as const];
  });
  const template = metadataString(vocabulary.metadata, 'tokenizer.chat_template');
  return {
    tokenizer_class: 'PreTrainedTokenizerFast',
    clean_up_tokenization_spaces: false,
    ...Object.fromEntries(named),
    ...(template === undefined ? {} : { chat_template: template }),
  };
}
