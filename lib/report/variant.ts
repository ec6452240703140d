import type { EvaluationResult } from '../evaluate/evaluation.ts';
import type { AnswerMetrics } from '../evaluate/answers.ts';
import { ttrWindowOf } from '../evaluate/type-token-ratio.ts';
import type { ImageMetrics } from '../image/image-metrics.ts';
import type { ReportVariant, VariantMetrics } from './report-data.ts';

/**
 * A column of the comparison from an evaluation, and of images from what was measured of those.
 *
 * @example
 * const evaluation = await evaluate(model, { heldOut, contexts: contexts.map(({ context }) => context) });
 * console.log(renderComparisonTable([makeVariant('hyperfitted, greedy', true, evaluation)]));
 */
export function makeVariant(
  name: string,
  isHyperfitted: boolean,
  evaluation: EvaluationResult,
  image?: ImageMetrics | null,
): ReportVariant {
  const { overlap, intervals, counts, answers = null } = evaluation;
  return {
    name,
    isHyperfitted,
    metrics: {
      ttr: evaluation.ttr,
      ttrStandardError: intervals.ttr?.standardError ?? null,
      ttrWindow: evaluation.ttr === null ? null : (evaluation.ttrWindow ?? ttrWindowOf(evaluation.generations.map(({ ids }) => ids))),
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
      contexts: answers === null ? counts.contexts : counts.contexts - answers.count,
      ...(answers === null ? {} : answerFigures(answers)),
    },
  };
}

function answerFigures({
  count,
  exactMatch,
  endedShare,
  meanLength,
  meanReferenceLength,
  loss,
  tokenAccuracy,
}: AnswerMetrics): VariantMetrics {
  const match =
    exactMatch === null
      ? {}
      : {
          exactMatch: exactMatch.share,
          exactMatchLow: exactMatch.low,
          exactMatchHigh: exactMatch.high,
          exactMatches: exactMatch.matches,
          references: exactMatch.references,
        };
  return {
    answers: count,
    ...match,
    endedShare,
    answerLength: meanLength,
    referenceLength: meanReferenceLength,
    answerLoss: loss,
    tokenAccuracy,
  };
}
