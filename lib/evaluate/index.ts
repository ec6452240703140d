export { answersSignature, judgedContext, type AnswerContext, type AnswerMetrics, type AnswerOutcome } from './answers.ts';
export { bleuSignature, corpusBleu, sentenceBleu, type BleuOptions, type BleuScore, type BleuSmoothing } from './bleu.ts';
export { bradleyTerry, BRADLEY_TERRY_SIGNATURE, type BradleyTerry, type Match } from './bradley-terry.ts';
export { bootstrapMean, bootstrapRatio, bootstrapSignature, fewPairsWarning, pairedBootstrap, type BootstrapInterval, type BootstrapOptions, type Cluster, type PairedDifference } from './bootstrap.ts';
export { certify, type Certificate } from './certificate.ts';
export { crossedMean, CROSSED_SIGNATURE, type CrossedMean } from './crossed.ts';
export { DatasetBleu, datasetBleuSignature } from './dataset-bleu.ts';
export { evaluate, type EvaluableModel, type EvaluatedGeneration, type EvaluationOptions, type EvaluationResult } from './evaluation.ts';
export { trainingLossFloor } from './loss-floor.ts';
export { fleissKappa, FLEISS_KAPPA_SIGNATURE, type FleissKappa } from './fleiss-kappa.ts';
export { holm, HOLM_SIGNATURE } from './holm.ts';
export { measure, type MeasurableModel, type MeasureOptions } from './measure.ts';
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
} from './memorisation.ts';
export { mauve, mauveOfSeeds, MAUVE_LEAST_TEXTS, type Mauve, type MauveOptions } from './mauve.ts';
export { areaUnderCurve, divergenceCurve, type CurveOptions, type CurvePoint } from './mauve-curve.ts';
export type { Feature } from './mauve-projection.ts';
export { measureMauve, measureMauves, textFeatures, type FeatureModel, type FeatureOptions, type MauveTexts } from './mauve-texts.ts';
export { OverlapIndex, overlapSignature, type Overlap, type OverlapSummary } from './overlap.ts';
export { distinctN, distinctSignature, diversity, repetitionSignature, repN } from './repetition.ts';
export { selfBleu, selfBleuScores, selfBleuSignature } from './self-bleu.ts';
export { selfBleuPseudoValues, selfBleuWithoutEach, SELF_BLEU_JACKKNIFE_SIGNATURE } from './self-bleu-jackknife.ts';
export { EXACT_SIGN_FLIPS, signFlipTest, SIGN_FLIP_SIGNATURE, type SignFlipOptions, type SignFlipTest } from './sign-flip-test.ts';
export { signTest, SIGN_TEST_SIGNATURE, type SignTest } from './sign-test.ts';
export { measureTexts, TEXT_SIGNATURES, type TextMetrics } from './text-metrics.ts';
export { LIKELIHOOD_FORMULAS, signNumber } from './signature.ts';
export { TokenStatistics, tokenStatisticsSignature, type SequenceStatistics, type TokenStatisticsSummary, type TopKMass } from './token-statistics.ts';
export { tokenize13a } from './tokenize-13a.ts';
export { meanTypeTokenRatio, ttrSignature, TTR_WINDOW, ttrWindowOf, typeTokenRatio, typeTokenRatioByPosition } from './type-token-ratio.ts';
export { normalQuantile, wilsonInterval, wilsonSignature, type ProportionInterval } from './wilson.ts';
export type { Token, Tokens } from './ngrams.ts';
