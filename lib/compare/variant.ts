/** One continuation of a variant, as text. */
export interface VariantText {
  /** What was to be continued. */
  context: string;
  /** What was written. */
  continuation: string;
  /** What a person wrote after the context. */
  original?: string | undefined;
  /** `original` has the continuation's length already, in tokens. */
  isOriginalCut?: boolean;
  /** Where it comes from: a file, with a line where there is one. */
  source?: string | undefined;
}

/** What one model, or one way of decoding, wrote. */
export interface TextVariant {
  /** As tables and messages call it. */
  name: string;
  /** Where it was read from. */
  file: string;
  /** One a context. */
  texts: readonly VariantText[];
}

export const ORIGINAL = 'original text';
