/** One optimizer step. */
export interface StepEvent {
  type: 'step';
  /** Counts from 1, through resumes. */
  step: number;
  /** The pass over the data that the step belongs to, counted from 1. */
  epoch: number;
  /** Mean over the step's predicted tokens, nats, under the weights before the step. */
  loss: number;
  /** Global L2 norm of the mean gradient, before clipping. */
  gradNorm: number;
  learningRate: number;
  /** Predicted tokens of the step. */
  tokens: number;
  /** Wall time of the step. */
  seconds: number;
  /** The step at which training ends at the latest, by `maxSteps` or `epochs`; null where only a target loss ends it. */
  totalSteps: number | null;
  /**
   * Seconds to `totalSteps` at the pace so far: that of the steps of this process and of what its reader did between them (evaluations, checkpoints).
   * A target loss may end training sooner. Null where `totalSteps` is.
   */
  secondsLeft: number | null;
}

/** The end of one pass over the data. */
export interface EpochEvent {
  type: 'epoch';
  step: number;
  epoch: number;
  /** Mean over every predicted token of the pass, nats; the weights moved between its steps. */
  meanLoss: number;
}

export type TrainEvent = StepEvent | EpochEvent;

export interface TrainResult {
  /** Which limit ended the training; `stopped`: none, its reader left. */
  reason: 'epochs' | 'maxSteps' | 'targetLoss' | 'stopped';
  step: number;
  /** Full passes done. */
  epochs: number;
  /** Mean training loss (nats per token) of the last full pass; null before the first. */
  loss: number | null;
}
