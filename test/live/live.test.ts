import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser } from 'playwright-core';
import { LiveRun } from '../../lib/live/live-run.ts';
import { PageParts, type PagePart } from '../../lib/live/page-parts.ts';
import { serveLive } from '../../lib/live/server.ts';
import { start } from '../cli/cli-process.ts';
import { launchBrowser, testWithBrowser } from '../compare/browser.ts';
import { freshFolder, randomSequences, TINY_MODEL, writeIds } from '../train/tiny.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('who follows gets what is there, then what changes; who reads slowly gets the newest, not each', async () => {
  const parts = new PageParts();
  parts.set('a', '1');
  const follower = parts.follow(new AbortController().signal);
  expect((await follower.next()).value).toEqual({ id: 'a', html: '1' });
  const next = follower.next();
  await turn();
  parts.set('a', '1'); // nothing new
  parts.set('b', '2');
  expect((await next).value).toEqual({ id: 'b', html: '2' });
  for (let count = 3; count <= 1000; count++) parts.set('b', String(count));
  parts.set('a', 'end');
  parts.close();
  parts.set('b', 'too late');
  const rest: PagePart[] = [];
  for await (const part of follower) rest.push(part);
  expect(rest).toEqual([
    { id: 'a', html: 'end' },
    { id: 'b', html: '1000' },
  ]);
  expect(parts.followers).toBe(0);
});

test('a follower who leaves is let go', async () => {
  const parts = new PageParts();
  const leave = new AbortController();
  const next = parts.follow(leave.signal).next();
  await turn();
  expect(parts.followers).toBe(1);
  leave.abort();
  expect((await next).done).toBe(true);
  expect(parts.followers).toBe(0);
});

describe('the server', () => {
  const live = new LiveRun({ mayEndSooner: true });
  let server: Awaited<ReturnType<typeof serveLive>>;
  beforeAll(async () => (server = await serveLive(live)));

  test('answers to its own address only, with the policy in the head too', async () => {
    const page = await fetch(server.url);
    expect(page.headers.get('content-security-policy')).toMatch(
      /^default-src 'none'; script-src 'sha256-.*connect-src 'self'.*trusted-types hyperfit-live.*frame-ancestors 'none'$/,
    );
    expect((await fetch(server.url, { headers: { origin: 'http://evil.example' } })).status).toBe(403);
    const { status } = await new Promise<{ status: number }>((resolve, reject) => {
      void import('node:http').then(({ get }) =>
        get(server.url, { headers: { host: 'evil.example' } }, (response) => resolve({ status: response.resume().statusCode! })).on(
          'error',
          reject,
        ),
      );
    });
    expect(status).toBe(403);
  });

  test('sends steps, escaped words and the end', async () => {
    const response = await fetch(`${server.url}events`);
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    live.hear({ type: 'start', folder: '/nowhere', step: 0, sequences: 4, stepsPerEpoch: 2, totalSteps: 8 });
    live.hear({
      type: 'step',
      step: 2,
      epoch: 1,
      loss: 1.25,
      gradNorm: 1,
      learningRate: 1,
      tokens: 8,
      seconds: 1,
      totalSteps: 8,
      secondsLeft: 75,
    });
    live.hear({ type: 'note', message: '<script>alert(1)</script>' });
    setTimeout(() => live.fail(Object.assign(new Error('the disk is full'), { code: 'ERR_CHECKPOINT' })), 700);
    const closing = new Promise<void>((resolve) => setTimeout(() => void server.close().then(resolve), 800));
    const text = await response.text();
    expect(text).toContain('step 2 of 8');
    expect(text).toContain('at most 1:15 left');
    expect(text).toContain('training loss 1.250');
    expect(text).toContain('&lt;script&gt;');
    expect(text).not.toContain('<script');
    expect(text).toContain('ERR_CHECKPOINT: the disk is full');
    expect(text).toMatch(/event: end\ndata: \{\}\n\n$/);
    await closing;
  });
});

