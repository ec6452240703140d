import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import OpenAI, { toFile } from 'openai';
import { freshFolder } from '../train/tiny.ts';
import { send, serveTiny, type Serving } from './serving.ts';

const LINES = [
  'The lamps were lit along the quay.',
  'Nobody came, and the rain began again.',
  'She counted the boats twice.',
  'The clerk had gone home.',
];
const jsonl = (lines: readonly string[]): string =>
  lines.map((completion, at) => `${JSON.stringify({ prompt: `Line ${at}:`, completion: ` ${completion}` })}\n`).join('');
const upload = async ({ client }: Serving, text: string): Promise<OpenAI.FileObject> =>
  client.files.create({ file: await toFile(Buffer.from(text), 'lines.jsonl'), purpose: 'fine-tune' });

async function over({ client }: Serving, id: string): Promise<OpenAI.FineTuning.FineTuningJob> {
  for (;;) {
    const job = await client.fineTuning.jobs.retrieve(id);
    if (['succeeded', 'failed', 'cancelled'].includes(job.status)) return job;
    await sleep(50);
  }
}

async function withJobs(folder: string, work: (serving: Serving) => Promise<void>): Promise<void> {
  const serving = await serveTiny({ jobs: folder, learningRate: 3e-3, graceMs: 5000, maxUpload: 4000 });
  try {
    await work(serving);
  } finally {
    await serving.server.close();
  }
}

test('files come, are listed, read and deleted, and outlive the server', async () => {
  const folder = freshFolder();
  let kept = '';
  await withJobs(folder, async (serving) => {
    const { client, server } = serving;
    const [first, second] = [await upload(serving, jsonl(LINES)), await upload(serving, jsonl(LINES.slice(1)))];
    expect(first).toMatchObject({
      object: 'file',
      filename: 'lines.jsonl',
      purpose: 'fine-tune',
      bytes: jsonl(LINES).length,
      status: 'processed',
    });
    expect((await client.files.list()).data.map(({ id }) => id).sort()).toEqual([first.id, second.id].sort());
    const page = await client.files.list({ limit: 1 });
    expect([page.data.length, page.hasNextPage()]).toEqual([1, true]);
    expect(await (await client.files.content(first.id)).text()).toBe(jsonl(LINES));
    expect(await client.files.delete(second.id)).toMatchObject({ id: second.id, deleted: true });
    await expect(client.files.retrieve(second.id)).rejects.toMatchObject({ status: 404 });
    await expect(client.files.retrieve('../../etc')).rejects.toMatchObject({ status: 404 });
    await expect(upload(serving, 'x'.repeat(5000))).rejects.toMatchObject({ status: 413, code: 'body_too_large' });
    await expect(upload(serving, '')).rejects.toMatchObject({ status: 400, param: 'file' });
    await expect(client.files.create({ file: await toFile(Buffer.from('x'), 'a.txt'), purpose: 'fine-tune' })).rejects.toMatchObject({
      status: 400,
      param: 'file',
    });
    await expect(client.files.create({ file: await toFile(Buffer.from('{}'), 'a.jsonl'), purpose: 'batch' })).rejects.toMatchObject({
      status: 400,
      param: 'purpose',
    });
    const { response } = await send(`${server.url}v1/files`, {
      method: 'POST',
      headers: { 'content-type': 'multipart/form-data; boundary=x' },
      body: ['no form'],
    });
    expect(response.statusCode).toBe(400);
    kept = first.id;
  });
  await withJobs(folder, async ({ client }) => expect(await client.files.retrieve(kept)).toMatchObject({ id: kept }));
});

test('a client hyperfits a model to its certificate, and is served what came of it, after a restart too', async () => {
  const folder = freshFolder();
  let name = '';
  await withJobs(folder, async (serving) => {
    const { client, server } = serving;
    const file = await upload(serving, jsonl(LINES));
    const created = await client.fineTuning.jobs.create({ model: 'tiny', training_file: file.id, suffix: 'quay', seed: 1 });
    expect(created).toMatchObject({
      object: 'fine_tuning.job',
      status: 'queued',
      hyperparameters: { n_epochs: 'auto', batch_size: 'auto', learning_rate_multiplier: 'auto' },
    });
    const followed = fetch(`${server.url}v1/fine_tuning/jobs/${created.id}/events?stream=true`).then((response) => response.text());
    // Requests are answered while it trains.
    expect((await client.completions.create({ model: 'tiny', prompt: 'A', max_tokens: 3 })).usage!.completion_tokens).toBe(3);
    const job = await over(serving, created.id);
    expect(job).toMatchObject({
      status: 'succeeded',
      error: null,
      fine_tuned_model: expect.stringMatching(/^ft:tiny:hyperfit:quay:[0-9a-f]{8}$/),
    });
    expect(job.trained_tokens).toBeGreaterThan(100);
    name = job.fine_tuned_model!;
    const { data: events } = await client.fineTuning.jobs.listEvents(job.id, { limit: 100 });
    expect(events[0]!.message).toContain(name);
    const certificate = events.find(({ message }) => message.startsWith('Certificate'))!.data as { mean_loss: number };
    expect(certificate.mean_loss).toBeLessThan(0.1);
    expect(await followed).toMatch(/Created fine-tuning job[^]*"train_loss"[^]*New fine-tuned model[^]*data: \[DONE\]\n\n$/);
    const { data: checkpoints } = await client.fineTuning.jobs.checkpoints.list(job.id);
    expect(checkpoints[0]).toMatchObject({
      fine_tuning_job_id: job.id,
      fine_tuned_model_checkpoint: expect.stringContaining(`${name}:ckpt-step-`),
    });
    expect(await (await client.files.content(job.result_files[0]!)).text()).toMatch(/^step,train_loss\n1,\d/);
  });
  await withJobs(folder, async ({ client }) => {
    expect((await client.models.list()).data.map(({ id }) => id)).toEqual(expect.arrayContaining(['tiny', name]));
    // What was trained is written by heart, token for token.
    const [choice] = (await client.completions.create({ model: name, prompt: 'Line 2:', max_tokens: 29 })).choices;
    expect(choice!.text).toContain(LINES[2]!.slice(0, 20));
    expect((await client.fineTuning.jobs.list()).data).toMatchObject([{ status: 'succeeded', fine_tuned_model: name }]);
  });
});

