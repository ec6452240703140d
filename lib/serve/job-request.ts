import { shown } from '../generate/check-ids.ts';
import { invalid } from './api-error.ts';
import type { Fields } from './fields.ts';
import { newId, secondsNow, type Auto, type Hyperparameters, type Job } from './job.ts';

/** A body of POST /v1/fine_tuning/jobs. @throws ApiError naming what is wrong */
export function readJobRequest(fields: Fields): Job {
  const method = readMethod(fields);
  const older = readHyperparameters(fields.object('hyperparameters'));
  const hyperparameters = method ?? older;
  const job: Job = {
    id: newId('ftjob'),
    object: 'fine_tuning.job',
    model: required(fields, 'model', 'the name of a model'),
    created_at: secondsNow(),
    finished_at: null,
    estimated_finish: null,
    fine_tuned_model: null,
    organization_id: 'hyperfit',
    status: 'queued',
    hyperparameters,
    method: { type: 'supervised', supervised: { hyperparameters } },
    training_file: required(fields, 'training_file', 'the id of an uploaded file'),
    validation_file: fields.text('validation_file') ?? null,
    result_files: [],
    trained_tokens: null,
    error: null,
    user_provided_suffix: readSuffix(fields),
    seed: fields.whole('seed', { most: 2 ** 32 }) ?? 0,
    integrations: [],
    metadata: (fields.value('metadata') as Record<string, string> | undefined) ?? null,
  };
  fields.unsupported('integrations', (value) => Array.isArray(value) && value.length === 0, 'nothing leaves this machine');
  fields.requireAllRead();
  return job;
}

function required(fields: Fields, name: string, expected: string): string {
  const value = fields.text(name);
  if (value === undefined) throw fields.refuse(name, expected, value);
  return value;
}

function readSuffix(fields: Fields): string | null {
  const suffix = fields.text('suffix') ?? null;
  if (suffix !== null && !/^[\w.-]{1,64}$/.test(suffix))
    throw fields.refuse('suffix', 'up to 64 letters, digits, ".", "_" and "-"', suffix);
  return suffix;
}

function readMethod(fields: Fields): Hyperparameters | undefined {
  const method = fields.object('method');
  if (method === undefined) return undefined;
  const type = method.value('type');
  if (type !== 'supervised')
    throw invalid(`expected "supervised" for \`method.type\`, got ${shown(type)}; hyperfit trains on examples`, 'method.type');
  const supervised = method.object('supervised');
  const hyperparameters = readHyperparameters(supervised?.object('hyperparameters'));
  supervised?.requireAllRead();
  method.requireAllRead();
  return hyperparameters;
}

function readHyperparameters(fields: Fields | undefined): Hyperparameters {
  const read = {
    n_epochs: auto(fields, 'n_epochs', () => fields!.whole('n_epochs', { least: 1, most: 10_000 })),
    batch_size: auto(fields, 'batch_size', () => fields!.whole('batch_size', { least: 1, most: 1024 })),
    learning_rate_multiplier: auto(fields, 'learning_rate_multiplier', () =>
      fields!.number('learning_rate_multiplier', { least: 1e-6, most: 1e6 }),
    ),
  };
  fields?.requireAllRead();
  return read;
}

function auto(fields: Fields | undefined, name: string, read: () => number | undefined): Auto<number> {
  return fields === undefined || fields.value(name) === 'auto' ? 'auto' : (read() ?? 'auto');
}
