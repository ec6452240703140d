import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FileStore } from '../../lib/serve/file-store.ts';
import { JobStore } from '../../lib/serve/job-store.ts';
import { freshFolder } from '../train/tiny.ts';

/** What a server finds in its folder when it is started again, and somebody has been there. */

const ID = 'ftjob-0123456789abcdef01234567';
const FILE = 'file-0123456789abcdef01234567';
const hyperparameters = { n_epochs: 'auto', batch_size: 4, learning_rate_multiplier: 1 };
const JOB = {
  id: ID,
  object: 'fine_tuning.job',
  model: 'tiny',
  created_at: 1,
  finished_at: null,
  fine_tuned_model: null,
  status: 'queued',
  hyperparameters,
  method: { type: 'supervised', supervised: { hyperparameters } },
  training_file: FILE,
  validation_file: null,
  result_files: [],
  trained_tokens: null,
  error: null,
  user_provided_suffix: null,
  seed: 1,
  metadata: null,
};
const EVENT = { object: 'fine_tuning.job.event', id: 'e', created_at: 1, level: 'info', message: 'x' };

async function openWith(files: Readonly<Record<string, string>>): Promise<{ jobs: JobStore; warnings: string[] }> {
  const folder = freshFolder();
  mkdirSync(join(folder, ID), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, ID, name), text);
  const warnings: string[] = [];
  return { jobs: await JobStore.open(folder, (message) => warnings.push(message)), warnings };
}

test.each([
  ['nothing', null, /has no right/],
  ['another job', { ...JOB, id: 'ftjob-ffffffffffffffffffffffff' }, /is of "ftjob-f/],
  ['a folder in the place of its name', { ...JOB, id: '../../escaped' }, /is of "\.\.\/\.\.\/escaped"/],
  ['a folder in the place of a file', { ...JOB, training_file: '../../escaped' }, /`training_file`/],
  ['a state that there is not', { ...JOB, status: 'lost' }, /`status`/],
  ['no settings', { ...JOB, hyperparameters: null }, /`hyperparameters`/],
])('a job that says %s is passed over in words', async (_, job, problem) => {
  const { jobs, warnings } = await openWith({ 'job.json': JSON.stringify(job) });
  expect(jobs.list).toEqual([]);
  expect(warnings).toEqual([expect.stringMatching(problem)]);
});

test('events and checkpoints that are none are left out', async () => {
  const { jobs, warnings } = await openWith({
    'job.json': JSON.stringify(JOB),
    'events.jsonl': `${JSON.stringify(EVENT)}\nnull\n{"a":1}\n{"object`,
    'checkpoints.json': '[null]',
  });
  expect([jobs.list.length, jobs.events(ID), jobs.checkpoints(ID), warnings]).toEqual([1, [EVENT], [], []]);
});

test('a file whose description is of another is not there', async () => {
  const folder = freshFolder();
  mkdirSync(join(folder, FILE), { recursive: true });
  writeFileSync(join(folder, FILE, 'content.jsonl'), 'x');
  const files = await FileStore.open(folder);
  for (const description of [
    'null',
    '{}',
    JSON.stringify({ id: '../..', object: 'file', bytes: 1, created_at: 1, filename: 'x', purpose: 'y', status: 'processed' }),
  ]) {
    writeFileSync(join(folder, FILE, 'file.json'), description);
    expect(await files.list()).toEqual([]);
    await expect(files.get(FILE)).rejects.toMatchObject({ status: 404 });
  }
});
