import { HyperfitError } from '../errors.ts';
import type { OverlapIndex } from './overlap.ts';

/** Tokens in a row from which on a shared span counts as memorised: shorter ones are everyday phrases. */
export const MEMORISED_LENGTH = 8;

/** A span of a continuation that stands in a training sequence and cannot be lengthened on either side. */
export interface MemorisedSpan {
  /** First token, in the continuation. */
  start: number;
  /** Tokens. */
  length: number;
  /** One training sequence that holds the span, and the place in it; there may be more. */
  sequence: number;
  /** Place of its first token. */
  offset: number;
}

/** What of several texts stands in the training set. */
export interface Memorisation {
  /** Tokens of the shortest span that counts. */
  minLength: number;
  /** How it was computed, for a table. */
  signature: string;
  /** How many texts. */
  texts: number;
  /** Texts with at least one span. */
  textsWithSpans: number;
  /** Tokens of the longest span, 0 without one. */
  longest: number;
  /** Share of all tokens that lie in a span; null without tokens. */
  tokenShare: number | null;
  /** One list per continuation, by start. */
  spans: MemorisedSpan[][];
}

/**
 * How spans were looked for, for a table.
 *
 * @example
 * memorisationSignature(8); // memorisation|unit:token-ids|spans:maximal|minLength:8|within:one-training-sequence|context:excluded
 */
export function memorisationSignature(minLength: number): string {
  return `memorisation|unit:token-ids|spans:maximal|minLength:${minLength}|within:one-training-sequence|context:excluded`;
}

/**
 * Every maximal span of at least `minLength` tokens. Spans may overlap, where the end of one training passage is the beginning of
 * another. O(n m log N) for n tokens, spans of m and N training tokens.
 *
 * @example
 * const index = new OverlapIndex(trainingIds);
 * for (const { ids } of generations) {
 *   for (const { start, length, sequence } of memorisedSpans(index, ids, 8)) console.log(start, length, sequence);
 * }
 */
export function memorisedSpans(index: OverlapIndex, continuation: Int32Array, minLength = MEMORISED_LENGTH): MemorisedSpan[] {
  const spans: MemorisedSpan[] = [];
  let lastEnd = 0;
  for (let start = 0; start + minLength <= continuation.length; start += 1) {
    const match = index.longestFrom(continuation.subarray(start));
    const end = start + match.length;
    // What ends where the match from the token before ended is a part of that one.
    if (end > lastEnd && match.length >= minLength)
      spans.push({ start, length: match.length, sequence: match.sequence, offset: match.offset });
    lastEnd = Math.max(lastEnd, end);
  }
  return spans;
}

/**
 * The long spans of texts that stand in the training set too.
 *
 * @example
 * const index = new OverlapIndex(trainingIds);
 * const { longest, tokenShare, textsWithSpans } = measureMemorisation(index, generations.map(({ ids }) => ids));
 */
export function measureMemorisation(index: OverlapIndex, continuations: readonly Int32Array[], minLength = MEMORISED_LENGTH): Memorisation {
  const spans = continuations.map((continuation) => memorisedSpans(index, continuation, minLength));
  const tokens = continuations.reduce((sum, { length }) => sum + length, 0);
  const covered = spans.reduce((sum, each) => sum + coveredTokens(each), 0);
  return {
    minLength,
    signature: memorisationSignature(minLength),
    texts: continuations.length,
    textsWithSpans: spans.filter(({ length }) => length > 0).length,
    longest: spans.flat().reduce((longest, { length }) => Math.max(longest, length), 0),
    tokenShare: tokens === 0 ? null : covered / tokens,
    spans,
  };
}

/** Tokens in at least one of the spans, which are listed by start. */
export function coveredTokens(spans: readonly MemorisedSpan[]): number {
  let covered = 0;
  let end = 0;
  for (const span of spans) {
    covered += Math.max(0, span.start + span.length - Math.max(end, span.start));
    end = Math.max(end, span.start + span.length);
  }
  return covered;
}

/**
 * The first place where two texts differ, or where the shorter one ends; null when they are the same.
 *
 * @example
 * firstDivergence([5, 6, 7], [5, 6, 8]); // 2
 */
export function firstDivergence(left: ArrayLike<number>, right: ArrayLike<number>): number | null {
  const shorter = Math.min(left.length, right.length);
  for (let at = 0; at < shorter; at += 1) if (left[at] !== right[at]) return at;
  return left.length === right.length ? null : shorter;
}

/** How often a decoding rule stepped in, and where the texts left those written without it. */
export interface Interventions {
  /** Steps at which the blocker changed the choice, per text. */
  counts: number[];
  /** Over all texts. */
  total: number;
  /** How many texts. */
  texts: number;
  /** Texts with at least one. */
  textsWithInterventions: number;
  /** Interventions per 100 new tokens; null without tokens. */
  per100Tokens: number | null;
  /** Per text, in tokens; null where both texts are the same. */
  divergences: (number | null)[];
}

/**
 * Compares texts written with the citation blocker with those of the same contexts without it.
 * @throws HyperfitError ERR_DATA for lists of different lengths
 *
 * @example
 * const prompts = contexts.map(({ context }) => context);
 * const [blocked, free] = [await model.generate(prompts, { citationBlocker: blocker }), await model.generate(prompts)];
 * const { total, per100Tokens, divergences } = measureInterventions(blocked, free);
 */
export function measureInterventions(
  blocked: readonly { ids: Int32Array; interventions?: number }[],
  unblocked: readonly { ids: Int32Array }[],
): Interventions {
  if (blocked.length !== unblocked.length) {
    throw new HyperfitError(
      'ERR_DATA',
      `expected a text without the blocker for each with it, got ${unblocked.length} for ${blocked.length}; write both from the same contexts`,
    );
  }
  const counts = blocked.map(({ interventions = 0 }) => interventions);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const tokens = blocked.reduce((sum, { ids }) => sum + ids.length, 0);
  return {
    counts,
    total,
    texts: counts.length,
    textsWithInterventions: counts.filter((count) => count > 0).length,
    per100Tokens: tokens === 0 ? null : (100 * total) / tokens,
    divergences: blocked.map(({ ids }, index) => firstDivergence(ids, unblocked[index]!.ids)),
  };
}
