/**
 * Metrics, each with a signature that says how it was computed, and the statistics that compare them.
 * @module evaluate
 */
export { answersSignature, judgedContext, type AnswerContext, type AnswerMetrics, type AnswerOutcome } from '../evaluate/answers.ts';
export { bleuSignature, corpusBleu, sentenceBleu, type BleuOptions, type BleuScore, type BleuSmoothing } from '../evaluate/bleu.ts';
export { bradleyTerry, BRADLEY_TERRY_SIGNATURE, type BradleyTerry, type Match } from '../evaluate/bradley-terry.ts';
export {
  bootstrapMean,
  bootstrapRatio,
  bootstrapSignature,
  fewPairsWarning,
  pairedBootstrap,
  type BootstrapInterval,
  type BootstrapOptions,
  type Cluster,
  type PairedDifference,
} from '../evaluate/bootstrap.ts';
export { certify, type Certificate } from '../evaluate/certificate.ts';
export { crossedMean, CROSSED_SIGNATURE, type CrossedMean } from '../evaluate/crossed.ts';
export { DatasetBleu, datasetBleuSignature } from '../evaluate/dataset-bleu.ts';
export {
  evaluate,
  type EvaluableModel,
  type EvaluatedGeneration,
  type EvaluationOptions,
  type EvaluationResult,
} from '../evaluate/evaluation.ts';
export { trainingLossFloor } from '../evaluate/loss-floor.ts';
export { fleissKappa, FLEISS_KAPPA_SIGNATURE, type FleissKappa } from '../evaluate/fleiss-kappa.ts';
export { holm, HOLM_SIGNATURE } from '../evaluate/holm.ts';
export { measure, type MeasurableModel, type MeasureOptions } from '../evaluate/measure.ts';
export {
  firstDivergence,
  measureInterventions,
  measureMemorisation,
  MEMORISED_LENGTH,
  memorisationSignature,
  memorisedSpans,
  type Interventions,
  type MemorisedSpan,
  type Memorisation,
} from '../evaluate/memorisation.ts';
export { mauve, mauveOfSeeds, type Mauve, type MauveOptions } from '../evaluate/mauve.ts';
export { MAUVE_LEAST_TEXTS } from '../evaluate/mauve-least-texts.ts';
export { areaUnderCurve, divergenceCurve, type CurveOptions, type CurvePoint } from '../evaluate/mauve-curve.ts';
export type { Feature } from '../evaluate/mauve-projection.ts';
export {
  measureMauve,
  measureMauves,
  textFeatures,
  type FeatureModel,
  type FeatureOptions,
  type MauveTexts,
} from '../evaluate/mauve-texts.ts';
export { OverlapIndex, overlapSignature, type Overlap, type OverlapSummary } from '../evaluate/overlap.ts';
export { distinctN, distinctSignature, diversity, repetitionSignature, repN } from '../evaluate/repetition.ts';
export { selfBleu, selfBleuScores, selfBleuSignature } from '../evaluate/self-bleu.ts';
export { selfBleuPseudoValues, selfBleuWithoutEach, SELF_BLEU_JACKKNIFE_SIGNATURE } from '../evaluate/self-bleu-jackknife.ts';
export {
  EXACT_SIGN_FLIPS,
  signFlipTest,
  SIGN_FLIP_SIGNATURE,
  type SignFlipOptions,
  type SignFlipTest,
} from '../evaluate/sign-flip-test.ts';
export { signTest, SIGN_TEST_SIGNATURE, type SignTest } from '../evaluate/sign-test.ts';
export { measureTexts, TEXT_SIGNATURES, type TextMetrics } from '../evaluate/text-metrics.ts';
export { LIKELIHOOD_FORMULAS, signNumber } from '../evaluate/signature.ts';
export {
  TokenStatistics,
  tokenStatisticsSignature,
  type SequenceStatistics,
  type TokenStatisticsSummary,
  type TopKMass,
} from '../evaluate/token-statistics.ts';
export { tokenize13a } from '../evaluate/tokenize-13a.ts';
export {
  meanTypeTokenRatio,
  ttrSignature,
  TTR_WINDOW,
  ttrWindowOf,
  typeTokenRatio,
  typeTokenRatioByPosition,
} from '../evaluate/type-token-ratio.ts';
export { normalQuantile, wilsonInterval, wilsonSignature, type ProportionInterval } from '../evaluate/wilson.ts';
export type { Token, Tokens } from '../evaluate/ngrams.ts';
