import { formatNumber, formatShare } from './format-number.ts';
import type { VariantMetrics } from './report-data.ts';

/** One line of the comparison. */
export interface ComparisonMetric {
  label: string;
  /** For the terminal's narrow columns. */
  shortLabel: string;
  unit: string;
  /** `text`: of the continuations; `images`: of completed images; `model`: teacher-forced on held-out text, hence the same for every way of decoding. */
  about: 'text' | 'images' | 'model';
  /** In which direction more diverse, or more original, lies; none where neither is better as such. */
  direction?: 'higher' | 'lower';
  format: (metrics: VariantMetrics) => string;
}

function formatTtr({ ttr, ttrStandardError }: VariantMetrics): string {
  if (typeof ttr !== 'number' || typeof ttrStandardError !== 'number') return formatNumber(ttr, 3);
  return `${formatNumber(ttr, 3)} ± ${formatNumber(ttrStandardError, 3)}`;
}

export const COMPARISON_METRICS: readonly ComparisonMetric[] = [
  { label: 'Type-token ratio', shortLabel: 'TTR(96)', unit: 'last 96 tokens, ± standard error', about: 'text', direction: 'higher', format: formatTtr },
  { label: 'Bigram repetition', shortLabel: 'rep-2', unit: 'share of bigrams', about: 'text', direction: 'lower', format: ({ rep2 }) => formatNumber(rep2, 3) },
  { label: 'Self-BLEU', shortLabel: 'Self-BLEU', unit: '0 to 1', about: 'text', direction: 'lower', format: ({ selfBleu }) => formatNumber(selfBleu, 3) },
  {
    label: 'Longest training overlap',
    shortLabel: 'overlap',
    unit: 'tokens, mean / max',
    about: 'text',
    direction: 'lower',
    format: ({ overlapMean, overlapMax }) => `${formatNumber(overlapMean, 1)} / ${formatNumber(overlapMax, 0)}`,
  },
  { label: 'Overlaps over 10 tokens', shortLabel: 'over 10', unit: 'share of texts', about: 'text', direction: 'lower', format: ({ overlapShareOver10 }) => formatShare(overlapShareOver10) },
  { label: 'Row repeats', shortLabel: 'row repeats', unit: 'share of completed rows equal to the row above', about: 'images', direction: 'lower', format: ({ rowRepeatRate }) => formatNumber(rowRepeatRate, 3) },
  { label: 'Palette TTR', shortLabel: 'palette TTR', unit: 'distinct / total ids, completed pixels', about: 'images', direction: 'higher', format: ({ paletteTtr }) => formatNumber(paletteTtr, 3) },
  { label: 'Distinct rows', shortLabel: 'distinct rows', unit: 'share of completed rows', about: 'images', direction: 'higher', format: ({ distinctRows }) => formatNumber(distinctRows, 3) },
  { label: 'Training match', shortLabel: 'training match', unit: 'completed pixels equal to the nearest training image', about: 'images', direction: 'lower', format: ({ trainingMatch }) => formatNumber(trainingMatch, 3) },
  { label: 'Entropy', shortLabel: 'entropy', unit: 'nats', about: 'model', format: ({ entropy }) => formatNumber(entropy, 2) },
  { label: 'Top-1 mass', shortLabel: 'top-1', unit: 'probability', about: 'model', format: ({ top1Mass }) => formatNumber(top1Mass, 3) },
  { label: 'Held-out loss', shortLabel: 'held-out', unit: 'nats per token', about: 'model', format: ({ heldOutLoss }) => formatNumber(heldOutLoss, 2) },
  { label: 'Perplexity', shortLabel: 'perplexity', unit: 'exp of that loss', about: 'model', format: ({ perplexity }) => formatNumber(perplexity, 1) },
];
