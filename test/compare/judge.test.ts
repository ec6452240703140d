import { existsSync, readFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Answer } from '../../lib/compare/answer.ts';
import { judgePrompt, judgeStudy, parseReply, type JudgeOptions } from '../../lib/compare/judge.ts';
import { sampleStudy, temporaryFolder } from './samples.ts';

interface Asked {
  url: string;
  headers: IncomingHttpHeaders;
  body: { model: string; temperature: number; messages: { role: string; content: string }[] };
}

/** A loopback endpoint that answers with what `reply` makes of the prompt: a text, or a status. */
async function withEndpoint(
  reply: (prompt: string, asked: number) => string | number,
  use: (endpoint: string, asked: Asked[]) => Promise<void>,
): Promise<void> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (part: Buffer) => (text += part.toString()));
    request.on('end', () => {
      const body = JSON.parse(text) as Asked['body'];
      asked.push({ url: request.url!, headers: request.headers, body });
      const said = reply(body.messages[0]!.content, asked.length);
      response.writeHead(typeof said === 'number' ? said : 200, {
        'content-type': 'application/json',
        ...(said === 429 ? { 'retry-after': '0' } : {}),
      });
      response.end(
        typeof said === 'number' ? 'try again' : JSON.stringify({ choices: [{ message: { role: 'assistant', content: said } }] }),
      );
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, asked);
  } finally {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
}

const folder = temporaryFolder();
const { study, key } = sampleStudy(5);
let files = 0;
const options = (endpoint: string, rest: Partial<JudgeOptions> = {}): JudgeOptions => ({
  endpoint,
  model: 'tiny',
  answers: join(folder, `${(files += 1)}.jsonl`),
  retryDelay: 1,
  ...rest,
});
const answersIn = (path: string): Answer[] =>
  readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Answer);
const textOf = (prompt: string, side: 'a' | 'b'): string => new RegExp(`<continuation_${side}>\n(.*)\n`).exec(prompt)![1]!;

/** Prefers alpha wherever it stands. */
const prefersAlpha = (prompt: string): string => (textOf(prompt, 'a').includes('alpha') ? 'A' : 'B');

test('asks each item both ways round, and a judge that knows what it likes is believed', async () => {
  await withEndpoint(prefersAlpha, async (endpoint, asked) => {
    const given = options(endpoint, { apiKey: 'secret' });
    expect(await judgeStudy(study, given)).toEqual({ annotator: 'judge:tiny', answered: 5, unclear: 0, disagreements: 0 });
    expect(asked).toHaveLength(10);
    expect(asked[0]).toMatchObject({
      url: '/v1/chat/completions',
      headers: { authorization: 'Bearer secret' },
      body: { model: 'tiny', temperature: 0 },
    });
    for (const { item, choice, left, annotator } of answersIn(given.answers)) {
      const { variants } = key.items.find(({ id }) => id === item)!;
      expect([annotator, variants[choice === 'A' ? left : 1 - left]]).toEqual(['judge:tiny', 'alpha']);
    }
    expect(asked.map(({ body }) => textOf(body.messages[0]!.content, 'a')).sort()).toEqual(
      asked.map(({ body }) => textOf(body.messages[0]!.content, 'b')).sort(),
    );
    expect(readFileSync(given.answers, 'utf8')).not.toContain('secret');
  });
});

test('a judge that likes side A is worth nothing', async () => {
  await withEndpoint(
    () => 'A',
    async (endpoint) => {
      const given = options(endpoint);
      expect(await judgeStudy(study, given)).toMatchObject({ answered: 5, disagreements: 5 });
      expect(answersIn(given.answers).map(({ choice, replies }) => [choice, replies])).toEqual(Array(5).fill(['equal', ['A', 'A']]));
    },
  );
});

test('one that says equal and then a side counts as equal', async () => {
  await withEndpoint(
    (_, asked) => (asked % 2 === 1 ? 'equal' : '**B**'),
    async (endpoint) => {
      expect(await judgeStudy(study, options(endpoint))).toMatchObject({ answered: 5, disagreements: 5 });
    },
  );
});

test('tries again after 429 and 5xx, and then goes on', async () => {
  await withEndpoint(
    (prompt, asked) => (asked === 1 ? 429 : asked === 3 ? 503 : prefersAlpha(prompt)),
    async (endpoint, asked) => {
      expect(await judgeStudy(study, options(endpoint))).toMatchObject({ answered: 5, disagreements: 0 });
      expect(asked).toHaveLength(12);
    },
  );
});

