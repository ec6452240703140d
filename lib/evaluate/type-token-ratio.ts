import { mean } from './mean.ts';
import type { Tokens } from './ngrams.ts';

/** The paper's window: metrics use 96-token continuations. */
export const TTR_WINDOW = 96;

/**
 * How TTR was computed, for a table.
 *
 * @example
 * ttrSignature(); // ttr|unit:token-ids|window:last-96|context:excluded|mean:texts|empty:skipped
 */
export function ttrSignature(window = TTR_WINDOW): string {
  return `ttr|unit:token-ids|window:last-${window}|context:excluded|mean:texts|empty:skipped`;
}

/**
 * Distinct over total tokens among the last `window` of a continuation (all of them when it is shorter); the context does not
 * belong to it. In [0, 1]; null for an empty continuation. Source: arXiv 2412.04318, section 3.
 *
 * @example
 * typeTokenRatio([7, 8, 7, 8]); // 0.5
 */
export function typeTokenRatio(continuation: Tokens, window = TTR_WINDOW): number | null {
  const tokens = Array.from(continuation).slice(-window);
  return tokens.length === 0 ? null : new Set(tokens).size / tokens.length;
}

/**
 * Mean of `typeTokenRatio` over the continuations that are not empty; null when there is none.
 *
 * @example
 * meanTypeTokenRatio([[7, 8, 7, 8], [1, 2, 3, 4], []]); // 0.75
 */
export function meanTypeTokenRatio(continuations: readonly Tokens[], window = TTR_WINDOW): number | null {
  return mean(continuations.map((tokens) => typeTokenRatio(tokens, window)).filter((ratio) => ratio !== null));
}

/**
 * How many tokens a ratio of these continuations is really over: the window, or the longest of them where that is less; null of none.
 *
 * @example
 * ttrWindowOf([new Int32Array(40), new Int32Array(64)]); // 64: none of them fills the window of 96
 */
export function ttrWindowOf(continuations: readonly Tokens[], window = TTR_WINDOW): number | null {
  const longest = continuations.reduce((most, { length }) => Math.max(most, length), 0);
  return longest === 0 ? null : Math.min(window, longest);
}

/**
 * For a long continuation: at each position, distinct over total among the last `window` tokens up to and with that one.
 * One value per token. Source: arXiv 2412.04318, figure 9.
 *
 * @example
 * typeTokenRatioByPosition([7, 8, 7, 7], 2); // 1, 1, 1, 0.5
 */
export function typeTokenRatioByPosition(continuation: Tokens, window = TTR_WINDOW): Float64Array {
  const counts = new Map<number | string, number>();
  return Float64Array.from({ length: continuation.length }, (_, position) => {
    const token = continuation[position]!;
    counts.set(token, (counts.get(token) ?? 0) + 1);
    if (position >= window) forget(counts, continuation[position - window]!);
    return counts.size / Math.min(position + 1, window);
  });
}

function forget(counts: Map<number | string, number>, token: number | string): void {
  const count = counts.get(token)!;
  if (count === 1) counts.delete(token);
  else counts.set(token, count - 1);
}
