import { randomBytes } from 'node:crypto';

export type JobStatus = 'validating_files' | 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled';

export type Auto<T> = T | 'auto';

export interface Hyperparameters {
  /** `auto`: until the mean training loss is that of a hyperfitted model. */
  n_epochs: Auto<number>;
  batch_size: Auto<number>;
  /** Of the server's learning rate. */
  learning_rate_multiplier: Auto<number>;
}

/** A fine-tuning job as OpenAI's API describes it, and as it is kept. */
export interface Job {
  id: string;
  object: 'fine_tuning.job';
  model: string;
  /** Seconds since 1970, as all times here. */
  created_at: number;
  finished_at: number | null;
  estimated_finish: number | null;
  fine_tuned_model: string | null;
  organization_id: 'hyperfit';
  status: JobStatus;
  hyperparameters: Hyperparameters;
  method: { type: 'supervised'; supervised: { hyperparameters: Hyperparameters } };
  training_file: string;
  validation_file: string | null;
  result_files: string[];
  trained_tokens: number | null;
  error: { code: string; message: string; param: string | null } | null;
  user_provided_suffix: string | null;
  seed: number;
  integrations: [];
  metadata: Record<string, string> | null;
}

export interface JobEvent {
  object: 'fine_tuning.job.event';
  id: string;
  created_at: number;
  level: 'info' | 'warn' | 'error';
  message: string;
  type: 'message' | 'metrics';
  data: Record<string, unknown> | null;
}

export interface JobCheckpoint {
  object: 'fine_tuning.job.checkpoint';
  id: string;
  created_at: number;
  fine_tuned_model_checkpoint: string;
  fine_tuning_job_id: string;
  step_number: number;
  metrics: { step: number; train_loss: number | null; full_valid_loss: number | null };
}

export const newId = (prefix: string): string => `${prefix}-${randomBytes(12).toString('hex')}`;

export const secondsNow = (): number => Math.floor(Date.now() / 1000);

export function isOver({ status }: Job): boolean {
  return status === 'succeeded' || status === 'failed' || status === 'cancelled';
}

/** `ft:MODEL:hyperfit:SUFFIX:id`, as OpenAI names what comes of a job. */
export function tunedName({ id, model, user_provided_suffix: suffix }: Job): string {
  return `ft:${model}:hyperfit:${suffix ?? ''}:${id.slice(-8)}`;
}
