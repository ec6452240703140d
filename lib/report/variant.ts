import type { EvaluationResult } from '../evaluate/evaluation.ts';
import type { ImageMetrics } from '../image/image-metrics.ts';
import type { ReportVariant } from './report-data.ts';

/** A column of the comparison from an evaluation, and of images from what was measured of those. */
export function makeVariant(name: string, isHyperfitted: boolean, evaluation: EvaluationResult, image?: ImageMetrics | null): ReportVariant {
  const { overlap, intervals, counts } = evaluation;
  return {
    name,
    isHyperfitted,
    metrics: {
      ttr: evaluation.ttr,
      ttrStandardError: intervals.ttr?.standardError ?? null,
      rep2: evaluation.rep[2],
      ...image,
      selfBleu: evaluation.selfBleu,
      overlapMean: overlap?.mean ?? null,
      overlapMax: overlap?.max ?? null,
      overlapShareOver10: overlap?.shareOver10 ?? null,
      heldOutLoss: evaluation.loss,
      perplexity: evaluation.perplexity,
      entropy: evaluation.entropy,
      top1Mass: evaluation.topKMass?.[1] ?? null,
      contexts: counts.contexts,
    },
  };
}
