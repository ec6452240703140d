/** The longest prefix of a query that stands in a sequence, and where; sequence and offset are -1 when its length is 0. */
export interface Match {
  length: number;
  sequence: number;
  offset: number;
}

/**
 * All suffixes of some sequences of ids, sorted. Each sequence ends with a separator of its own, a negative number, so that no match
 * runs from one into the next. Built in O(n log n) comparisons; a query of length m takes O(m log n).
 */
export class SuffixArray {
  /** Every sequence, each followed by its separator. */
  readonly #tokens: Int32Array;
  /** Positions in `#tokens`, in the order of the suffixes that start there. */
  readonly #sorted: Int32Array;
  /** Where each sequence starts in `#tokens`. */
  readonly #starts: Int32Array;

  constructor(sequences: readonly Int32Array[]) {
    this.#starts = new Int32Array(sequences.length);
    this.#tokens = new Int32Array(sequences.reduce((total, ids) => total + ids.length + 1, 0));
    let at = 0;
    sequences.forEach((ids, index) => {
      this.#starts[index] = at;
      this.#tokens.set(ids, at);
      this.#tokens[at + ids.length] = -1 - index;
      at += ids.length + 1;
    });
    this.#sorted = sortSuffixes(this.#tokens);
  }

  /** The longest prefix of `query` (ids, none negative) that stands in one sequence. */
  longestPrefix(query: Int32Array): Match {
    const place = this.#lowerBound(query);
    const before = place > 0 ? this.#commonLength(query, place - 1) : 0;
    const after = place < this.#sorted.length ? this.#commonLength(query, place) : 0;
    if (before === 0 && after === 0) return { length: 0, sequence: -1, offset: -1 };
    const position = this.#sorted[after >= before ? place : place - 1]!;
    return { length: Math.max(before, after), ...this.#locate(position) };
  }

  /** The first suffix that is not below `query`; the longest common prefixes are there and just before it. */
  #lowerBound(query: Int32Array): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#isBelow(middle, query)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #isBelow(place: number, query: Int32Array): boolean {
    const length = this.#commonLength(query, place);
    return length < query.length && this.#tokens[this.#sorted[place]! + length]! < query[length]!;
  }

  #commonLength(query: Int32Array, place: number): number {
    const position = this.#sorted[place]!;
    let length = 0;
    while (length < query.length && this.#tokens[position + length] === query[length]) length += 1;
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

/** Separators are all different, so two suffixes always differ before either ends. */
function sortSuffixes(tokens: Int32Array): Int32Array {
  return Int32Array.from(tokens, (_, position) => position).sort((left, right) => {
    if (left === right) return 0;
    let length = 0;
    while (tokens[left + length] === tokens[right + length]) length += 1;
    return tokens[left + length]! - tokens[right + length]!;
  });
}
