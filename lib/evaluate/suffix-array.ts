import { HyperfitError } from '../errors.ts';
import { bucketStarts, sortSuffixes } from './induced-sorting.ts';

/** The longest prefix of a query that stands in a sequence, and where; sequence and offset are -1 when its length is 0. */
export interface Match {
  length: number;
  sequence: number;
  offset: number;
}

/** Sorting keeps a counter per id: far above any vocabulary. */
const MAX_ID = 2 ** 24 - 1;

/**
 * All suffixes of some sequences of ids, sorted. Each sequence ends with a separator of its own, so that no match runs from one into the
 * next. Built in O(n) time, 8 bytes a token and half as much again meanwhile; a query takes O(m + log n), m the length of its match, for
 * all but contrived sequences.
 */
export class SuffixArray {
  /** The separators are the symbols from 0 on, the last sequence's the least; ids come after them. */
  readonly #symbols: Int32Array;
  /** Positions in `#symbols`, in the order of the suffixes that start there. */
  readonly #sorted: Int32Array;
  /** Where the suffixes that begin with a symbol start in `#sorted`. */
  readonly #buckets: Int32Array;
  /** Where each sequence starts in `#symbols`. */
  readonly #starts: Int32Array;

  /** @throws HyperfitError ERR_DATA for ids that are negative or above 2^24 - 1 */
  constructor(sequences: readonly Int32Array[]) {
    this.#starts = new Int32Array(sequences.length);
    this.#symbols = new Int32Array(sequences.reduce((total, ids) => total + ids.length + 1, 0));
    let at = 0;
    let greatest = -1;
    sequences.forEach((ids, index) => {
      this.#starts[index] = at;
      greatest = Math.max(greatest, copyIds(ids, this.#symbols, at, sequences.length));
      at += ids.length + 1;
      this.#symbols[at - 1] = sequences.length - 1 - index;
    });
    const alphabet = sequences.length + greatest + 1;
    this.#sorted = sortSuffixes(this.#symbols, alphabet);
    this.#buckets = bucketStarts(this.#symbols, alphabet);
  }

  /** The longest prefix of `query` (ids, none negative) from `from` on that stands in one sequence. */
  longestPrefix(query: Int32Array, from = 0): Match {
    const symbol = from < query.length ? query[from]! + this.#starts.length : -1;
    if (symbol < this.#starts.length || symbol >= this.#buckets.length - 1) return { length: 0, sequence: -1, offset: -1 };
    const start = this.#buckets[symbol]!;
    const end = this.#buckets[symbol + 1]!;
    if (start === end) return { length: 0, sequence: -1, offset: -1 };
    return this.#searchBucket(query, from, start, end);
  }

  /** Among the suffixes from `start` to before `end`, all those that share the query's first id. */
  #searchBucket(query: Int32Array, from: number, start: number, end: number): Match {
    let low = start;
    let high = end;
    // Lengths shared with the suffixes just before `low` and at `high`: those between share at least the lesser one.
    let before = 1;
    let after = 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const length = this.#commonLength(query, from, middle, Math.min(before, after));
      if (this.#isBelow(query, from, middle, length)) {
        low = middle + 1;
        before = length;
      } else {
        high = middle;
        after = length;
      }
    }
    const place = low < end && after >= before ? low : low - 1;
    return { length: Math.max(before, after), ...this.#locate(this.#sorted[place]!) };
  }

  #isBelow(query: Int32Array, from: number, place: number, length: number): boolean {
    return from + length < query.length && this.#symbols[this.#sorted[place]! + length]! < query[from + length]! + this.#starts.length;
  }

  /** Of the query and a suffix, which are known to share `length` symbols. */
  #commonLength(query: Int32Array, from: number, place: number, length: number): number {
    const shift = this.#starts.length;
    const position = this.#sorted[place]!;
    while (from + length < query.length && this.#symbols[position + length]! - shift === query[from + length]) length += 1;
    return length;
  }

  #locate(position: number): { sequence: number; offset: number } {
    let low = 0;
    let high = this.#starts.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (this.#starts[middle]! <= position) low = middle;
      else high = middle;
    }
    return { sequence: low, offset: position - this.#starts[low]! };
  }
}

/** Writes ids as symbols, each `shift` higher; gives the greatest id, -1 without any. */
function copyIds(ids: Int32Array, symbols: Int32Array, at: number, shift: number): number {
  let greatest = -1;
  for (let index = 0; index < ids.length; index += 1) {
    const id = ids[index]!;
    if (id < 0 || id > MAX_ID) throw new HyperfitError('ERR_DATA', `expected token ids from 0 to ${MAX_ID} in \`sequences\`, got ${id}`);
    if (id > greatest) greatest = id;
    symbols[at + index] = id + shift;
  }
  return greatest;
}
