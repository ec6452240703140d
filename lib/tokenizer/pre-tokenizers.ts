/** Parts of a tokenizer.json, as the library `tokenizers` writes them. */
export type JsonPart = Readonly<Record<string, unknown>> | null;

/** How text is cut before byte-level BPE, by llama.cpp's name of it (`tokenizer.ggml.pre`). */
export interface ByteLevelRecipe {
  normalizer: JsonPart;
  preTokenizer: JsonPart;
  /** A piece that is a token as a whole is not cut further. */
  ignoreMerges: boolean;
  /** Whether a text starts with BOS where the file does not say. */
  addBos: boolean;
}

/** The regular expression of Llama 3; `digits` is how many of them stay together. */
function llama3Pattern(digits: string): string {
  return `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;
}

function byteLevel(useRegex: boolean): JsonPart {
  return { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: useRegex };
}

function sequence(...pretokenizers: JsonPart[]): JsonPart {
  return { type: 'Sequence', pretokenizers };
}

function split(pattern: string): JsonPart {
  return sequence({ type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false }, byteLevel(false));
}

const PLAIN = { normalizer: null, ignoreMerges: false, addBos: false };

export const BYTE_LEVEL_RECIPES: ReadonlyMap<string, ByteLevelRecipe> = new Map<string, ByteLevelRecipe>([
  ['gpt-2', { ...PLAIN, preTokenizer: byteLevel(true) }],
  ['smollm', { ...PLAIN, preTokenizer: sequence({ type: 'Digits', individual_digits: true }, byteLevel(true)) }],
  ['llama-bpe', { ...PLAIN, preTokenizer: split(llama3Pattern('{1,3}')), ignoreMerges: true, addBos: true }],
  ['qwen2', { ...PLAIN, preTokenizer: split(llama3Pattern('')), normalizer: { type: 'NFC' } }],
]);

export const BYTE_LEVEL_DECODER: JsonPart = { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true };

/** Of sentencepiece: spaces become "▁", one before the text as well where `prefix` is set. */
export function sentencePieceNormalizer(prefix: boolean): JsonPart {
  const replace = { type: 'Replace', pattern: { String: ' ' }, content: '▁' };
  return { type: 'Sequence', normalizers: prefix ? [{ type: 'Prepend', prepend: '▁' }, replace] : [replace] };
}

export function sentencePieceDecoder(prefix: boolean): JsonPart {
  const parts = [{ type: 'Replace', pattern: { String: '▁' }, content: ' ' }, { type: 'ByteFallback' }, { type: 'Fuse' }];
  return { type: 'Sequence', decoders: prefix ? [...parts, { type: 'Strip', content: ' ', start: 1, stop: 0 }] : parts };
}
