import type { BestCheckpoint } from '../checkpoint/best-checkpoint.ts';
import type { RunConfig } from '../config/fields.ts';
import type { Certificate } from '../evaluate/certificate.ts';
import type { LossFunction } from '../model/model-batch.ts';
import type { TrainEvent, TrainResult } from '../train/events.ts';
import type { BestEvent } from './best-keeper.ts';
import type { ComparedVariant, ComparisonParts } from './comparison.ts';
import type { ValidationRecord } from './validation.ts';

/** What happens in a run, in order. */
export type RunEvent =
  | TrainEvent
  | ValidationRecord
  | BestEvent
  | { type: 'start'; folder: string; step: number; sequences: number; stepsPerEpoch: number; totalSteps: number | null }
  | { type: 'note'; message: string }
  | { type: 'checkpoint'; step: number; path: string };

/** Who hears of a run, and what ends it. */
export interface RunHooks {
  /** Told of each step, epoch, evaluation and checkpoint. */
  onEvent?: (event: RunEvent) => void;
  /** Told of what is worth knowing and stops nothing. */
  onWarning?: (message: string) => void;
  /** Told of each token of the comparison's continuations. */
  onTokens?: ComparisonParts['onTokens'];
  /** Asked after every step: true finishes the run there, with a checkpoint and without the closing measurements. */
  shouldStop?: () => boolean | Promise<boolean>;
  /** Ends the work; the promise rejects with its reason. */
  signal?: AbortSignal;
  /**
   * Trained on in the place of cross-entropy, which held-out losses, the certificate and the closing measurements still tell; see
   * LossFunction.
   */
  loss?: LossFunction;
}

/** How a run ended, and where its files are. */
export interface RunResult {
  /** Of the run. */
  folder: string;
  /** Which limit ended it. */
  reason: TrainResult['reason'];
  /** Optimizer steps so far. */
  step: number;
  /** Full passes done. */
  epochs: number;
  /** Mean training loss of the last full epoch, nats per token; null before the first. */
  loss: number | null;
  /** Path of the last one; null where none was written. */
  checkpoint: string | null;
  /** How far the training text was learnt; null where nothing was trained. */
  certificate: (Certificate & { steps: number; changedShare: number | null; quantize: RunConfig['quantize'] }) | null;
  /** A row each of the closing comparison. */
  comparison: ComparedVariant[];
  /** The best of the evaluated steps, as far as they were kept. */
  best: BestCheckpoint[];
  /** Path of report.html; null where none was written. */
  report: string | null;
}
