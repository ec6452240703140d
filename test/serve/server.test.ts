import { setTimeout as sleep } from 'node:timers/promises';
import { request } from 'node:http';
import OpenAI from 'openai';
import { Model } from '../../lib/model/model.ts';
import { serveModels } from '../../lib/serve/server.ts';
import { copyWithNan, randomSequences, refusal } from '../train/tiny.ts';
import { clientOf, holdBatches, send, serveTiny, type Serving } from './serving.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const body = (params: object): string => JSON.stringify({ model: 'tiny', prompt: 'A', max_tokens: 2, ...params });
const codeOf = (text: string): unknown => (JSON.parse(text) as { error: { code: unknown } }).error.code;

async function withServer(options: Parameters<typeof serveTiny>[0], work: (serving: Serving) => Promise<void>): Promise<void> {
  const serving = await serveTiny(options);
  try {
    await work(serving);
  } finally {
    await serving.server.close();
  }
}

/** Until so many texts are under way, waiting ones included. */
async function load({ server }: Serving, fits: (count: number) => boolean): Promise<void> {
  for (;;) {
    const { models } = (await (await fetch(`${server.url}health`)).json()) as { models: [{ active: number; waiting: number }] };
    if (fits(models[0].active + models[0].waiting)) return;
    await sleep(5);
  }
}

test('answers to its own address alone, and to no page that nobody named', async () => {
  await withServer({ origins: ['https://app.example'], allowedHosts: ['proxy.example'] }, async ({ server }) => {
    const get = (headers: Record<string, string>) => send(`${server.url}v1/models`, { headers });
    const { port } = new URL(server.url);
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, 'proxy.example'])
      expect((await get({ host })).response.statusCode).toBe(200);
    for (const host of ['evil.example', `evil.example:${port}`, '127.0.0.1']) expect((await get({ host })).response.statusCode).toBe(403);
    expect((await get({ origin: 'http://evil.example' })).response.statusCode).toBe(403);
    expect((await get({ origin: 'null' })).response.statusCode).toBe(403);
    const { response } = await get({ origin: 'https://app.example' });
    expect([response.statusCode, response.headers['access-control-allow-origin']]).toEqual([200, 'https://app.example']);
    const asked = await send(`${server.url}v1/completions`, {
      method: 'OPTIONS',
      headers: { origin: 'https://app.example', 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' },
    });
    expect([asked.response.statusCode, asked.response.headers['access-control-allow-headers']]).toEqual([204, 'content-type']);
  });
});

test('a key opens, another does not', async () => {
  await withServer({ keys: ['one', 'two'] }, async ({ server }) => {
    for (const key of ['one', 'two']) expect((await clientOf(server, key).models.list()).data).toHaveLength(1);
    for (const key of ['on', 'onee', 'three'])
      await expect(clientOf(server, key).models.list()).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
    const { response, text } = await send(`${server.url}v1/models`, {});
    expect([response.statusCode, codeOf(text)]).toEqual([401, 'missing_api_key']);
    expect((await send(`${server.url}health`, {})).response.statusCode).toBe(200);
  });
});

test('another address without a key, every page without a key, and a taken port are refused', async () => {
  const models = new Map<string, Model>();
  expect(await refusal(serveModels(models, { host: '0.0.0.0', port: 0 }))).toMatchObject({
    code: 'ERR_CONFIG',
    message: expect.stringContaining('--api-key'),
  });
  expect(await refusal(serveModels(models, { origins: ['*'], port: 0 }))).toMatchObject({ code: 'ERR_CONFIG' });
  const open = await serveModels(models, { host: '0.0.0.0', port: 0, keys: ['k'] });
  const { port } = new URL(open.url);
  expect((await send(`http://127.0.0.1:${port}/v1/models`, { headers: { authorization: 'Bearer k' } })).response.statusCode).toBe(200);
  expect(await refusal(serveModels(models, { host: '0.0.0.0', port: Number(port), keys: ['k'] }))).toMatchObject({
    code: 'ERR_CONFIG',
    message: expect.stringContaining(port),
  });
  await open.close();
});

test('bodies that are too large, too slow or no JSON', async () => {
  await withServer({ maxBody: 2000, bodyTimeoutMs: 300 }, async ({ server }) => {
    const post = (parts: readonly (string | null)[], headers: Record<string, string> = JSON_TYPE) =>
      send(`${server.url}v1/completions`, { method: 'POST', headers, body: parts });
    const outcome = async (...args: Parameters<typeof post>): Promise<unknown[]> => {
      const { response, text } = await post(...args);
      return [response.statusCode, codeOf(text)];
    };
    expect(await outcome([body({ prompt: 'x'.repeat(3000) })])).toEqual([413, 'body_too_large']);
    // The length is not said beforehand.
    expect(await outcome(['{"prompt": "', ...Array.from({ length: 40 }, () => 'x'.repeat(100)), '"}'])).toEqual([413, 'body_too_large']);
    expect(await outcome(['{"model": "tiny", ', null])).toEqual([408, 'request_timeout']);
    expect(await outcome(['{'])).toEqual([400, 'invalid_json']);
    expect(await outcome(['[]'])).toEqual([400, null]);
    expect(await outcome([body({})], { 'content-type': 'text/plain' })).toEqual([415, 'unsupported_media_type']);
    const { response, text } = await send(`${server.url}v1/nothing`, {});
    expect([response.statusCode, codeOf(text)]).toEqual([404, 'unknown_url']);
    expect((await post([body({})])).response.statusCode).toBe(200);
  });
});

