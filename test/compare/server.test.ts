import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { Answer } from '../../lib/compare/answer.ts';
import { readAnswers } from '../../lib/compare/answers-file.ts';
import { serveStudy, type StudyServer } from '../../lib/compare/server.ts';
import { answerFor, sampleStudy, temporaryFolder } from './samples.ts';

const folder = temporaryFolder();
const { study, key } = sampleStudy(3);
const answers = join(folder, 'answers.jsonl');
const answer = answerFor(key, study.items[0]!.id, 'Ada', 'alpha');
let server: StudyServer;

beforeAll(async () => {
  server = await serveStudy(study, { answers });
});
afterAll(() => server.close());

function post(body: unknown, headers: Record<string, string> = { 'content-type': 'application/json' }): Promise<Response> {
  return fetch(`${server.url}answers`, { method: 'POST', headers, body: typeof body === 'string' ? body : JSON.stringify(body) });
}

/** fetch sets Host itself. */
function statusWithHost(host: string, port = new URL(server.url).port): Promise<number> {
  return new Promise((done, fail) => {
    request({ host: '127.0.0.1', port, path: '/', headers: { host } }, (response) => {
      response.resume();
      done(response.statusCode!);
    })
      .on('error', fail)
      .end();
  });
}

const lines = (): string[] => readFileSync(answers, 'utf8').split('\n').slice(0, -1);

test('sends the page with a policy that reaches nothing but this server', async () => {
  const response = await fetch(server.url);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-security-policy')).toMatch(
    /^default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-[^']+'; connect-src 'self';.*frame-ancestors 'none'$/,
  );
  expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  expect(await response.text()).toContain('data-served="yes"');
});

test('stores an answer before it confirms it, and gives it back to its annotator', async () => {
  const later: Answer = { ...answer, choice: 'equal', at: '2026-01-02T00:00:00.000Z' };
  for (const each of [answer, later]) {
    const before = lines().length;
    expect((await post(each)).status).toBe(200);
    expect(JSON.parse(lines()[before]!)).toEqual(each);
  }
  expect(await (await fetch(`${server.url}answers?annotator=Ada`)).json()).toEqual({ answers: [later] });
  expect(await (await fetch(`${server.url}answers?annotator=Bob`)).json()).toEqual({ answers: [] });
  expect(await (await fetch(`${server.url}answers`)).json()).toEqual({ answers: [] });
});

test.each([
  ['another study', { ...answer, study: 'x' }, 400],
  ['an unknown item', { ...answer, item: 'abc' }, 400],
  ['a wrong choice', { ...answer, choice: 'C' }, 400],
  ['a judge', { ...answer, annotator: 'judge:me' }, 400],
  ['a name of two lines', { ...answer, annotator: 'a\nb' }, 400],
  ['no object', null, 400],
  ['no JSON', '{', 400],
  ['too much', JSON.stringify({ ...answer, more: 'x'.repeat(20_000) }), 413],
])('refuses %s and stores nothing', async (_, body, status) => {
  const before = lines();
  expect((await post(body)).status).toBe(status);
  expect(lines()).toEqual(before);
});

test('stores nothing beyond what an answer has', async () => {
  await post({ ...answer, more: 'x', annotator: 'Cid' });
  expect(JSON.parse(lines().at(-1)!)).toEqual({ ...answer, annotator: 'Cid' });
});

test('refuses forms of other pages and other names of this machine', async () => {
  expect((await post(answer, { 'content-type': 'text/plain' })).status).toBe(415);
  expect((await post(answer, { 'content-type': 'application/json', origin: 'http://evil.example' })).status).toBe(403);
  const { port } = new URL(server.url);
  expect(await statusWithHost(`evil.example:${port}`)).toBe(403);
  expect(await statusWithHost('127.0.0.1')).toBe(403);
  expect(await statusWithHost(`localhost:${port}`)).toBe(200);
});

test('listens on the loopback address only', async () => {
  const others = Object.values(networkInterfaces())
    .flat()
    .filter((each) => each?.family === 'IPv4' && !each.internal);
  for (const each of others) await expect(fetch(`http://${each!.address}:${new URL(server.url).port}/`)).rejects.toThrow();
  expect(new URL(server.url).hostname).toBe('127.0.0.1');
});

test('many answers at once are all stored, each on a line of its own', async () => {
  const before = lines().length;
  const sent = Array.from({ length: 40 }, (_, index): Answer => ({ ...answer, annotator: `P${index}` }));
  expect((await Promise.all(sent.map((each) => post(each)))).every(({ status }) => status === 200)).toBe(true);
  expect(
    lines()
      .slice(before)
      .map((line) => (JSON.parse(line) as Answer).annotator)
      .sort(),
  ).toEqual(sent.map(({ annotator }) => annotator).sort());
});

test('a server begun anew knows the answers, and a cut-off line spoils none that follow', async () => {
  const path = join(folder, 'again.jsonl');
  writeFileSync(path, `${JSON.stringify(answer)}\n`);
  appendFileSync(path, '{"study"');
  const warnings: string[] = [];
  const again = await serveStudy(study, { answers: path, onWarning: (message) => warnings.push(message) });
  try {
    expect(await (await fetch(`${again.url}answers?annotator=Ada`)).json()).toEqual({ answers: [answer] });
    await fetch(`${again.url}answers`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...answer, annotator: 'Bob' }),
    });
    expect((await readAnswers(path, study)).map(({ annotator }) => annotator)).toEqual(['Ada', 'Bob']);
    expect([again.received(), warnings]).toEqual([1, [expect.stringContaining('cut off')]]);
  } finally {
    await again.close();
  }
});

test('a whole last line without an end stays', async () => {
  const path = join(folder, 'edited.jsonl');
  writeFileSync(path, JSON.stringify(answer));
  await (await serveStudy(study, { answers: path })).close();
  expect(readFileSync(path, 'utf8')).toBe(`${JSON.stringify(answer)}\n`);
});

test('a taken port and a place that cannot be written are named', async () => {
  const port = Number(new URL(server.url).port);
  await expect(serveStudy(study, { port, answers: join(folder, 'other.jsonl') })).rejects.toThrow(
    expect.objectContaining({ code: 'ERR_CONFIG', message: expect.stringContaining(String(port)) }),
  );
  await expect(serveStudy(study, { answers: '/nowhere/at/all.jsonl' })).rejects.toThrow(
    expect.objectContaining({ code: 'ERR_DATA', message: expect.stringContaining('/nowhere/at/all.jsonl') }),
  );
});

test('closing does not wait for a client that never ends its request', async () => {
  const own = await serveStudy(study, { answers: join(folder, 'others.jsonl') });
  const half = Array.from({ length: 50 }, () => {
    const going = request(`${own.url}answers`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': '100' },
    });
    going.on('error', () => {}).write('{"study":');
    return going;
  });
  await Promise.all(
    half.map(
      (going) =>
        new Promise((done) => going.once('socket', (socket) => (socket.connecting ? socket.once('connect', done) : done(undefined)))),
    ),
  );
  const started = performance.now();
  await own.close();
  expect(performance.now() - started).toBeLessThan(10_000);
});

test.each([99999, -1, 1.5])('port %d is refused with the remedy', async (port) => {
  await expect(serveStudy(study, { answers: join(folder, 'others.jsonl'), port })).rejects.toMatchObject({
    code: 'ERR_CONFIG',
    message: expect.stringContaining('0 to 65535'),
  });
});
