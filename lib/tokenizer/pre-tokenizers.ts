/** Parts of a tokenizer.json, as the library `tokenizers` writes them. */
export type JsonPart = Readonly<Record<string, unknown>> | null;

export interface ByteLevelOptions {
  /** Cuts by GPT-2's regular expression. */
  useRegex: boolean;
  addPrefixSpace?: boolean;
}

export function byteLevel({ useRegex, addPrefixSpace = false }: ByteLevelOptions): JsonPart {
  return { type: 'ByteLevel', add_prefix_space: addPrefixSpace, trim_offsets: true, use_regex: useRegex };
}

export function sequence(...pretokenizers: JsonPart[]): JsonPart {
  return { type: 'Sequence', pretokenizers };
}

/** Whatever `pattern`, a regular expression, matches is cut out as a piece. */
export function split(pattern: string): JsonPart {
  return { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false };
}

export function digits(): JsonPart {
  return { type: 'Digits', individual_digits: true };
}

export function metaspace(prependScheme: 'always' | 'first' | 'never'): JsonPart {
  return { type: 'Metaspace', replacement: '▁', prepend_scheme: prependScheme, split: false };
}

export const NFC: JsonPart = { type: 'NFC' };
export const BYTE_LEVEL_DECODER: JsonPart = byteLevel({ useRegex: true, addPrefixSpace: true });
const SPACE_TO_MARK = { type: 'Replace', pattern: { String: ' ' }, content: '▁' };

/** Of sentencepiece: spaces become "▁", one before the text as well where `prefix` is set. */
export function sentencePieceNormalizer(prefix: boolean): JsonPart {
  return { type: 'Sequence', normalizers: prefix ? [{ type: 'Prepend', prepend: '▁' }, SPACE_TO_MARK] : [SPACE_TO_MARK] };
}

export function sentencePieceDecoder(prefix: boolean): JsonPart {
  const parts = [{ type: 'Replace', pattern: { String: '▁' }, content: ' ' }, { type: 'ByteFallback' }, { type: 'Fuse' }];
  return { type: 'Sequence', decoders: prefix ? [...parts, { type: 'Strip', content: ' ', start: 1, stop: 0 }] : parts };
}
