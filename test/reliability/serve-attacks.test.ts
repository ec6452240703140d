import crypto from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Model } from '../../lib/model/model.ts';
import { serveModels } from '../../lib/serve/server.ts';
import type { RequestRecord } from '../../lib/serve/app.ts';
import { send, serveTiny, type Serving } from '../serve/serving.ts';
import { freshFolder, refusal } from '../train/tiny.ts';
import { head, sendRaw } from './raw-http.ts';

/** What the server of models alone has to bear: keys, bodies that cost more than they weigh, uploads, a folder that two servers want. */

const JSON_TYPE = { 'content-type': 'application/json' };
const MOST_SECONDS = 3;
const codeOf = (text: string): unknown => (JSON.parse(text) as { error: { code: unknown } }).error.code;

describe('bodies', () => {
  let serving: Serving;
  const requests: RequestRecord[] = [];
  const failures: unknown[] = [];

  beforeAll(async () => {
    serving = await serveTiny({
      jobs: freshFolder(),
      onRequest: (record) => requests.push(record),
      onFailure: (error) => failures.push(error),
    });
  });
  afterAll(() => serving.server.close());

  const post = async (path: string, body: string): Promise<[number | undefined, unknown]> => {
    const { response, text } = await send(`${serving.server.url}v1/${path}`, { method: 'POST', headers: JSON_TYPE, body: [body] });
    return [response.statusCode, response.statusCode === 200 ? null : codeOf(text)];
  };
  const nested = (depth: number, open = '[', close = ']'): string => open.repeat(depth) + close.repeat(depth);
  const many = (count: number, item: string): string => `[${Array.from({ length: count }, () => item).join(',')}]`;
  const of = (fields: string): string => `{"model":"tiny","max_tokens":1,${fields}}`;

  test.each([
    ['half a million prompts, 128 of each', 'completions', of(`"n":128,"prompt":${many(5e5, '[1]')}`), 'too_many_prompts'],
    ['nesting as a prompt', 'completions', of(`"prompt":${nested(3e6)}`), 'invalid_json'],
    ['nesting as messages', 'chat/completions', of(`"messages":${nested(3e6)}`), 'invalid_json'],
    ['nesting of objects', 'completions', of(`"prompt":"a","logit_bias":${nested(5e5, '{"1":', '}').replace('}', '1}')}`), 'invalid_json'],
    ['nesting in a tool', 'chat/completions', of(`"messages":[{"role":"user","content":"a"}],"tools":[${nested(3e6)}]`), 'invalid_json'],
    ['little nesting as a prompt', 'completions', of(`"prompt":${nested(4900)}`), null],
    ['little nesting as messages', 'chat/completions', of(`"messages":[{"role":"user","content":${nested(4900)}}]`), null],
    ['a million stops', 'completions', of(`"prompt":"a","stop":${many(1e6, '"x"')}`), null],
    ['a prototype', 'completions', of('"prompt":"a","__proto__":{"stream":true}'), 'unknown_parameter'],
    ['numbers beyond all', 'completions', of('"prompt":"a","temperature":1e999'), null],
    ['a seed beyond whole numbers', 'completions', of('"prompt":"a","seed":9007199254740993'), null],
    ['another model by path', 'completions', '{"model":"../../../../etc/passwd","prompt":"a"}', 'model_not_found'],
    ['a job on a path', 'fine_tuning/jobs', '{"model":"tiny","training_file":"../../../../etc/passwd"}', 'file_not_found'],
    [
      'a suffix that climbs',
      'fine_tuning/jobs',
      '{"model":"tiny","training_file":"file-aaaaaaaaaaaaaaaaaaaaaaaa","suffix":"../../x"}',
      null,
    ],
    ['no UTF-8', 'completions', of('"prompt":"\ud800"'), null],
  ])('%s', async (_, path, body, code) => {
    const started = process.cpuUsage();
    const [status, got] = await post(path, body);
    const { user, system } = process.cpuUsage(started);
    if (code !== null) expect(got).toBe(code);
    expect([200, 400, 404, 413]).toContain(status);
    expect((user + system) / 1e6).toBeLessThan(MOST_SECONDS);
    expect(failures).toEqual([]);
  });

  test.each([
    [
      'a hundred thousand parts',
      () => Array.from({ length: 1e5 }, (_, index) => `--b\r\ncontent-disposition: form-data; name="x${index}"\r\n\r\n1\r\n`).join(''),
    ],
    [
      'a name that climbs',
      () =>
        '--b\r\ncontent-disposition: form-data; name="file"; filename="../../../../tmp/x.jsonl"\r\n\r\n{"text":"a"}\r\n--b\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n',
    ],
    [
      'a name of two lines',
      () =>
        '--b\r\ncontent-disposition: form-data; name="file"; filename="a%0d%0aset-cookie: a.jsonl"\r\n\r\n{"text":"a"}\r\n--b\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n',
    ],
    ['no end', () => '--b\r\ncontent-disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n'],
    ['nothing but boundaries', () => '--b\r\n'.repeat(5e5)],
  ])('an upload: %s', async (_, parts) => {
    const started = process.cpuUsage();
    const reply = await fetch(`${serving.server.url}v1/files`, {
      method: 'POST',
      headers: { 'content-type': 'multipart/form-data; boundary=b' },
      body: `${parts()}--b--\r\n`,
    });
    const { user, system } = process.cpuUsage(started);
    expect([200, 400]).toContain(reply.status);
    if (reply.status === 200) expect(await reply.json()).toMatchObject({ id: expect.stringMatching(/^file-[0-9a-f]{24}$/) });
    expect((user + system) / 1e6).toBeLessThan(MOST_SECONDS);
    expect(failures).toEqual([]);
  });

  test('a path cannot write a line of the log', async () => {
    const { host } = new URL(serving.server.url);
    await sendRaw(serving.server.url, head('GET', '/x%0aGET%20/admin%20200%1b[31m', [['host', host]]));
    expect(requests.at(-1)!.path).not.toMatch(/[\u0000-\u001f]/);
  });

  test('the deletion of a model, and calls that the model must make, are refused by name', async () => {
    await expect(serving.client.models.delete('tiny')).rejects.toMatchObject({
      status: 405,
      code: 'method_not_supported',
      message: expect.stringContaining('not supported'),
    });
    expect((await serving.client.models.list()).data).toHaveLength(1);
    const { response } = await send(`${serving.server.url}v1/completions`, {});
    expect([response.statusCode, response.headers['allow']]).toEqual([405, 'POST']);
    const ask = (more: object) =>
      serving.client.chat.completions.create({ model: 'tiny', messages: [{ role: 'user', content: 'a' }], ...more });
    await expect(ask({ tool_choice: 'required' })).rejects.toMatchObject({
      status: 400,
      code: 'unsupported_parameter',
      message: expect.stringContaining('not supported'),
    });
    await expect(ask({ functions: [{ name: 'f' }] })).rejects.toMatchObject({
      status: 400,
      code: 'unsupported_parameter',
      message: expect.stringContaining('not supported'),
    });
  });
});