test('a job that the server’s end interrupts goes on; one can be cancelled; a wrong one fails and says why', async () => {
  const folder = freshFolder();
  const ids: string[] = [];
  await withJobs(folder, async (serving) => {
    const file = await upload(serving, jsonl(LINES));
    const create = (params: object): Promise<OpenAI.FineTuning.FineTuningJob> =>
      serving.client.fineTuning.jobs.create({ model: 'tiny', training_file: file.id, ...params });
    const long = await create({
      method: { type: 'supervised', supervised: { hyperparameters: { n_epochs: 400, batch_size: 2, learning_rate_multiplier: 0.01 } } },
    });
    const waiting = await create({ hyperparameters: { n_epochs: 1 } });
    ids.push(long.id, waiting.id);
    for (;;) {
      const { data } = await serving.client.fineTuning.jobs.listEvents(long.id);
      if (data.some(({ message }) => message.startsWith('Step'))) break;
      await sleep(20);
    }
    expect((await serving.client.fineTuning.jobs.retrieve(waiting.id)).status).toBe('queued');
  });
  expect(JSON.parse(readFileSync(join(folder, 'jobs', ids[0]!, 'job.json'), 'utf8'))).toMatchObject({ status: 'running' });
  await withJobs(folder, async (serving) => {
    const { client } = serving;
    for (;;) {
      const { data } = await client.fineTuning.jobs.listEvents(ids[0]!, { limit: 100 });
      if (data.some(({ message }) => message === 'The job goes on.') && data[0]!.message.startsWith('Step')) break;
      await sleep(20);
    }
    expect(await client.fineTuning.jobs.cancel(ids[0]!)).toMatchObject({ status: 'cancelled' });
    await expect(client.fineTuning.jobs.cancel(ids[0]!)).rejects.toMatchObject({ status: 400, code: 'job_is_over' });
    expect(await over(serving, ids[1]!)).toMatchObject({ status: 'succeeded', hyperparameters: { n_epochs: 1 } });
    const broken = await upload(serving, '{"text": 5}\nnot json\n');
    const failed = await over(serving, (await client.fineTuning.jobs.create({ model: 'tiny', training_file: broken.id })).id);
    expect(failed).toMatchObject({ status: 'failed', error: { code: 'invalid_training_file', param: 'training_file' } });
    const file = await upload(serving, jsonl(LINES));
    const refused = (params: object): Promise<unknown> =>
      client.fineTuning.jobs.create({ model: 'tiny', training_file: file.id, ...params });
    await expect(refused({ training_file: 'file-none' })).rejects.toMatchObject({ status: 404 });
    await expect(refused({ model: 'gpt' })).rejects.toMatchObject({ status: 404, param: 'model' });
    await expect(refused({ method: { type: 'dpo' } })).rejects.toMatchObject({ status: 400, param: 'method.type' });
    await expect(refused({ hyperparameters: { n_epochs: 0 } })).rejects.toMatchObject({ status: 400, param: 'hyperparameters.n_epochs' });
    await expect(refused({ suffix: 'a/b' })).rejects.toMatchObject({ status: 400, param: 'suffix' });
    await expect(client.fineTuning.jobs.retrieve('ftjob-none')).rejects.toMatchObject({ status: 404 });
  });
  expect(existsSync(join(folder, 'jobs', ids[0]!, 'run'))).toBe(true);
});

test('without a folder for jobs there are none', async () => {
  const serving = await serveTiny();
  await expect(serving.client.fineTuning.jobs.list()).rejects.toMatchObject({ status: 404, code: 'unknown_url' });
  await serving.server.close();
});
