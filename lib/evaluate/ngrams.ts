/** Token ids or words. Metrics only ask whether two tokens are equal. */
export type Token = number | string;
export type Tokens = ArrayLike<Token>;

// A pair is stored under prefix * SPAN + token, which stays below 2^53 for up to 2^26 distinct tokens and 2^27 distinct n-grams.
const SPAN = 2 ** 26;

/**
 * Gives every distinct n-gram a small whole number, so that counting needs no strings. Numbers tell n-grams of one order apart;
 * n-grams of different orders may share a number.
 */
export class NgramNumbers {
  readonly #tokens = new Map<Token, number>();
  readonly #pairs = new Map<number, number>();

  /** The numbers of the n-grams of `tokens`, by where they start: `tokens.length - n + 1` of them, or none. */
  of(tokens: Tokens, n: number): Int32Array {
    const single = Int32Array.from(tokens as ArrayLike<number>, (token: Token) => this.#tokenNumber(token));
    let grams: Int32Array = single;
    for (let order = 2; order <= n; order += 1) grams = this.#extend(grams, single, order);
    return grams;
  }

  #extend(prefixes: Int32Array, single: Int32Array, order: number): Int32Array {
    return Int32Array.from({ length: Math.max(0, single.length - order + 1) }, (_, start) => this.#pairNumber(prefixes[start]!, single[start + order - 1]!));
  }

  #tokenNumber(token: Token): number {
    const known = this.#tokens.get(token);
    if (known !== undefined) return known;
    this.#tokens.set(token, this.#tokens.size);
    return this.#tokens.size - 1;
  }

  #pairNumber(prefix: number, token: number): number {
    const key = prefix * SPAN + token;
    const known = this.#pairs.get(key);
    if (known !== undefined) return known;
    this.#pairs.set(key, this.#pairs.size);
    return this.#pairs.size - 1;
  }
}

/** How often each number occurs. */
export function countEach(numbers: Int32Array): Map<number, number> {
  const counts = new Map<number, number>();
  for (const number of numbers) counts.set(number, (counts.get(number) ?? 0) + 1);
  return counts;
}
