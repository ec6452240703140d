// Written by `npm run option:types` from the table of lib/generate/decoding-fields.ts; a test holds the two together.
// Change the words there.

/** The options of decoding that are flags too. */
export type DecodingOptions = {
  /** Tokens to add at most. Default `96`; as a flag `--max-new-tokens <N>`. */
  maxNewTokens?: number;
  /** Tokens before which no end of text may come. Default `0`; as a flag `--min-new-tokens <N>`. */
  minNewTokens?: number;
  /**
   * Forbid n-grams of this size to occur twice, those of the context included; 0 allows them. Default `0`; as a flag
   * `--no-repeat-ngram-size <N>`.
   */
  noRepeatNgramSize?: number;
  /** Divide the scores of tokens seen before, in the context too; 1 is off. Default `1`; as a flag `--repetition-penalty <X>`. */
  repetitionPenalty?: number;
  /** Sample at this temperature; 0 is greedy: the highest score, the lowest id on ties. Default `0`; as a flag `--temperature <X>`. */
  temperature?: number;
  /** Sample among the N most probable tokens; 0 keeps all. Default `0`; as a flag `--top-k <N>`. */
  topK?: number;
  /** Sample among the most probable tokens that make up this share; 1 keeps all. Default `1`; as a flag `--top-p <X>`. */
  topP?: number;
  /** Drop tokens below this share of the best probability; 0 keeps all. Default `0`; as a flag `--min-p <X>`. */
  minP?: number;
  /**
   * Seed of the sampling; each sequence has its own from this and its context, so it is drawn the same alone and in any batch. Default `0`;
   * as a flag `--seed <N>`.
   */
  seed?: number;
};
