import type { BestCheckpoint } from '../checkpoint/best-checkpoint.ts';
import type { RunConfig } from '../config/fields.ts';
import type { Certificate } from '../evaluate/certificate.ts';
import type { LossFunction } from '../model/model-batch.ts';
import type { TrainEvent, TrainResult } from '../train/events.ts';
import type { BestEvent } from './best-keeper.ts';
import type { ComparedVariant, ComparisonParts } from './comparison.ts';
import type { ValidationRecord } from './validation.ts';

export type RunEvent =
  | TrainEvent
  | ValidationRecord
  | BestEvent
  | { type: 'start'; folder: string; step: number; sequences: number; stepsPerEpoch: number; totalSteps: number | null }
  | { type: 'note'; message: string }
  | { type: 'checkpoint'; step: number; path: string };

export interface RunHooks {
  onEvent?: (event: RunEvent) => void;
  onWarning?: (message: string) => void;
  /** Told of each token of the comparison's continuations. */
  onTokens?: ComparisonParts['onTokens'];
  /** Asked after every step: true finishes the run there, with a checkpoint and without the closing measurements. */
  shouldStop?: () => boolean | Promise<boolean>;
  signal?: AbortSignal;
  /** Trained on in the place of cross-entropy, which held-out losses, the certificate and the closing measurements still tell; see LossFunction. */
  loss?: LossFunction;
}

export interface RunResult {
  folder: string;
  reason: TrainResult['reason'];
  step: number;
  epochs: number;
  /** Mean training loss of the last full epoch, nats per token; null before the first. */
  loss: number | null;
  checkpoint: string | null;
  certificate: (Certificate & { steps: number; changedShare: number | null; quantize: RunConfig['quantize'] }) | null;
  comparison: ComparedVariant[];
  /** The best of the evaluated steps, as far as they were kept. */
  best: BestCheckpoint[];
  report: string | null;
}
