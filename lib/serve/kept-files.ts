import { z } from 'zod';
import type { Job, JobCheckpoint, JobEvent } from './job.ts';
import type { StoredFile } from './file-store.ts';

/** What the folder of a server keeps, as it must be to be used: somebody may have changed it, and what a job names becomes a path. */

const FILE_ID = /^file-[0-9a-f]{24}$/;
const seconds = z.number();
const auto = z.union([z.number(), z.literal('auto')]);
const hyperparameters = z.looseObject({ n_epochs: auto, batch_size: auto, learning_rate_multiplier: auto });

const job = z.looseObject({
  id: z.string(),
  object: z.literal('fine_tuning.job'),
  model: z.string(),
  created_at: seconds,
  finished_at: seconds.nullable(),
  fine_tuned_model: z.string().nullable(),
  status: z.enum(['validating_files', 'queued', 'running', 'succeeded', 'failed', 'cancelled']),
  hyperparameters,
  method: z.looseObject({ type: z.literal('supervised'), supervised: z.looseObject({ hyperparameters }) }),
  training_file: z.string().regex(FILE_ID),
  validation_file: z.string().regex(FILE_ID).nullable(),
  result_files: z.array(z.string()),
  trained_tokens: z.number().nullable(),
  error: z.looseObject({ code: z.string(), message: z.string(), param: z.string().nullable() }).nullable(),
  user_provided_suffix: z.string().nullable(),
  seed: z.number(),
  metadata: z.unknown(),
});
const event = z.looseObject({
  object: z.literal('fine_tuning.job.event'),
  id: z.string(),
  created_at: seconds,
  level: z.enum(['info', 'warn', 'error']),
  message: z.string(),
});
const checkpoint = z.looseObject({
  object: z.literal('fine_tuning.job.checkpoint'),
  id: z.string(),
  created_at: seconds,
  fine_tuned_model_checkpoint: z.string(),
  step_number: z.number(),
  metrics: z.looseObject({ step: z.number() }),
});
const file = z.looseObject({
  id: z.string(),
  object: z.literal('file'),
  bytes: z.number(),
  created_at: seconds,
  filename: z.string(),
  purpose: z.string(),
  status: z.literal('processed'),
});

/** @throws Error in words, for a folder of another name too */
export function readJob(text: string, id: string): Job {
  const kept = check(job, JSON.parse(text), 'job.json');
  if (kept.id !== id) throw new Error(`its job.json is of "${kept.id.slice(0, 100)}"`);
  return kept as unknown as Job;
}

/** Lines that are no events are left out: a crash may have cut the last one short. */
export function readEvents(text: string): JobEvent[] {
  return text.split('\n').flatMap((line) => parsed(event, line) as unknown as JobEvent[]);
}

export function readCheckpoints(text: string): JobCheckpoint[] {
  return parsed(z.array(checkpoint), text).flat() as unknown as JobCheckpoint[];
}

/** @throws Error */
export function readStoredFile(text: string, id: string): StoredFile {
  const kept = check(file, JSON.parse(text), 'file.json');
  if (kept.id !== id) throw new Error(`its file.json is of "${kept.id.slice(0, 100)}"`);
  return kept as unknown as StoredFile;
}

function check<T>(schema: z.ZodType<T>, value: unknown, name: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new Error(`its ${name} has no right \`${issue?.path.join('.') ?? ''}\` (${issue?.message ?? 'something else'})`);
}

function parsed<T>(schema: z.ZodType<T>, text: string): T[] {
  try {
    return [schema.parse(JSON.parse(text))];
  } catch {
    return [];
  }
}
