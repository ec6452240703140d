import type { Row } from '../data/batch.ts';
import { HyperfitError } from '../errors.ts';
import { trainingLossFloor } from './loss-floor.ts';
import { measure, type MeasurableModel, type MeasureOptions } from './measure.ts';

/** How far a model has been fitted to its training sequences: the proof that a run is a hyperfitted one. */
export interface Certificate {
  /** Mean negative log-likelihood per predicted training token, nats. */
  meanLoss: number;
  /** The least that `meanLoss` can be for any model; see trainingLossFloor. Less than that means that targets leak or are wrong. */
  lossFloor: number;
  /** The largest mean loss of one training sequence, nats per token. */
  worstLoss: number;
  /** Share of training tokens that are the model's first choice after what precedes them. */
  top1Accuracy: number;
  /** Mean entropy of the predictions, nats. */
  entropy: number;
  /** How many it was measured on. */
  sequences: number;
  /** How many tokens there are. */
  tokens: number;
}

/**
 * Measures a model, without changing it, on the sequences it was trained on.
 * @throws HyperfitError ERR_DATA when no sequence has two tokens, and as `measure`
 *
 * @example
 * const { meanLoss, worstLoss, top1Accuracy, lossFloor } = await certify(model, trainingIds);
 */
export async function certify(model: MeasurableModel, sequences: readonly Row[], options: MeasureOptions = {}): Promise<Certificate> {
  const statistics = await measure(model, sequences, options);
  const summary = statistics.summarize();
  if (summary === null)
    throw new HyperfitError(
      'ERR_DATA',
      `expected sequences of two tokens or more for \`sequences\`, got ${sequences.length} without a token to predict; give training sequences`,
    );
  const each = statistics.sequences();
  return {
    meanLoss: summary.loss,
    lossFloor: trainingLossFloor(sequences) ?? 0,
    worstLoss: each.reduce((worst, { loss }) => Math.max(worst, loss), -Infinity),
    top1Accuracy: summary.top1Accuracy,
    entropy: summary.entropy,
    sequences: each.length,
    tokens: summary.tokenCount,
  };
}
