import { SuffixArray, type Match } from './suffix-array.ts';
import { mean } from './mean.ts';

/** A continuation's longest contiguous span of tokens that also stands in one training sequence. */
export interface Overlap {
  /** Tokens. */
  length: number;
  /** Where the span starts in the continuation. */
  start: number;
  /** The training sequence and the place in it; -1 and -1 when nothing is shared. */
  sequence: number;
  /** Place of its first token. */
  offset: number;
}

/** Longest overlaps over several texts, in tokens. */
export interface OverlapSummary {
  /** Mean over all of them. */
  mean: number | null;
  /** The longest of all. */
  max: number | null;
  /** Share of continuations whose longest span exceeds ten tokens. */
  shareOver10: number | null;
  /** `histogram[n]` is the number of continuations whose longest span has n tokens. */
  histogram: number[];
  /** One per continuation. */
  overlaps: Overlap[];
}

/**
 * How overlaps were measured, for a table.
 *
 * @example
 * overlapSignature(); // overlap|unit:token-ids|span:longest-contiguous|within:one-training-sequence|context:excluded
 */
export function overlapSignature(): string {
  return 'overlap|unit:token-ids|span:longest-contiguous|within:one-training-sequence|context:excluded';
}

/** From this length on, asking for the second half of a longer span first saves more lookups than it costs. */
const WORTH_SKIPPING = 4;

/**
 * Training sequences, made searchable once and asked many times.
 *
 * @example
 * const index = new OverlapIndex(trainingIds);
 * console.log(generations.map(({ ids }) => index.longest(ids).length));
 */
export class OverlapIndex {
  readonly #suffixes: SuffixArray;

  constructor(trainingSequences: readonly Int32Array[]) {
    this.#suffixes = new SuffixArray(trainingSequences);
  }

  /** The longest prefix of `ids` that stands in a training sequence, and where. */
  longestFrom(ids: Int32Array): Match {
    return this.#suffixes.longestPrefix(ids);
  }

  /** The longest span of one continuation; the earliest of several. */
  longest(continuation: Int32Array): Overlap {
    let best: Match & { start: number } = { length: 0, start: 0, sequence: -1, offset: -1 };
    for (let start = 0; start + best.length < continuation.length; start += 1) {
      const barrier = best.length < WORTH_SKIPPING ? -1 : this.#barrier(continuation, start, best.length);
      if (barrier >= 0) {
        start = barrier;
        continue;
      }
      const match = this.#suffixes.longestPrefix(continuation, start);
      if (match.length > best.length) best = { ...match, start };
    }
    return best;
  }

  /**
   * A span longer than `length` from `start` on, or from a place shortly after, holds the ids from the middle of that stretch to its end.
   * Where these stand nowhere together, gives the middle: the last start that is ruled out. Otherwise -1.
   */
  #barrier(ids: Int32Array, start: number, length: number): number {
    const middle = start + ((length + 1) >> 1);
    return middle + this.#suffixes.longestPrefix(ids, middle).length <= start + length ? middle : -1;
  }

  /** Source: arXiv 2412.04318, figure 3 and section 5 (dataset overlap). */
  summarize(continuations: readonly Int32Array[]): OverlapSummary {
    const overlaps = continuations.map((continuation) => this.longest(continuation));
    const lengths = overlaps.map(({ length }) => length);
    const max = lengths.length === 0 ? null : lengths.reduce((most, length) => Math.max(most, length), 0);
    const histogram = new Array<number>((max ?? -1) + 1).fill(0);
    for (const length of lengths) histogram[length] = histogram[length]! + 1;
    return { mean: mean(lengths), max, shareOver10: mean(lengths.map((length) => (length > 10 ? 1 : 0))), histogram, overlaps };
  }
}
