import { byteLevel, BYTE_LEVEL_DECODER, digits, metaspace, NFC, sentencePieceDecoder, sequence, split } from './pre-tokenizers.ts';
import type { JsonPart } from './pre-tokenizers.ts';
import type { RebuiltClass } from './tokenizer-classes.ts';

/** Named tokens by the key that names them; null for none. */
export type NamedDefaults = Readonly<Record<string, string | null>>;

export interface PipelineSettings {
  /** Null or undefined where the configuration is silent. */
  addPrefixSpace: boolean | null | undefined;
  legacy: boolean;
  unkToken: string | null;
}

/** What a class of transformers makes of a vocabulary and its merges. */
export interface ClassPipeline {
  alphabet: 'byte-level' | 'sentencepiece';
  /** Special tokens that the class has where the configuration names none. */
  defaults: NamedDefaults;
  /** How the class puts BOS around a text: as tokenizer.json says, always, or never. */
  bos: 'file' | 'always' | 'never';
  /** Named and extra tokens are added once more, as special ones: without the flags that the files give them, or with them. */
  addsAgain: 'plain' | 'flagged' | undefined;
  parts(settings: PipelineSettings): {
    normalizer: JsonPart;
    pre_tokenizer: JsonPart;
    decoder: JsonPart;
    model: Readonly<Record<string, unknown>>;
  };
}

const WORDS = (letters: string, rest: string): string =>
  `(?i:'s|'t|'re|'ve|'m|'ll|'d)|${String.raw`[^\r\n\p{L}\p{N}]?`}${letters}+|${String.raw`\p{N}`}| ?${rest}+${String.raw`[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`}`;
const QWEN2 = WORDS(String.raw`\p{L}`, String.raw`[^\s\p{L}\p{N}]`);
const QWEN3_5 = WORDS(String.raw`[\p{L}\p{M}]`, String.raw`[^\s\p{L}\p{M}\p{N}]`);
const GEMMA_SPLIT = { type: 'Split', pattern: { String: ' ' }, behavior: 'MergedWithPrevious', invert: false };
const PLAIN_MODEL = { unk_token: null, fuse_unk: false, byte_fallback: false };
const PIECES_MODEL = { unk_token: null, fuse_unk: true, byte_fallback: true };

const BYTE_LEVEL = { alphabet: 'byte-level', bos: 'file', addsAgain: undefined } as const;
const SENTENCE_PIECE = { alphabet: 'sentencepiece', bos: 'file', addsAgain: undefined } as const;
const END_OF_TEXT = '<|endoftext|>';

function qwen(pattern: string, addsAgain: ClassPipeline['addsAgain']): ClassPipeline {
  return {
    ...BYTE_LEVEL,
    addsAgain,
    defaults: { unk_token: END_OF_TEXT, bos_token: null, eos_token: END_OF_TEXT, pad_token: END_OF_TEXT },
    parts: ({ addPrefixSpace }) => ({
      normalizer: NFC,
      pre_tokenizer: sequence(split(pattern), byteLevel({ useRegex: false, addPrefixSpace: addPrefixSpace ?? false })),
      decoder: BYTE_LEVEL_DECODER,
      model: PLAIN_MODEL,
    }),
  };
}

/** As transformers 5.17 makes them, in models/<family>/tokenization_<family>.py. */
export const CLASS_PIPELINES: Readonly<Record<RebuiltClass, ClassPipeline>> = {
  LlamaTokenizer: {
    ...SENTENCE_PIECE,
    defaults: { unk_token: '<unk>', bos_token: '<s>', eos_token: '</s>' },
    parts: ({ addPrefixSpace, legacy }) => ({
      normalizer: null,
      pre_tokenizer: metaspace((addPrefixSpace ?? true) ? (legacy ? 'always' : 'first') : 'never'),
      decoder: sentencePieceDecoder(addPrefixSpace ?? true),
      model: PIECES_MODEL,
    }),
  },
  CodeLlamaTokenizer: {
    ...SENTENCE_PIECE,
    bos: 'always',
    defaults: {
      unk_token: '<unk>',
      bos_token: '<s>',
      eos_token: '</s>',
      prefix_token: '▁<PRE>',
      middle_token: '▁<MID>',
      suffix_token: '▁<SUF>',
      eot_token: '▁<EOT>',
      fill_token: '<FILL_ME>',
    },
    parts: ({ addPrefixSpace, unkToken }) => ({
      normalizer: null,
      pre_tokenizer: metaspace((addPrefixSpace ?? true) ? 'first' : 'never'),
      decoder: sentencePieceDecoder(true),
      model: { ...PIECES_MODEL, unk_token: unkToken },
    }),
  },
  GemmaTokenizer: {
    ...SENTENCE_PIECE,
    defaults: { unk_token: '<unk>', bos_token: '<bos>', eos_token: '<eos>', pad_token: '<pad>', mask_token: '<mask>' },
    parts: ({ unkToken }) => ({
      normalizer: { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
      pre_tokenizer: GEMMA_SPLIT,
      decoder: sentencePieceDecoder(false),
      model: { ...PIECES_MODEL, unk_token: unkToken },
    }),
  },
  Qwen2Tokenizer: qwen(QWEN2, 'plain'),
  Qwen3_5Tokenizer: qwen(QWEN3_5, undefined),
  GPT2Tokenizer: {
    ...BYTE_LEVEL,
    defaults: { unk_token: END_OF_TEXT, bos_token: END_OF_TEXT, eos_token: END_OF_TEXT, pad_token: null },
    parts: ({ addPrefixSpace }) => ({
      normalizer: null,
      pre_tokenizer: byteLevel({ useRegex: true, addPrefixSpace: addPrefixSpace ?? false }),
      decoder: BYTE_LEVEL_DECODER,
      model: PLAIN_MODEL,
    }),
  },
  GPTNeoXTokenizer: {
    ...BYTE_LEVEL,
    bos: 'never',
    defaults: { unk_token: END_OF_TEXT, bos_token: END_OF_TEXT, eos_token: END_OF_TEXT, pad_token: '<|padding|>' },
    parts: ({ addPrefixSpace }) => ({
      normalizer: NFC,
      pre_tokenizer: byteLevel({ useRegex: true, addPrefixSpace: addPrefixSpace ?? false }),
      decoder: BYTE_LEVEL_DECODER,
      model: PLAIN_MODEL,
    }),
  },
  CohereTokenizer: {
    ...BYTE_LEVEL,
    addsAgain: 'flagged',
    defaults: {
      unk_token: '<UNK>',
      bos_token: '<BOS_TOKEN>',
      eos_token: '<|END_OF_TURN_TOKEN|>',
      pad_token: '<PAD>',
      cls_token: '<CLS>',
      sep_token: '<SEP>',
      mask_token: '<MASK_TOKEN>',
    },
    parts: ({ addPrefixSpace }) => ({
      normalizer: NFC,
      pre_tokenizer: sequence(digits(), byteLevel({ useRegex: true, addPrefixSpace: addPrefixSpace ?? false })),
      decoder: BYTE_LEVEL_DECODER,
      model: PLAIN_MODEL,
    }),
  },
};