test('sixteen clients at once, mixed lengths, in five seats: each gets what it gets alone', async () => {
  await withServer({ seats: 5 }, async ({ server, model }) => {
    const prompts = randomSequences(
      Array.from({ length: 32 }, (_, index) => 1 + ((index * 29) % 97)),
      3,
    );
    const optionsOf = (index: number) => ({ max: 1 + ((index * 17) % 60), seed: index, temperature: index % 3 === 0 ? 1 : 0 });
    const expected: string[] = [];
    for (const [index, prompt] of prompts.entries()) {
      const { max, seed, temperature } = optionsOf(index);
      expected.push((await model.generate([prompt], { maxNewTokens: max, seed, temperature }))[0]!.text!);
    }
    const clients = Array.from({ length: 16 }, () => clientOf(server));
    const ask = async (client: OpenAI, index: number): Promise<string> => {
      const { max, seed, temperature } = optionsOf(index);
      const params = { model: 'tiny', prompt: Array.from(prompts[index]!), max_tokens: max, seed, temperature };
      if (index % 2 === 0) return (await client.completions.create(params)).choices[0]!.text;
      let text = '';
      for await (const chunk of await client.completions.create({ ...params, stream: true })) text += chunk.choices[0]?.text ?? '';
      return text;
    };
    const texts = await Promise.all(
      clients.map(async (client, number) => {
        const own: string[] = [];
        for (const turn of [0, 1]) own.push(await ask(client, number + 16 * turn));
        return own;
      }),
    );
    expect([0, 1].flatMap((turn) => texts.map((own) => own[turn]!))).toEqual(expected);
  });
});

test('clients that leave give back their seats, and the others get what is theirs', async () => {
  await withServer({ seats: 2 }, async (serving) => {
    const { client, server, model } = serving;
    const long = { model: 'tiny', prompt: 'Once', max_tokens: 250, logit_bias: { 1: -100 } };
    const stream = await client.completions.create({ ...long, stream: true });
    for await (const _ of stream) break; // leaves
    const silent = request(`${server.url}v1/completions`, { method: 'POST', headers: JSON_TYPE });
    silent.on('error', () => {});
    const release = holdBatches();
    silent.end(JSON.stringify({ ...long, n: 8 }));
    await load(serving, (count) => count >= 8);
    silent.destroy();
    release();
    const [alone] = await model.generate(['Twice'], { maxNewTokens: 20 });
    expect((await client.completions.create({ model: 'tiny', prompt: 'Twice', max_tokens: 20 })).choices[0]!.text).toBe(alone!.text);
    await load(serving, (count) => count === 0);
  });
});

test('a full queue answers 429 with a time to come back, and takes turns between clients', async () => {
  await withServer({ seats: 1, maxQueue: 4 }, async (serving) => {
    const { client } = serving;
    const long = { model: 'tiny', prompt: 'Once', max_tokens: 200, logit_bias: { 1: -100 } };
    await expect(client.completions.create({ ...long, n: 6 })).rejects.toMatchObject({ status: 400, code: 'too_many_prompts' });
    const order: string[] = [];
    const note = (name: string) => (): void => void order.push(name);
    const release = holdBatches();
    const many = client.completions.create({ ...long, n: 4, user: 'many' }).then(note('many'));
    await load(serving, (count) => count === 4);
    const one = client.completions.create({ ...long, max_tokens: 1, user: 'one' }).then(note('one'));
    await load(serving, (count) => count === 5);
    const refused = await client.completions
      .create({ ...long, n: 2, user: 'third' })
      .catch((error: unknown) => error as InstanceType<typeof OpenAI.APIError>);
    expect(refused).toMatchObject({ status: 429, code: 'rate_limit_exceeded', type: 'rate_limit_error' });
    expect(Number((refused as InstanceType<typeof OpenAI.APIError>).headers!.get('retry-after'))).toBeGreaterThan(0);
    release();
    await Promise.all([many, one]);
    expect(order).toEqual(['one', 'many']);
  });
});

test('closing lets what is under way end, or cancels it, and is over within its time', async () => {
  const quick = await serveTiny({ graceMs: 20_000 });
  const release = holdBatches();
  const answered = quick.client.completions.create({ model: 'tiny', prompt: 'Once', max_tokens: 100 });
  await load(quick, (count) => count === 1);
  const closed = quick.server.close();
  release();
  await closed;
  expect((await answered).choices[0]!.text).not.toBe('');
  expect(() => quick.model.parameters()).toThrow(/disposed/);

  const cut = await serveTiny({ graceMs: 0, seats: 1 });
  const streams = ['a', 'b'].map(async (prompt) => {
    for await (const chunk of await cut.client.completions.create({ model: 'tiny', prompt, max_tokens: 250, n: 60, stream: true }))
      void chunk;
  });
  const outcomes = Promise.allSettled(streams);
  await load(cut, (count) => count > 60);
  await cut.server.close();
  for (const outcome of await outcomes) expect(outcome.status).toBe('rejected');
  await expect(fetch(`${cut.server.url}health`)).rejects.toThrow();
});

test('a damaged model fails its requests one by one, and the log says why', async () => {
  const failures: unknown[] = [];
  const { server, client } = await serveTiny({ onFailure: (error) => failures.push(error) }, copyWithNan());
  await expect(client.completions.create({ model: 'tiny', prompt: 'A' })).rejects.toMatchObject({ status: 500, code: 'internal_error' });
  expect(failures).toMatchObject([{ code: 'ERR_NOT_FINITE' }]);
  const stream = await client.completions.create({ model: 'tiny', prompt: 'A', stream: true });
  await expect(
    (async () => {
      for await (const chunk of stream) void chunk;
    })(),
  ).rejects.toThrow();
  await server.close();
});
