/** A token as its text; undefined where it is special, or not whole characters. */
export type TokenText = string | undefined;

/**
 * [vocabulary]: 1 where a token begins a new word, which is white space in front, or punctuation and nothing else. Special tokens end any
 * word.
 */
export function findWordStarts(texts: readonly TokenText[], isSpecial: (id: number) => boolean): Uint8Array {
  return Uint8Array.from(texts, (text, id) => {
    if (isSpecial(id)) return 1;
    return text !== undefined && /^\s|^[\p{P}\p{S}]+$/u.test(text) ? 1 : 0;
  });
}

/** [vocabulary]: the lowest id whose text is the same but for case and surrounding white space; itself where there is no text. */
export function foldIds(texts: readonly TokenText[]): Int32Array {
  const first = new Map<string, number>();
  return Int32Array.from(texts, (text, id) => {
    if (text === undefined) return id;
    const folded = text.trim().toLowerCase();
    const known = first.get(folded) ?? id;
    first.set(folded, known);
    return known;
  });
}