describe('train --open', () => {
  const folder = freshFolder();
  const data = writeIds(join(folder, 'train.jsonl'), randomSequences([40, 40, 40, 40, 40, 40]));
  const heldOut = writeIds(join(folder, 'held-out.jsonl'), randomSequences([40, 40, 40], 2));
  const TRAIN = [
    'train',
    '--model',
    TINY_MODEL,
    '--data',
    data,
    '--held-out',
    heldOut,
    '--batch-size',
    '2',
    '--context-length',
    '8',
    '--max-new-tokens',
    '24',
    '--comparison-contexts',
    '2',
    '--open',
  ];
  let browser: Browser | undefined;
  let taken: Awaited<ReturnType<typeof serveLive>>;
  beforeAll(async () => (taken = await serveLive(new LiveRun())));
  afterAll(async () => Promise.all([browser?.close(), taken.close()]));

  testWithBrowser(
    'prints an address, opens nothing in a pipe, and the page follows the run to its end',
    async () => {
      browser = await launchBrowser();
      const running = start([
        ...TRAIN,
        '--learning-rate',
        '1e-3',
        '--max-steps',
        '1000000',
        '--evaluate-every-steps',
        '20',
        '--out',
        join(folder, 'run'),
      ]);
      await running.saying('follow the run at ');
      const page = await browser.newPage();
      const problems: string[] = [];
      page.on('pageerror', (error) => problems.push(error.message));
      page.on('console', (message) => void (message.type() === 'error' && problems.push(message.text())));
      const url = await addressOf(running);
      await page.goto(url);
      await page.locator('.figures', { hasText: /step [0-9]+ of 1000000/ }).waitFor();
      await page.waitForSelector('#samples .continuation');
      await page.waitForSelector('#curves svg[aria-label^="Loss"]');
      const before = await page.textContent('.figures');
      // The page's policy lets no text be evaluated there, so it is asked from here.
      while ((await page.textContent('.figures')) === before) await sleep(20);
      expect(await page.title()).toMatch(/^0 % Running · Hyperfitting of tiny-text$/);
      expect(await page.textContent('#announcement')).toBe('Running');
      running.child.kill('SIGINT');
      expect((await running.finished).code).toBe(130);
      await page.waitForSelector('.live.stopped');
      expect(await page.textContent('.note')).toContain('--resume');
      expect(await page.textContent('#connection')).toBe('');
      expect(problems).toEqual([]);
    },
    60_000,
  );

  testWithBrowser(
    'a run that fails says so with its error, and one that is done shows the comparison',
    async () => {
      browser ??= await launchBrowser();
      const watch = async (...more: string[]): Promise<{ text: string; code: number | null }> => {
        const page = await browser!.newPage();
        const running = start([...TRAIN, ...more]);
        await running.saying('follow the run at ');
        // Such a run is over before a busy machine has opened a page: it rests until the browser is on its way.
        running.child.kill('SIGSTOP');
        const going = page.goto(await addressOf(running));
        await sleep(500);
        running.child.kill('SIGCONT');
        await going;
        await page.waitForSelector('.live.done, .live.failed', { timeout: 50_000 });
        const { code } = await running.finished;
        return { text: (await page.textContent('main'))!, code };
      };
      const failed = await watch(
        '--learning-rate',
        '1e30',
        '--max-steps',
        '400',
        '--evaluate-every-steps',
        '1',
        '--save-every-steps',
        '1',
        '--out',
        join(folder, 'failed'),
      );
      expect(failed).toEqual({ code: 4, text: expect.stringMatching(/Failed[^]*ERR_NOT_FINITE/) });
      const done = await watch(
        '--learning-rate',
        '1e-3',
        '--max-steps',
        '60',
        '--evaluate-every-steps',
        '10',
        '--out',
        join(folder, 'done'),
      );
      expect(done).toEqual({
        code: 0,
        text: expect.stringMatching(/Done[^]*all steps done[^]*Comparison[^]*Continuations[^]*certificate/i),
      });
    },
    120_000,
  );

  test('a port that is taken, and one that is none, are refused before anything is loaded', async () => {
    await expect(serveLive(new LiveRun(), { port: Number(new URL(taken.url).port) })).rejects.toMatchObject({
      code: 'ERR_CONFIG',
      message: expect.stringContaining('expected a free port'),
    });
    const { code, stderr } = await start([...TRAIN.slice(0, -1), '--out', join(folder, 'never'), '--open', '70000']).finished;
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('expected a number from 0 to 65535') });
    expect(existsSync(join(folder, 'never'))).toBe(false);
  });
});

async function addressOf(running: ReturnType<typeof start>): Promise<string> {
  await running.saying('follow the run at ');
  return new Promise((resolve) => {
    const look = (): void => {
      const found = /follow the run at (\S+)/.exec(running.said())?.[1];
      if (found === undefined) setTimeout(look, 20);
      else resolve(found);
    };
    look();
  });
}