test('keys are compared as digests in constant time, and who has none is told nothing', async () => {
  const compare = jest.spyOn(crypto, 'timingSafeEqual');
  const { server } = await serveTiny({ keys: ['one', 'a much longer key', 'two'] });
  const ask = async (key: string | null, path = 'v1/models'): Promise<[number | undefined, string]> => {
    const { response, text } = await send(`${server.url}${path}`, { headers: key === null ? {} : { authorization: key } });
    return [response.statusCode, text];
  };
  for (const key of ['Bearer o', 'Bearer one two', 'Bearer ', 'Bearer', 'Basic one', 'Bearer onee', 'one', `Bearer ${'x'.repeat(8000)}`]) {
    compare.mockClear();
    expect((await ask(key))[0]).toBe(401);
    for (const [first, second] of compare.mock.calls) expect([first.byteLength, second.byteLength]).toEqual([32, 32]);
    // Right or wrong, as many comparisons.
    if (/^Bearer ./.test(key)) expect(compare).toHaveBeenCalledTimes(3);
  }
  compare.mockClear();
  expect((await ask('Bearer one'))[0]).toBe(200);
  expect(compare).toHaveBeenCalledTimes(3);
  expect(await ask(null, 'health')).toEqual([200, '{"status":"ok"}']);
  expect(await ask('Bearer wrong', 'health')).toEqual([200, '{"status":"ok"}']);
  expect((await ask('Bearer two', 'health'))[1]).toContain('tiny');
  for (const path of [
    'v1/models',
    'v1/files',
    'v1/models/tiny',
    'v1/nothing',
    'health/',
    '/health',
    'health%2f../v1/models',
    '%68ealth/../v1/models',
  ]) {
    const [status, text] = await ask(null, path);
    expect({ path, status, tells: text.includes('tiny') }).toEqual({ path, status: 401, tells: false });
  }
  compare.mockRestore();
  await server.close();
});

test('one server has a folder of jobs; a second is refused until it ends, and one that cannot listen lets it go', async () => {
  const jobs = freshFolder();
  const first = await serveTiny({ jobs });
  const models = new Map<string, Model>();
  expect(await refusal(serveModels(models, { port: 0, jobs }))).toMatchObject({ code: 'ERR_BUSY', message: expect.stringContaining(jobs) });
  const { id } = await first.client.files.create({ file: new File(['{"text":"a"}'], 'a.jsonl'), purpose: 'fine-tune' });
  await first.server.close();
  const taken = await serveTiny({});
  expect(await refusal(serveModels(models, { port: Number(new URL(taken.server.url).port), jobs }))).toMatchObject({ code: 'ERR_CONFIG' });
  await taken.server.close();
  const second = await serveTiny({ jobs });
  expect((await second.client.files.list()).data.map((file) => file.id)).toEqual([id]);
  expect(readFileSync(join(jobs, 'files', id, 'content.jsonl'), 'utf8')).toBe('{"text":"a"}');
  await second.server.close();
  expect(await refusal(serveModels(models, { port: 0, jobs: '/proc/nothing/jobs' }))).toMatchObject({
    code: 'ERR_CONFIG',
    message: expect.stringContaining('/proc/nothing/jobs'),
  });
});
