import { NgramNumbers } from '../evaluate/ngrams.ts';

/** The n of the n-grams whose repetition is shown. */
export const REPEAT_NGRAM = 3;

/** Shades, from the number of earlier occurrences on which each starts. */
export const REPEAT_SHADES = [
  { from: 1, label: '2nd time' },
  { from: 2, label: '3rd' },
  { from: 3, label: '4th to 6th' },
  { from: 6, label: '7th or later' },
] as const;

/**
 * For each token, how often the trigram around it had already occurred in the same text: the most of the up to three trigrams
 * that contain the token. 0 is new.
 */
export function earlierOccurrences(ids: ArrayLike<number>, n = REPEAT_NGRAM): number[] {
  const earlier = new Array<number>(ids.length).fill(0);
  const seen = new Map<number, number>();
  new NgramNumbers().of(ids, n).forEach((gram, start) => {
    const count = seen.get(gram) ?? 0;
    seen.set(gram, count + 1);
    for (let at = start; at < start + n; at += 1) earlier[at] = Math.max(earlier[at]!, count);
  });
  return earlier;
}

/** Which shade shows this many earlier occurrences: 0 for none, else 1 to 4. */
export function shadeOf(earlier: number): number {
  return REPEAT_SHADES.filter(({ from }) => earlier >= from).length;
}
