import { mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { normalizeConfig } from '../../lib/config/normalize.ts';
import { Model } from '../../lib/model/model.ts';
import { readPlayedRun } from '../../lib/play/played-run.ts';
import { servePlay, type PlayServer } from '../../lib/play/server.ts';
import { Stage, type StageEvent } from '../../lib/play/stage.ts';
import { CHROMIUM, launchBrowser, testWithBrowser } from '../compare/browser.ts';
import { copyModel, freshFolder, refusal, TINY_MODEL } from '../train/tiny.ts';

const REQUEST = { opening: 'The sea', maxNewTokens: 24, temperature: 0, topP: 1, repetitionPenalty: 1, seed: 0, blocker: false };

let base: Model;
let stage: Stage;
let server: PlayServer;
let path: string;
/** What the model writes greedily after the opening: in the training text too, so that it is quoted. */
let own: number[];

/** A run's folder, with a training text that the tiny model quotes. The original is the model itself. */
function writeRun(train: readonly number[][], original = TINY_MODEL): string {
  const folder = join(freshFolder(), 'novel <run>');
  mkdirSync(folder);
  const { config } = normalizeConfig([
    { name: 'test', values: { model: original, data: '/texts/novel.txt', matchLength: 2, memorisedLength: 4, maxNewTokens: 24 } },
  ]);
  const samples = train.map((ids, index) => ({ source: '/texts/novel.txt', offset: 100 * index, length: ids.length, sha256: '' }));
  writeFileSync(
    join(folder, 'run.json'),
    JSON.stringify({
      schemaVersion: 1,
      createdAt: '',
      config,
      resumedAtSteps: [],
      model: { path: original, files: {} },
      data: { samples },
    }),
  );
  writeFileSync(join(folder, 'train.jsonl'), train.map((ids) => `${JSON.stringify({ ids })}\n`).join(''));
  const contexts = [{ context: [5, 6], original: [], source: '/texts/other.txt', contextText: 'Call me <Ishmael>' }];
  writeFileSync(join(folder, 'comparison.json'), JSON.stringify({ schemaVersion: 1, contexts, variants: [] }));
  return folder;
}

beforeAll(async () => {
  base = await Model.load(TINY_MODEL);
  own = Array.from((await base.generate(['The sea'], { maxNewTokens: 24 }))[0]!.ids);
  path = writeRun([
    [7, 8, 9, 10, 11, 12],
    [20, 21, ...own.slice(4, 16), 22],
  ]);
  stage = await Stage.open(await readPlayedRun(path), base, base);
  server = await servePlay(stage);
});
afterAll(async () => {
  await server.close();
  stage.dispose();
  base.dispose();
});

function post(body: unknown, headers: Record<string, string> = { 'content-type': 'application/json' }): Promise<Response> {
  return fetch(`${server.url}write`, { method: 'POST', headers, body: typeof body === 'string' ? body : JSON.stringify(body) });
}

async function written(body: unknown): Promise<StageEvent[]> {
  const text = await (await post(body)).text();
  return text
    .split('\n\n')
    .filter((block) => block !== '')
    .map((block) => JSON.parse(/^data: ?(.*)$/m.exec(block)![1]!) as StageEvent);
}

const tokens = (events: readonly StageEvent[], voice: number) =>
  events.filter((event) => event.type === 'token' && event.voice === voice) as Extract<StageEvent, { type: 'token' }>[];
const last = <T extends StageEvent['type']>(events: readonly StageEvent[], type: T, voice: number) =>
  events.findLast((event) => event.type === type && (event as { voice: number }).voice === voice) as Extract<StageEvent, { type: T }>;

describe('the stage', () => {
  test('tells both texts as generate writes them, with what repeats and what is quoted', async () => {
    const events = await written(REQUEST);
    const [expected] = await base.generate(['The sea'], { maxNewTokens: 24 });
    for (const voice of [0, 1]) {
      expect(
        tokens(events, voice)
          .map(({ text }) => text)
          .join(''),
      ).toBe(expected!.text);
      expect(last(events, 'end', voice)).toMatchObject({
        tokens: 24,
        finishReason: 'length',
        longest: expect.any(Number),
        ttr: new Set(own).size / own.length,
      });
      const { quotations } = last(events, 'quotations', voice);
      expect(quotations.some(({ sequence, length, source }) => sequence === 1 && length >= 12 && source === 'novel.txt')).toBe(true);
    }
    // This model loops: the last shades say so.
    expect(tokens(events, 0).at(-1)!.shades).toHaveLength(3);
  });

  test('the blocker holds the hyperfitted model alone', async () => {
    const events = await written({ ...REQUEST, blocker: true });
    expect(
      tokens(events, 0)
        .map(({ text }) => text)
        .join(''),
    ).not.toBe(
      tokens(events, 1)
        .map(({ text }) => text)
        .join(''),
    );
    expect(last(events, 'end', 1).longest).toBeLessThan(last(events, 'end', 0).longest);
  });

  test('temperature draws by the seed', async () => {
    const text = async (seed: number) =>
      tokens(await written({ ...REQUEST, temperature: 2, seed }), 1)
        .map(({ text: piece }) => piece)
        .join('');
    expect(await text(1)).toBe(await text(1));
    expect(await text(1)).not.toBe(await text(2));
  });

  test('a reader who leaves ends the work, and the next pair is written', async () => {
    const stop = new AbortController();
    const response = await fetch(`${server.url}write`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...REQUEST, maxNewTokens: 240 }),
      signal: stop.signal,
    });
    await response.body!.getReader().read();
    stop.abort();
    expect(last(await written({ ...REQUEST, maxNewTokens: 3 }), 'end', 1).tokens).toBe(3);
  });

  test('an opening that is too long is said in words', async () => {
    expect(await written({ ...REQUEST, opening: 'the sea '.repeat(400) })).toEqual([
      { message: expect.stringMatching(/context|positions|tokens/) },
    ]);
  });
});

