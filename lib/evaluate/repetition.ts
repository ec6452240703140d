import { NgramNumbers, type Tokens } from './ngrams.ts';

/**
 * How rep-n was computed, for a table.
 *
 * @example
 * repetitionSignature(); // rep-n|unit:token-ids|unique:per-text|sums:over-texts|scale:0-1
 */
export function repetitionSignature(): string {
  return 'rep-n|unit:token-ids|unique:per-text|sums:over-texts|scale:0-1';
}

/**
 * How distinct-n was computed, for a table.
 *
 * @example
 * distinctSignature(); // distinct-n|unit:token-ids|unique:over-all-texts|total:n-grams|scale:0-1
 */
export function distinctSignature(): string {
  return 'distinct-n|unit:token-ids|unique:over-all-texts|total:n-grams|scale:0-1';
}

/**
 * rep-n = 1 - (sum over texts of the distinct n-grams of each) / (sum over texts of all its n-grams), in [0, 1]: the share of
 * n-grams that had already occurred in their own text. Null when no text has n tokens.
 * Source: Welleck et al. 2020 (seq-rep-n), summed over texts as in Su et al. 2022 (SimCTG).
 *
 * @example
 * const texts = generations.map(({ ids }) => ids);
 * console.log(repN(texts, 2)); // 0.12: every eighth pair of tokens had come before
 */
export function repN(texts: readonly Tokens[], n: number): number | null {
  const numbers = new NgramNumbers();
  let unique = 0;
  let total = 0;
  for (const text of texts) {
    const grams = numbers.of(text, n);
    unique += new Set(grams).size;
    total += grams.length;
  }
  return total === 0 ? null : 1 - unique / total;
}

/**
 * The product of (1 - rep-n) for n = 2, 3, 4; null when no text has four tokens. Source: Su et al. 2022 (SimCTG).
 *
 * @example
 * diversity([[1, 2, 3, 4, 1, 2, 3, 4]]); // 0.305, and 1 where no pair of tokens comes again
 */
export function diversity(texts: readonly Tokens[]): number | null {
  const repetitions = [2, 3, 4].map((n) => repN(texts, n));
  return repetitions.reduce<number | null>((product, rep) => (product === null || rep === null ? null : product * (1 - rep)), 1);
}

/**
 * distinct-n = n-grams that differ, over all texts together / all n-grams, in [0, 1]; unlike `1 - repN` it also falls when texts
 * resemble each other. Null when no text has n tokens. Source: Li et al. 2016, with n-grams instead of tokens below the line.
 *
 * @example
 * const texts = generations.map(({ ids }) => ids);
 * console.log(distinctN(texts, 2));
 */
export function distinctN(texts: readonly Tokens[], n: number): number | null {
  const numbers = new NgramNumbers();
  let total = 0;
  for (const text of texts) total += numbers.of(text, n).length;
  return total === 0 ? null : numbers.distinct(n) / total;
}
