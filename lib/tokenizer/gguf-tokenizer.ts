import { errorCodeOf } from '../errors.ts';
import { BYTE_LEVEL_RECIPES } from './byte-level-recipes.ts';
import {
  endIdsOf,
  isSpecialType,
  readTokenId,
  readVocabulary,
  refuseVocabulary,
  TOKEN_TYPES,
  TOKENIZER_PREFIX,
} from './gguf-vocabulary.ts';
import type { Vocabulary } from './gguf-vocabulary.ts';
import { metadataBoolean, metadataNumbers, metadataString, metadataStrings } from './metadata.ts';
import type { Metadata } from './metadata.ts';
import { BYTE_LEVEL_DECODER, sentencePieceDecoder, sentencePieceNormalizer } from './pre-tokenizers.ts';
import type { JsonPart } from './pre-tokenizers.ts';
import { mergesFromScores } from './score-merges.ts';
import { templateProcessing } from './template-processing.ts';

export interface RebuiltTokenizer {
  /** tokenizer.json */
  tokenizer: string;
  /** tokenizer_config.json */
  config: Record<string, unknown>;
  bosTokenId: number | undefined;
  eosTokenIds: number[];
  /** Tokens that are no UTF-8, by id: tokenizer.json has only a name for them. */
  rawTokens: ReadonlyMap<number, Uint8Array>;
}

interface Parts {
  normalizer: JsonPart;
  preTokenizer: JsonPart;
  decoder: JsonPart;
  model: JsonPart;
  addBos: boolean;
}

/**
 * The tokenizer that a GGUF file describes, as Hugging Face's files: byte-level BPE (`gpt2`) with the pre-tokenizers of
 * byte-level-recipes.ts, or sentencepiece-type (`llama`) with scores. `name` is the file for messages.
 * @throws HyperfitError ERR_TOKENIZER for other kinds and for vocabularies that contradict themselves
 */
export function rebuildTokenizer(metadata: Metadata, name: string): RebuiltTokenizer {
  const vocabulary = readVocabulary(metadata, name);
  const parts = vocabulary.kind === 'gpt2' ? byteLevelParts(vocabulary) : sentencePieceParts(vocabulary);
  return {
    tokenizer: renderTokenizer(vocabulary, parts),
    config: makeConfig(vocabulary),
    bosTokenId: readTokenId(vocabulary, 'bos_token_id'),
    eosTokenIds: endIdsOf(vocabulary),
    rawTokens: vocabulary.rawTokens,
  };
}

/**
 * Where texts begin and end, of the metadata of a GGUF file. Without a vocabulary that is understood, what the metadata name: work with ids
 * must not fail for a tokenizer that it does not need.
 */
export function readGgufTokenIds(metadata: Metadata, name: string): { bosTokenId: number | undefined; eosTokenIds: number[] } {
  try {
    const vocabulary = readVocabulary(metadata, name);
    return { bosTokenId: readTokenId(vocabulary, 'bos_token_id'), eosTokenIds: endIdsOf(vocabulary) };
  } catch (error) {
    if (errorCodeOf(error) !== 'ERR_TOKENIZER') throw error;
    const [bosTokenId, ...ends] = ['bos', 'eos', 'eot'].map((key) => namedId(metadata, key));
    return { bosTokenId, eosTokenIds: [...new Set(ends.filter((id) => id !== undefined))] };
  }
}

function namedId(metadata: Metadata, key: string): number | undefined {
  const id = metadata.get(`${TOKENIZER_PREFIX}${key}_token_id`);
  const tokens = metadata.get(`${TOKENIZER_PREFIX}tokens`);
  const isKnown = typeof id === 'number' && (!Array.isArray(tokens) || id < tokens.length);
  return isKnown ? id : undefined;
}

function byteLevelParts(vocabulary: Vocabulary): Parts {
  const pre = metadataString(vocabulary.metadata, `${TOKENIZER_PREFIX}pre`);
  const recipe = BYTE_LEVEL_RECIPES.get(pre ?? '');
  if (recipe === undefined) {
    return refuseVocabulary(
      vocabulary.name,
      `one of ${[...BYTE_LEVEL_RECIPES.keys()].join(', ')} for \`${TOKENIZER_PREFIX}pre\``,
      JSON.stringify(pre) ?? 'nothing',
    );
  }
  const model = bpeModel(vocabulary, readMerges(vocabulary), { ignore_merges: recipe.ignoreMerges });
  return { normalizer: recipe.normalizer, preTokenizer: recipe.preTokenizer, decoder: BYTE_LEVEL_DECODER, model, addBos: recipe.addBos };
}

