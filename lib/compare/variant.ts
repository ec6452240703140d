/** One continuation of a variant, as text. */
export interface VariantText {
  context: string;
  continuation: string;
  /** What a person wrote after the context. */
  original?: string | undefined;
  /** `original` has the continuation's length already, in tokens. */
  isOriginalCut?: boolean;
  source?: string | undefined;
}

/** What one model, or one way of decoding, wrote. */
export interface TextVariant {
  name: string;
  file: string;
  texts: readonly VariantText[];
}

export const ORIGINAL = 'original text';
