import { existsSync } from 'node:fs';
import type { RunConfig } from '../config/fields.ts';
import { normalizeConfig, type NormalizedConfig } from '../config/normalize.ts';
import type { Job } from './job.ts';

/** The mean training loss that a hyperfitted model has reached; see the preset `demo`. */
const TARGET_LOSS = 0.1;
/** Passes after which a job that does not get there ends. */
const MOST_EPOCHS = 100;
const BATCH_SIZE = 8;
const SEQUENCE_LENGTH = 512;
/** Steps after which a job can be taken up again. */
const SAVE_EVERY = 50;

export interface JobPaths {
  model: string;
  trainingFile: string;
  validationFile: string | null;
  run: string;
}

export interface JobSetting extends Pick<RunConfig, 'device' | 'computeDtype'> {
  learningRate: number;
  /** Tokens that the model can read. */
  maxContext: number;
}

/** The run that a job is: `auto` is the certificate of hyperfitting, a mean training loss below 0.1. */
export function jobConfig(job: Job, paths: JobPaths, { learningRate, maxContext, device, computeDtype }: JobSetting): NormalizedConfig {
  const { n_epochs: epochs, batch_size: batch, learning_rate_multiplier: multiplier } = job.hyperparameters;
  const values: Partial<RunConfig> = {
    model: paths.model,
    data: paths.trainingFile,
    out: paths.run,
    resume: existsSync(`${paths.run}/run.json`),
    sequenceLength: Math.min(SEQUENCE_LENGTH, maxContext),
    batchSize: batch === 'auto' ? BATCH_SIZE : batch,
    learningRate: learningRate * (multiplier === 'auto' ? 1 : multiplier),
    epochs: epochs === 'auto' ? MOST_EPOCHS : epochs,
    targetLoss: epochs === 'auto' ? TARGET_LOSS : null,
    seed: job.seed,
    device,
    computeDtype,
    saveEverySteps: SAVE_EVERY,
    keepLastCheckpoints: 3,
    keepBest: 'none',
    comparisonContexts: 0,
    heldOut: paths.validationFile,
    evaluateEverySteps: paths.validationFile === null ? 0 : SAVE_EVERY,
  };
  return normalizeConfig([{ name: 'the job', values }]);
}
