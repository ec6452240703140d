import { mean } from './mean.ts';
import { overlapSignature, type OverlapIndex, type OverlapSummary } from './overlap.ts';
import { distinctN, distinctSignature, diversity, repetitionSignature, repN } from './repetition.ts';
import { selfBleu, selfBleuSignature } from './self-bleu.ts';
import { meanTypeTokenRatio, ttrSignature, ttrWindowOf } from './type-token-ratio.ts';

/** What can be said of continuations without the model. Null where there is too little text. */
export interface TextMetrics {
  /** Mean type-token ratio of the last `ttrWindow` tokens, in [0, 1]. */
  ttr: number | null;
  /** Tokens that the ratio is taken over: 96, or as many as the longest continuation has. */
  ttrWindow: number | null;
  /** Share of n-grams that had already occurred in their text, in [0, 1]. */
  rep: { 2: number | null; 3: number | null; 4: number | null };
  /** Share of n-grams that differ, over all texts together, in [0, 1]. */
  distinct: { 1: number | null; 2: number | null; 3: number | null; 4: number | null };
  /** Product of 1 - rep-n for n from 2 to 4. */
  diversity: number | null;
  /** In [0, 1]; lower is more diverse. */
  selfBleu: number | null;
  /** Null when no training sequences were given. */
  overlap: OverlapSummary | null;
  /** Mean tokens of a continuation. */
  meanLength: number | null;
}

/** How each of `measureTexts` was computed, for a table. */
export const TEXT_SIGNATURES = {
  ttr: ttrSignature(),
  rep: repetitionSignature(),
  distinct: distinctSignature(),
  selfBleu: selfBleuSignature(),
  overlap: overlapSignature(),
} as const;

/**
 * TTR, repetition, distinct n-grams, diversity and Self-BLEU of one set of continuations (their contexts left out), as ids, and with an
 * index of the training sequences the overlap. Shares are 0 to 1; what no text is long enough for is null. Each has its source at its own
 * function.
 *
 * @example
 * const texts = generations.map(({ ids }) => ids);
 * const { ttr, rep, overlap } = measureTexts(texts, new OverlapIndex(trainingIds));
 */
export function measureTexts(continuations: readonly Int32Array[], overlapIndex?: OverlapIndex): TextMetrics {
  const distinct = (n: number): number | null => distinctN(continuations, n);
  return {
    ttr: meanTypeTokenRatio(continuations),
    ttrWindow: ttrWindowOf(continuations),
    rep: { 2: repN(continuations, 2), 3: repN(continuations, 3), 4: repN(continuations, 4) },
    distinct: { 1: distinct(1), 2: distinct(2), 3: distinct(3), 4: distinct(4) },
    diversity: diversity(continuations),
    selfBleu: selfBleu(continuations),
    overlap: overlapIndex === undefined ? null : overlapIndex.summarize(continuations),
    meanLength: mean(continuations.map(({ length }) => length)),
  };
}
