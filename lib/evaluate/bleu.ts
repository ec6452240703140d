import { HyperfitError } from '../errors.ts';
import { addStatistics, emptyStatistics, segmentStatistics, type BleuStatistics } from './bleu-statistics.ts';
import type { Tokens } from './ngrams.ts';

/** How a precision without any match is treated; names and defaults are sacrebleu's. */
export type BleuSmoothing = 'none' | 'floor' | 'add-k' | 'exp';

/** Of `sentenceBleu` and `corpusBleu`. */
export interface BleuOptions {
  /** Default 4. */
  maxOrder?: number;
  /** Default `exp`. */
  smoothing?: BleuSmoothing;
  /** For `floor` (default 0.1) and `add-k` (default 1). */
  smoothingValue?: number;
  /** Leave out orders for which the hypothesis is too short; sensible for single sentences. Default false. */
  effectiveOrder?: boolean;
}

/** BLEU with what it is made of (Papineni et al. 2002), as sacreBLEU computes it. */
export interface BleuScore {
  /** In [0, 100]. */
  score: number;
  /** Per order, in percent. */
  precisions: number[];
  /** exp(1 - r / c) for short hypotheses, else 1. */
  brevityPenalty: number;
  /** In tokens. */
  hypothesisLength: number;
  /** Sum over segments of the length of the reference nearest in length, the shorter one on ties. */
  referenceLength: number;
}

const DEFAULT_VALUES = { none: 0, floor: 0.1, 'add-k': 1, exp: 0 } as const;

/**
 * In sacrebleu's manner, e.g. `bleu|nrefs:2|order:4|eff:no|tok:token-ids|smooth:floor[0.10]`.
 *
 * @example
 * bleuSignature({ references: 2, smoothing: 'floor' }); // bleu|nrefs:2|order:4|eff:no|tok:token-ids|smooth:floor[0.10]
 */
export function bleuSignature(options: BleuOptions & { references: number | string; tokenizer?: string }): string {
  const { smoothing = 'exp', maxOrder = 4, effectiveOrder = false, tokenizer = 'token-ids' } = options;
  const value = options.smoothingValue ?? DEFAULT_VALUES[smoothing];
  const smooth = smoothing === 'floor' || smoothing === 'add-k' ? `${smoothing}[${value.toFixed(2)}]` : smoothing;
  return `bleu|nrefs:${options.references}|order:${maxOrder}|eff:${effectiveOrder ? 'yes' : 'no'}|tok:${tokenizer}|smooth:${smooth}`;
}

/**
 * BLEU of a set of hypotheses: counts are summed over segments before precisions are taken. `references[i]` are all references of
 * `hypotheses[i]`. Sources: Papineni et al. 2002; smoothing: Chen and Cherry 2014; every detail: sacrebleu 2 (Post 2018).
 * @throws HyperfitError ERR_DATA when the lists differ in length or a hypothesis has no reference
 *
 * @example
 * const written = ['The whale swam away.', 'He followed it all night.'].map(tokenize13a);
 * const references = [['The whale swam off.'], ['He followed it all night.']].map((texts) => texts.map(tokenize13a));
 * corpusBleu(written, references).score; // 74.19
 */
export function corpusBleu(
  hypotheses: readonly Tokens[],
  references: readonly (readonly Tokens[])[],
  options: BleuOptions = {},
): BleuScore {
  if (hypotheses.length !== references.length) {
    throw new HyperfitError(
      'ERR_DATA',
      `expected one list of references for each of ${hypotheses.length} hypotheses, got ${references.length}; pair them`,
    );
  }
  const maxOrder = options.maxOrder ?? 4;
  const total = hypotheses.reduce(
    (sum, hypothesis, index) => addStatistics(sum, segmentStatistics(hypothesis, references[index]!, maxOrder)),
    emptyStatistics(maxOrder),
  );
  return scoreStatistics(total, options);
}

/**
 * BLEU of one segment against one or more references. See `corpusBleu`.
 * @throws HyperfitError ERR_DATA without a reference
 *
 * @example
 * sentenceBleu(['the', 'white', 'whale'], [['the', 'white', 'whale', 'swam']], { effectiveOrder: true }).score; // 71.65
 */
export function sentenceBleu(hypothesis: Tokens, references: readonly Tokens[], options: BleuOptions = {}): BleuScore {
  return corpusBleu([hypothesis], [references], options);
}

function scoreStatistics(statistics: BleuStatistics, options: BleuOptions): BleuScore {
  const { hypothesisLength, referenceLength } = statistics;
  const brevityPenalty = brevity(hypothesisLength, referenceLength);
  const { precisions, order } = smoothPrecisions(statistics, options);
  const logs = precisions.slice(0, order).map((precision) => Math.log(precision));
  const score = statistics.matches.some((count) => count > 0)
    ? brevityPenalty * Math.exp(logs.reduce((sum, log) => sum + log, 0) / order)
    : 0;
  return { score, precisions, brevityPenalty, hypothesisLength, referenceLength };
}

function brevity(hypothesisLength: number, referenceLength: number): number {
  if (hypothesisLength >= referenceLength) return 1;
  return hypothesisLength === 0 ? 0 : Math.exp(1 - referenceLength / hypothesisLength);
}

/** Precisions in percent; orders beyond the first that no segment reaches stay 0. */
function smoothPrecisions(statistics: BleuStatistics, options: BleuOptions): { precisions: number[]; order: number } {
  const { smoothing = 'exp', effectiveOrder = false } = options;
  const value = options.smoothingValue ?? DEFAULT_VALUES[smoothing];
  const precisions = new Array<number>(statistics.matches.length).fill(0);
  let order = precisions.length;
  if (!statistics.matches.some((count) => count > 0)) return { precisions, order };
  let halvings = 1;
  for (let index = 0; index < precisions.length; index += 1) {
    const added = smoothing === 'add-k' && index > 0 ? value : 0;
    const matches = statistics.matches[index]! + added;
    const total = statistics.totals[index]! + added;
    if (total === 0) break;
    if (effectiveOrder) order = index + 1;
    if (matches === 0 && smoothing === 'exp') halvings *= 2;
    precisions[index] = (100 * (matches > 0 ? matches : unmatched(smoothing, value, halvings))) / total;
  }
  return { precisions, order };
}

/** The count that stands for "no match". */
function unmatched(smoothing: BleuSmoothing, value: number, halvings: number): number {
  if (smoothing === 'exp') return 1 / halvings;
  return smoothing === 'floor' ? value : 0;
}