test('gives up on refusals at once and on outages in the end, without a word of the key', async () => {
  await withEndpoint(
    () => 401,
    async (endpoint, asked) => {
      await expect(judgeStudy(study, options(endpoint, { apiKey: 'secret' }))).rejects.toThrow(
        expect.objectContaining({ code: 'ERR_CONFIG', message: expect.stringMatching(/^(?!.*secret).*status 401: try again \(1 tries\)/) }),
      );
      expect(asked).toHaveLength(1);
    },
  );
  await withEndpoint(
    () => 500,
    async (endpoint, asked) => {
      await expect(judgeStudy(study, options(endpoint, { retries: 2 }))).rejects.toThrow(
        expect.objectContaining({ code: 'ERR_CONFIG', message: expect.stringContaining('(3 tries)') }),
      );
      expect(asked).toHaveLength(3);
    },
  );
  await expect(judgeStudy(study, options('http://127.0.0.1:9/v1', { retries: 1 }))).rejects.toThrow(
    expect.objectContaining({ code: 'ERR_CONFIG', message: expect.stringContaining('127.0.0.1:9') }),
  );
});

test('goes on where it was cut off, asking nothing twice', async () => {
  const controller = new AbortController();
  const answers = join(folder, 'resumed.jsonl');
  await withEndpoint(prefersAlpha, async (endpoint, asked) => {
    const onProgress = ({ done }: { done: number }): void => (done === 2 ? controller.abort() : undefined);
    await expect(judgeStudy(study, options(endpoint, { answers, signal: controller.signal, onProgress }))).rejects.toMatchObject({
      name: 'AbortError',
    });
    expect([answersIn(answers).length, asked.length]).toEqual([2, 4]);
    expect(await judgeStudy(study, options(endpoint, { answers }))).toMatchObject({ answered: 5 });
    expect([answersIn(answers).length, asked.length]).toEqual([5, 10]);
    expect(new Set(answersIn(answers).map(({ item }) => item)).size).toBe(5);
    expect(await judgeStudy(study, options(endpoint, { answers, model: 'other' }))).toMatchObject({
      annotator: 'judge:other',
      answered: 5,
    });
  });
});

test('a signal ends even a long pause before another try', async () => {
  const controller = new AbortController();
  await withEndpoint(
    () => {
      setTimeout(() => controller.abort(), 20);
      return 500;
    },
    async (endpoint, asked) => {
      await expect(judgeStudy(study, options(endpoint, { retryDelay: 60_000, signal: controller.signal }))).rejects.toMatchObject({
        name: 'AbortError',
      });
      expect(asked).toHaveLength(1);
    },
  );
});

test('leaves out items without a readable answer and says so', async () => {
  await withEndpoint(
    (prompt) => (prompt.includes('Beginning 2') ? 'Both have their merits.' : prefersAlpha(prompt)),
    async (endpoint, asked) => {
      const warnings: string[] = [];
      expect(await judgeStudy(study, options(endpoint, { onWarning: (message) => warnings.push(message) }))).toMatchObject({
        answered: 4,
        unclear: 1,
      });
      expect(warnings).toEqual([expect.stringContaining('no readable answer')]);
      expect(asked).toHaveLength(10);
    },
  );
});

test.each([
  ['endpoint', { endpoint: 'file:///etc/passwd' }],
  ['endpoint', { endpoint: 'nowhere' }],
  ['model', { model: '' }],
  ['model', { model: 'a\nb' }],
])('refuses a wrong %s before it asks', async (name, change) => {
  const given = { ...options('http://127.0.0.1:9/v1'), ...change };
  await expect(judgeStudy(study, given)).rejects.toThrow(
    expect.objectContaining({ code: 'ERR_CONFIG', message: expect.stringContaining(`\`${name}\``) }),
  );
  expect(existsSync(given.answers)).toBe(false);
});

test.each([
  ['A', 'A'],
  ['b', 'B'],
  [' **Equal.** ', 'equal'],
  ['tie', 'equal'],
  ['Answer: B', 'B'],
  ['The answer is A.', 'A'],
  ['"B"', 'B'],
  ['<think>A is good</think>\nB', 'B'],
  ['A reads well, B loops.\n\nA', 'A'],
  ['A good one', undefined],
  ['', undefined],
  ['A or B', undefined],
  ['Neither', undefined],
])('reads %j as %s', (reply, choice) => {
  expect(parseReply(reply)).toBe(choice);
});

test('the prompt holds the texts as they are', () => {
  expect(judgePrompt('Once', ' one\ntwo', ' three')).toMatch(
    /<beginning>\nOnce\n<\/beginning>\n<continuation_a>\n one\ntwo\n<\/continuation_a>\n<continuation_b>\n three\n/,
  );
});