/** Byte-level tokens hold no space, so the one space stands between the parts. */
function readMerges({ metadata, tokens, name }: Vocabulary): [string, string][] {
  const merges =
    metadataStrings(metadata, `${TOKENIZER_PREFIX}merges`) ??
    refuseVocabulary(name, 'an array of strings for `tokenizer.ggml.merges`', 'none');
  const known = new Set(tokens);
  return merges.map((merge) => {
    const [left = '', right = '', ...rest] = merge.split(' ');
    const isKnown = known.has(left) && known.has(right) && known.has(left + right) && rest.length === 0;
    return isKnown ? [left, right] : refuseVocabulary(name, 'merges of two tokens into a third', JSON.stringify(merge));
  });
}

/** llama.cpp merges into unused pieces as into normal ones. */
const MERGED_TYPES: readonly unknown[] = [TOKEN_TYPES.normal, TOKEN_TYPES.userDefined, TOKEN_TYPES.unused];

function sentencePieceParts(vocabulary: Vocabulary): Parts {
  const { tokens, types, metadata, name } = vocabulary;
  const scores = metadataNumbers(metadata, `${TOKENIZER_PREFIX}scores`);
  if (scores === undefined || scores.length < tokens.length)
    return refuseVocabulary(name, `${tokens.length} numbers for \`${TOKENIZER_PREFIX}scores\``, `${scores?.length ?? 'none'}`);
  // Converters write -1000 for user-defined pieces, which sentencepiece merges before all others: runs of spaces in Gemma.
  const ranks = Float64Array.from(tokens, (_, id) => (types[id] === TOKEN_TYPES.userDefined ? 0 : (scores[id] ?? 0)));
  const merges = mergesFromScores(tokens, ranks, (id) => MERGED_TYPES.includes(types[id]) && !vocabulary.rawTokens.has(id));
  const unknown = tokens.find((_, id) => types[id] === TOKEN_TYPES.unknown);
  const prefix = metadataBoolean(metadata, `${TOKENIZER_PREFIX}add_space_prefix`) ?? true;
  const model = bpeModel(vocabulary, merges, { unk_token: unknown ?? null, fuse_unk: true, byte_fallback: true });
  return { normalizer: sentencePieceNormalizer(prefix), preTokenizer: null, decoder: sentencePieceDecoder(prefix), model, addBos: true };
}

function bpeModel({ tokens }: Vocabulary, merges: readonly [string, string][], options: Record<string, unknown>): JsonPart {
  // No prototype: `__proto__` is a token like any other.
  const vocab: Record<string, number> = Object.create(null);
  for (const [id, token] of tokens.entries()) vocab[token] = id;
  const plain = {
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: false,
  };
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

function addedTokens({ tokens, types, rawTokens }: Vocabulary): JsonPart[] {
  return tokens.flatMap((content, id) => {
    const isSpecial = isSpecialType(types[id]);
    if ((!isSpecial && types[id] !== TOKEN_TYPES.userDefined) || rawTokens.has(id)) return [];
    return [{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: isSpecial }];
  });
}

/** BOS before and EOS after a text, where the file wants them. */
function makePostProcessor(vocabulary: Vocabulary, addBosDefault: boolean): JsonPart {
  const { metadata, tokens } = vocabulary;
  const bos =
    (metadataBoolean(metadata, `${TOKENIZER_PREFIX}add_bos_token`) ?? addBosDefault) ? readTokenId(vocabulary, 'bos_token_id') : undefined;
  const eos =
    (metadataBoolean(metadata, `${TOKENIZER_PREFIX}add_eos_token`) ?? false) ? readTokenId(vocabulary, 'eos_token_id') : undefined;
  const around = (id: number | undefined) => (id === undefined ? undefined : { id, content: tokens[id]! });
  return templateProcessing(around(bos), around(eos));
}

const NAMED_TOKENS = { bos_token: 'bos_token_id', eos_token: 'eos_token_id', unk_token: 'unknown_token_id', pad_token: 'padding_token_id' };

function makeConfig(vocabulary: Vocabulary): Record<string, unknown> {
  const named = Object.entries(NAMED_TOKENS).flatMap(([name, key]) => {
    const id = readTokenId(vocabulary, key);
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
