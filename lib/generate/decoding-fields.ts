/** One option of decoding that is a flag too: its one default, and how `--help` and the editor word it. */
export interface DecodingField {
  default: number;
  /** Ends in the value that turns it off, where one does. */
  help: string;
  /** The value's name in `--help`. */
  valueName: string;
}

/** In the order in which `--help` prints them. Names and definitions are those of Hugging Face generation. */
export const DECODING_FIELDS = {
  maxNewTokens: { default: 96, help: 'tokens to add at most', valueName: 'N' },
  minNewTokens: { default: 0, help: 'tokens before which no end of text may come', valueName: 'N' },
  noRepeatNgramSize: {
    default: 0,
    help: 'forbid n-grams of this size to occur twice, those of the context included; 0 allows them',
    valueName: 'N',
  },
  repetitionPenalty: { default: 1, help: 'divide the scores of tokens seen before, in the context too; 1 is off', valueName: 'X' },
  temperature: { default: 0, help: 'sample at this temperature; 0 is greedy: the highest score, the lowest id on ties', valueName: 'X' },
  topK: { default: 0, help: 'sample among the N most probable tokens; 0 keeps all', valueName: 'N' },
  topP: { default: 1, help: 'sample among the most probable tokens that make up this share; 1 keeps all', valueName: 'X' },
  minP: { default: 0, help: 'drop tokens below this share of the best probability; 0 keeps all', valueName: 'X' },
  seed: {
    default: 0,
    help: 'seed of the sampling; each sequence has its own from this and its context, so it is drawn the same alone and in any batch',
    valueName: 'N',
  },
} as const satisfies Record<string, DecodingField>;

export type DecodingName = keyof typeof DECODING_FIELDS;
export const DECODING_NAMES = Object.keys(DECODING_FIELDS) as DecodingName[];

/** The default of each. */
export const DECODING_DEFAULTS = Object.fromEntries(DECODING_NAMES.map((name) => [name, DECODING_FIELDS[name].default])) as Record<
  DecodingName,
  number
>;