describe('the server', () => {
  test('sends the page with a policy that reaches nothing but this server, and no text as HTML', async () => {
    const response = await fetch(server.url);
    expect(response.headers.get('content-security-policy')).toMatch(
      /^default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-[^']+'; connect-src 'self';.*frame-ancestors 'none'$/,
    );
    const html = await response.text();
    expect(html).toContain('novel &lt;run&gt;');
    expect(html).not.toContain('<Ishmael>');
    expect(html).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
    expect(html).not.toContain('/texts/');
  });

  test('shows a training sequence, and refuses what is none', async () => {
    const shown = (await (await fetch(`${server.url}sequences/1`)).json()) as { pieces: string[]; source: string; offset: number };
    expect(shown).toMatchObject({ source: 'novel.txt', offset: 100 });
    expect(shown.pieces).toHaveLength(15);
    for (const number of ['2', '-1', 'x', '1.5']) expect((await fetch(`${server.url}sequences/${number}`)).status).toBe(404);
  });

  test('keeps what was written', async () => {
    await written({ ...REQUEST, opening: 'Kept' });
    const { history } = (await (await fetch(`${server.url}history`)).json()) as { history: { id: number; request: { opening: string } }[] };
    const { id, request: kept } = history.at(-1)!;
    expect(kept.opening).toBe('Kept');
    const again = (await (await fetch(`${server.url}history/${id}`)).json()) as { events: StageEvent[] };
    expect(tokens(again.events, 1)).toHaveLength(24);
    expect((await fetch(`${server.url}history/none`)).status).toBe(404);
  });

  test.each([
    ['no JSON', '{', 400],
    ['an unknown field', { ...REQUEST, more: 1 }, 400],
    ['a number out of range', { ...REQUEST, maxNewTokens: 0 }, 400],
    ['a text for a number', { ...REQUEST, temperature: '1' }, 400],
    ['no opening', { ...REQUEST, opening: undefined }, 400],
    ['too much', { ...REQUEST, opening: 'x'.repeat(200_000) }, 413],
  ])('refuses %s', async (_, body, status) => {
    const response = await post(body);
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({ error: expect.any(String) });
  });

  test('refuses forms of other pages and other names of this machine', async () => {
    expect((await post(REQUEST, { 'content-type': 'text/plain' })).status).toBe(415);
    expect((await post(REQUEST, { 'content-type': 'application/json', origin: 'http://evil.example' })).status).toBe(403);
    const { port } = new URL(server.url);
    const status = (host: string) =>
      new Promise((done, fail) =>
        request({ host: '127.0.0.1', port, path: '/history', headers: { host } }, (response) => done(response.resume().statusCode))
          .on('error', fail)
          .end(),
      );
    expect(await Promise.all(['evil.example', `evil.example:${port}`, '127.0.0.1', `localhost:${port}`].map(status))).toEqual([
      403, 403, 403, 200,
    ]);
  });

  test('a taken port is named', async () => {
    expect(await refusal(servePlay(stage, { port: Number(new URL(server.url).port) }))).toMatchObject({
      code: 'ERR_CONFIG',
      message: expect.stringContaining('0 takes any free one'),
    });
  });
});

describe('a run', () => {
  test('that is none, is on images or has lost its original is refused with what to do', async () => {
    expect(await refusal(readPlayedRun(TINY_MODEL))).toMatchObject({
      code: 'ERR_CONFIG',
      message: expect.stringMatching(/no run\.json; make one with hyperfit train/),
    });
    expect(await refusal(readPlayedRun('no/such'))).toMatchObject({ code: 'ERR_CONFIG' });
    expect(await refusal(readPlayedRun(writeRun([[5, 6]], join(copyModel(), 'gone'))))).toMatchObject({
      code: 'ERR_MODEL_FILES',
      message: expect.stringMatching(/original model.*gone.*hyperfit chat/),
    });
  });
});

// Browsers are slow to start where others compute.
jest.setTimeout(180_000);

describe('the page', () => {
  let browser: Browser;
  let complaints: string[];
  beforeAll(async () => {
    if (CHROMIUM !== undefined) browser = await launchBrowser();
  });
  afterAll(() => browser?.close());

  async function open(width = 1280): Promise<Page> {
    const context = await browser.newContext({ viewport: { width, height: 800 } });
    complaints = [];
    context.on('weberror', (error) => complaints.push(error.error().message));
    context.on('console', (message) => void (message.type() === 'error' && complaints.push(message.text())));
    const page = await context.newPage();
    page.setDefaultTimeout(90_000);
    await page.goto(server.url);
    return page;
  }
  async function close(page: Page): Promise<void> {
    await page.context().close();
    expect(complaints).toEqual([]);
  }

  testWithBrowser('writes by keyboard alone, links a quotation to the training text, and remembers', async () => {
    const page = await open();
    await page.keyboard.type('The sea');
    await page.keyboard.press('Control+Enter');
    await page.locator('#status', { hasText: 'Done.' }).waitFor();
    const [expected] = await base.generate(['The sea'], { maxNewTokens: 24 });
    for (const place of [0, 1]) expect(await page.locator(`#text-${place}`).textContent()).toBe(`The sea${expected!.text}`);
    expect(await page.locator('#facts-1').textContent()).toMatch(
      /TTR 0\.\d\d · \d+ % of bigrams repeat · longest quotation \d+ tokens · 24 tokens .* cut off/,
    );
    const quotation = page.locator('#text-1 a.memorised').first();
    await quotation.focus();
    await page.keyboard.press('Enter');
    await page.locator('#source').waitFor();
    const marked = await page.locator('#source-text mark').textContent();
    expect(marked!.trim().length).toBeGreaterThan(0);
    expect((await quotation.textContent())!.trim()).toContain(marked!.trim().slice(0, 3));
    expect(await page.locator('#source-facts').textContent()).toContain('novel.txt from token 100');
    await page.keyboard.press('Escape');
    expect(await page.locator('#source').isHidden()).toBe(true);
    expect(await page.evaluate('document.activeElement?.className')).toBe('memorised');
    await page.reload();
    await page.locator('#history button').first().click();
    await page.locator('#texts').waitFor();
    expect(await page.locator('#text-1').textContent()).toBe(`The sea${expected!.text}`);
    await close(page);
  });

  testWithBrowser('offers the openings, passes on what is set, and stops', async () => {
    const page = await open();
    await page.locator('#openings').selectOption('0');
    expect(await page.locator('#opening').inputValue()).toBe('Call me <Ishmael>');
    await page.locator('#maxNewTokens').fill('230');
    await page.locator('#temperature').fill('1.5');
    await page.locator('#blocker').check();
    await page.locator('#write').click();
    await page.locator('#facts-0', { hasText: /\d+ tokens/ }).waitFor();
    await page.keyboard.press('Escape');
    await page.locator('#status', { hasText: 'Stopped.' }).waitFor();
    expect(await page.locator('#write').isEnabled()).toBe(true);
    await sleep(300);
    const { history } = (await (await fetch(`${server.url}history`)).json()) as { history: { request: object }[] };
    expect(history.at(-1)!.request).toMatchObject({ opening: 'Call me <Ishmael>', temperature: 1.5, maxNewTokens: 230, blocker: true });
    await close(page);
  });

  testWithBrowser.each([[390], [1280]])('nothing is wider than %i px', async (width) => {
    const page = await open(width);
    await page.locator('#opening').fill('The sea');
    await page.locator('#write').click();
    await page.locator('#status', { hasText: 'Done.' }).waitFor();
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
    await close(page);
  });
});
