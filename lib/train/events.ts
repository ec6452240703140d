/** One optimizer step. */
export interface StepEvent {
  /** Tells the events apart. */
  type: 'step';
  /** Counts from 1, through resumes. */
  step: number;
  /** The pass over the data that the step belongs to, counted from 1. */
  epoch: number;
  /** Mean over the step's predicted tokens, nats, under the weights before the step. */
  loss: number;
  /** Global L2 norm of the mean gradient, before clipping. */
  gradNorm: number;
  /** Of this step. */
  learningRate: number;
  /** Predicted tokens of the step. */
  tokens: number;
  /** Wall time of the step. */
  seconds: number;
  /** The step at which training ends at the latest, by `maxSteps` or `epochs`; null where only a target loss ends it. */
  totalSteps: number | null;
  /**
   * Seconds to `totalSteps` at the pace so far: that of the steps of this process and of what its reader did between them (evaluations,
   * checkpoints). A target loss may end training sooner. Null where `totalSteps` is.
   */
  secondsLeft: number | null;
}

/** The end of one pass over the data. */
export interface EpochEvent {
  /** Tells the events apart. */
  type: 'epoch';
  /** Optimizer steps so far. */
  step: number;
  /** Counted from 1. */
  epoch: number;
  /** Mean over every predicted token of the pass, nats; the weights moved between its steps. */
  meanLoss: number;
}

/** What a training tells as it goes: a step, or the end of an epoch. */
export type TrainEvent = StepEvent | EpochEvent;

/** How a training ended. */
export interface TrainResult {
  /** Which limit ended the training; `stopped`: none, its reader left. */
  reason: 'epochs' | 'maxSteps' | 'targetLoss' | 'stopped';
  /** Optimizer steps, through resumes. */
  step: number;
  /** Full passes done. */
  epochs: number;
  /** Mean training loss (nats per token) of the last full pass; null before the first. */
  loss: number | null;
}
