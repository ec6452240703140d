import { PairNumbers } from './pair-numbers.ts';

/** Token ids or words. Metrics only ask whether two tokens are equal. */
export type Token = number | string;
/** A text as ids, words or whatever else can be compared. */
export type Tokens = ArrayLike<Token>;

/**
 * Gives every distinct n-gram a small whole number, so that counting needs no strings. Numbers tell n-grams of one order apart;
 * n-grams of different orders share numbers.
 */
export class NgramNumbers {
  readonly #tokens = new Map<Token, number>();
  /** Of the number of what comes before and the last token; `#pairs[0]` is for bigrams. */
  readonly #pairs: PairNumbers[] = [];

  /** The numbers of the n-grams of `tokens`, by where they start: `tokens.length - n + 1` of them, or none. */
  of(tokens: Tokens, n: number): Int32Array {
    const single = Int32Array.from(tokens as ArrayLike<number>, (token: Token) => this.#tokenNumber(token));
    let grams = single;
    for (let order = 2; order <= n; order += 1) grams = this.#extend(grams, single, order);
    return grams;
  }

  /** How many different n-grams there were so far. Their numbers are below it. */
  distinct(n: number): number {
    return n === 1 ? this.#tokens.size : (this.#pairs[n - 2]?.size ?? 0);
  }

  #extend(prefixes: Int32Array, single: Int32Array, order: number): Int32Array<ArrayBuffer> {
    const pairs = (this.#pairs[order - 2] ??= new PairNumbers());
    const grams = new Int32Array(Math.max(0, single.length - order + 1));
    for (let start = 0; start < grams.length; start += 1) grams[start] = pairs.of(prefixes[start]!, single[start + order - 1]!);
    return grams;
  }

  #tokenNumber(token: Token): number {
    const known = this.#tokens.get(token);
    if (known !== undefined) return known;
    this.#tokens.set(token, this.#tokens.size);
    return this.#tokens.size - 1;
  }
}

/** How often each number occurs. */
export function countEach(numbers: Int32Array): Map<number, number> {
  const counts = new Map<number, number>();
  for (const number of numbers) counts.set(number, (counts.get(number) ?? 0) + 1);
  return counts;
}
