/** Texts that a study writes in one way, as its findings call them. */
export interface WrittenTexts {
  /** Whose rows they are. */
  name: string;
  /** Text cells, one a run: of each seed, or a single one. */
  cells: readonly string[];
  /** Whose contexts they continue, where a study has several domains: ends the names of quantities. */
  on?: string;
}

/** What a study writes and compares; metrics and ways of writing of the caller's own stand beside it. */
export interface Written {
  texts: readonly WrittenTexts[];
  /** Which of them are tested against which. */
  pairs: readonly (readonly [WrittenTexts, WrittenTexts])[];
  /** Whether ways of writing of the caller's are among `texts` already. Default: they are added, in the place of each greedy decoding. */
  hasWriters?: boolean;
}

/** Each pair whose both sides there are. */
export function bothThere<T>(pairs: readonly (readonly [T | undefined, T | undefined])[]): (readonly [T, T])[] {
  return pairs.flatMap(([left, right]) => (left === undefined || right === undefined ? [] : [[left, right] as const]));
}
