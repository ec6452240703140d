import { formatInterval, formatNumber, formatShare } from './format-number.ts';
import type { ReportVariant, VariantMetrics } from './report-data.ts';

/** One line of the comparison. */
export interface ComparisonMetric {
  label: string;
  /** For the terminal's narrow columns. */
  shortLabel: string;
  unit: string;
  /** What the short label stands for, in a few words. */
  meaning: string;
  /**
   * `text`: of the continuations; `answers`: of answers; `images`: of completed images; `model`: teacher-forced on held-out data, hence the
   * same for every way of decoding.
   */
  about: 'text' | 'answers' | 'images' | 'model';
  /** In which direction more diverse, or more original, lies; none where neither is better as such. */
  direction?: 'higher' | 'lower';
  format: (metrics: VariantMetrics) => string;
}

function formatTtr({ ttr, ttrStandardError }: VariantMetrics): string {
  if (typeof ttr !== 'number' || typeof ttrStandardError !== 'number') return formatNumber(ttr, 3);
  return `${formatNumber(ttr, 3)} ± ${formatNumber(ttrStandardError, 3)}`;
}

/** Every metric of a comparison; how many tokens a type-token ratio is over depends on what was written. */
export function comparisonMetrics(variants: readonly ReportVariant[]): readonly ComparisonMetric[] {
  const windows = variants.flatMap(({ metrics: { ttrWindow } }) => (typeof ttrWindow === 'number' ? [ttrWindow] : []));
  const window = windows.length === 0 ? undefined : Math.max(...windows);
  return [ttrMetric(window), ...METRICS];
}

function ttrMetric(window: number | undefined): ComparisonMetric {
  const over = window === undefined ? '' : `last ${window} tokens, `;
  return {
    label: 'Type-token ratio',
    shortLabel: window === undefined ? 'TTR' : `TTR(${window})`,
    unit: `${over}± standard error`,
    meaning: `distinct tokens over ${window === undefined ? 'tokens' : `the last ${window} tokens`} of a text, ± standard error`,
    about: 'text',
    direction: 'higher',
    format: formatTtr,
  };
}

const METRICS: readonly ComparisonMetric[] = [
  {
    label: 'Bigram repetition',
    shortLabel: 'rep-2',
    unit: 'share of bigrams',
    meaning: 'share of pairs of tokens that had occurred before',
    about: 'text',
    direction: 'lower',
    format: ({ rep2 }) => formatNumber(rep2, 3),
  },
  {
    label: 'Self-BLEU',
    shortLabel: 'Self-BLEU',
    unit: '0 to 1',
    meaning: 'likeness of the texts to each other',
    about: 'text',
    direction: 'lower',
    format: ({ selfBleu }) => formatNumber(selfBleu, 3),
  },
  {
    label: 'Longest training overlap',
    shortLabel: 'overlap',
    unit: 'tokens, mean / max',
    meaning: 'longest run of tokens that also stands in the training data, mean / max',
    about: 'text',
    direction: 'lower',
    format: ({ overlapMean, overlapMax }) => `${formatNumber(overlapMean, 1)} / ${formatNumber(overlapMax, 0)}`,
  },
  {
    label: 'Overlaps over 10 tokens',
    shortLabel: 'over 10',
    unit: 'share of texts',
    meaning: 'share of texts whose overlap is longer than 10 tokens',
    about: 'text',
    direction: 'lower',
    format: ({ overlapShareOver10 }) => formatShare(overlapShareOver10),
  },
  {
    label: 'Exact match',
    shortLabel: 'exact match',
    unit: 'equal to the reference; 95 % interval',
    meaning: 'share of answers whose text is the reference, with the 95 % interval',
    about: 'answers',
    format: ({ exactMatch, exactMatchLow, exactMatchHigh }) => formatInterval(exactMatch, exactMatchLow, exactMatchHigh),
  },
  {
    label: 'Right tokens',
    shortLabel: 'right tokens',
    unit: 'of the references, teacher-forced',
    meaning: 'share of tokens of the references that the model ranks first after the right ones before',
    about: 'answers',
    format: ({ tokenAccuracy }) => formatShare(tokenAccuracy),
  },
  {
    label: 'Loss of the right answers',
    shortLabel: 'answer loss',
    unit: 'nats per learnt token',
    meaning: 'of the right answers, nats per learnt token',
    about: 'answers',
    format: ({ answerLoss }) => formatNumber(answerLoss, 3),
  },
  {
    label: 'Ended by themselves',
    shortLabel: 'ended',
    unit: 'share of answers',
    meaning: 'share of answers that ended by themselves',
    about: 'answers',
    format: ({ endedShare }) => formatShare(endedShare),
  },
  {
    label: 'Length',
    shortLabel: 'length',
    unit: 'mean tokens, of answers / of references',
    meaning: 'mean tokens of answers / of references',
    about: 'answers',
    format: ({ answerLength, referenceLength }) => `${formatNumber(answerLength, 1)} / ${formatNumber(referenceLength, 1)}`,
  },
  {
    label: 'Row repeats',
    shortLabel: 'row repeats',
    unit: 'share of completed rows equal to the row above',
    meaning: 'share of completed rows equal to the row above',
    about: 'images',
    direction: 'lower',
    format: ({ rowRepeatRate }) => formatNumber(rowRepeatRate, 3),
  },
  {
    label: 'Palette TTR',
    shortLabel: 'palette TTR',
    unit: 'distinct / total ids, completed pixels',
    meaning: 'distinct over total colours of the completed pixels',
    about: 'images',
    direction: 'higher',
    format: ({ paletteTtr }) => formatNumber(paletteTtr, 3),
  },
  {
    label: 'Distinct rows',
    shortLabel: 'distinct rows',
    unit: 'share of completed rows',
    meaning: 'share of completed rows that differ',
    about: 'images',
    direction: 'higher',
    format: ({ distinctRows }) => formatNumber(distinctRows, 3),
  },
  {
    label: 'Training match',
    shortLabel: 'training match',
    unit: 'completed pixels equal to the nearest training image',
    meaning: 'share of completed pixels equal to the nearest training image',
    about: 'images',
    direction: 'lower',
    format: ({ trainingMatch }) => formatNumber(trainingMatch, 3),
  },
  {
    label: 'Entropy',
    shortLabel: 'entropy',
    unit: 'nats',
    meaning: 'of the predictions on held-out data, nats',
    about: 'model',
    format: ({ entropy }) => formatNumber(entropy, 2),
  },
  {
    label: 'Top-1 mass',
    shortLabel: 'top-1',
    unit: 'probability',
    meaning: 'probability of the likeliest next token there',
    about: 'model',
    format: ({ top1Mass }) => formatNumber(top1Mass, 3),
  },
  {
    label: 'Held-out loss',
    shortLabel: 'held-out',
    unit: 'nats per token',
    meaning: 'loss there, nats per token',
    about: 'model',
    format: ({ heldOutLoss }) => formatNumber(heldOutLoss, 2),
  },
  {
    label: 'Perplexity',
    shortLabel: 'perplexity',
    unit: 'exp of that loss',
    meaning: 'exp of that loss',
    about: 'model',
    format: ({ perplexity }) => formatNumber(perplexity, 1),
  },
];
