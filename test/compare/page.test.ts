import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import type { Answer } from '../../lib/compare/answer.ts';
import { readAnswers } from '../../lib/compare/answers-file.ts';
import { buildStudy } from '../../lib/compare/build.ts';
import { presentations } from '../../lib/compare/order.ts';
import { scoreStudy } from '../../lib/compare/score.ts';
import { serveStudy } from '../../lib/compare/server.ts';
import { writeStudy } from '../../lib/compare/study-files.ts';
import { CHROMIUM, launchBrowser, testWithBrowser } from './browser.ts';
import { sampleStudy, temporaryFolder, variant } from './samples.ts';

const folder = temporaryFolder();
const COUNT = 4;
const { study, key } = sampleStudy(COUNT);
const file = join(folder, 'study.html');
const url = pathToFileURL(file).href;
let browser: Browser;
let context: BrowserContext;
/** Errors and refusals that any page of the test reported. */
let complaints: string[];

beforeAll(async () => {
  await writeStudy(file, study, key);
  if (CHROMIUM !== undefined) browser = await launchBrowser();
});
afterAll(() => browser?.close());
beforeEach(async () => {
  complaints = [];
  context = await browser?.newContext();
  context?.on('weberror', (error) => complaints.push(error.error().message));
  context?.on('console', (message) => void (message.type() === 'error' && complaints.push(message.text())));
});
afterEach(async () => {
  await context?.close();
  expect(complaints).toEqual([]);
});

async function open(address = url): Promise<Page> {
  const page = await context.newPage();
  await page.goto(address);
  return page;
}

async function begin(page: Page, name: string): Promise<void> {
  await page.locator('#name').fill(name);
  await page.keyboard.press('Enter');
  await page.locator('#start').waitFor({ state: 'hidden' });
}

const heading = (page: Page): Promise<string | null> => page.locator('#item-title').textContent();
const shown = async (page: Page): Promise<string[]> =>
  Promise.all(['#context', '#text-a', '#text-b'].map(async (id) => (await page.locator(id).textContent())!));
const pressed = (page: Page): Promise<string[]> => page.locator('[data-choice][aria-pressed="true"]').allTextContents();

async function exported(page: Page): Promise<{ name: string; answers: Answer[] }> {
  const waiting = page.waitForEvent('download');
  await page.locator('[data-export]:visible').click();
  const download = await waiting;
  const path = join(folder, download.suggestedFilename());
  await download.saveAs(path);
  return { name: download.suggestedFilename(), answers: await readAnswers(path, study) };
}

testWithBrowser('shows what presentations() says, item by item', async () => {
  const page = await open();
  await begin(page, 'Ada Löwe');
  for (const { item, left } of presentations(study, 'Ada Löwe')) {
    expect(await shown(page)).toEqual([item.context, item.texts[left], item.texts[1 - left]]);
    await page.keyboard.press('a');
  }
  expect(await page.locator('#done').isVisible()).toBe(true);
});

testWithBrowser('is answered by keyboard alone, corrected, and exported', async () => {
  const page = await open();
  expect(await page.evaluate('document.activeElement?.id')).toBe('name');
  await page.keyboard.type('  Ada  b. ');
  await page.keyboard.press('Enter');
  await page.keyboard.press('a');
  await page.keyboard.press('2');
  expect(await heading(page)).toBe(`Item 3 of ${COUNT}`);
  expect(await page.evaluate('document.activeElement?.id')).toBe('item-title');
  expect(await page.locator('#status').textContent()).toBe('Item 2: B is better.');
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('ArrowLeft');
  expect([await heading(page), await pressed(page)]).toEqual([`Item 1 of ${COUNT}`, ['A is better A']]);
  await page.keyboard.press('e');
  expect([await heading(page), await pressed(page)]).toEqual([`Item 2 of ${COUNT}`, ['B is better B']]);
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  expect(await heading(page)).toBe(`Item 3 of ${COUNT}`);
  await page.keyboard.press('Control+b');
  await page.keyboard.press('x');
  expect([await heading(page), await page.locator('#count').textContent()]).toEqual([`Item 3 of ${COUNT}`, `2 of ${COUNT} answered`]);
  await page.keyboard.press('1');
  await page.keyboard.press('3');
  expect(await page.locator('#done').isVisible()).toBe(true);
  const { name, answers } = await exported(page);
  expect(name).toBe(`answers-${study.id}-Ada-b.jsonl`);
  const order = presentations(study, 'Ada b.');
  expect(answers).toEqual(
    ['equal', 'B', 'A', 'equal'].map((choice, index) => ({
      study: study.id,
      item: order[index]!.item.id,
      annotator: 'Ada b.',
      choice,
      left: order[index]!.left,
      position: index + 1,
      seconds: expect.any(Number),
      at: expect.stringMatching(/^\d{4}-.*Z$/),
    })),
  );
  expect(scoreStudy(key, answers).groups[0]).toMatchObject({ answers: 4, pairs: [{ ties: 2 }] });
});

testWithBrowser('is answered by pointer, and goes on after a reload where it stood', async () => {
  const page = await open();
  await begin(page, 'Ada');
  await page.locator('[data-choice="B"]').click();
  await page.locator('[data-choice="equal"]').click();
  expect(await page.locator('#count').textContent()).toBe(`2 of ${COUNT} answered`);
  await sameStorage(page, await open());
  await page.reload();
  await page.getByRole('button', { name: `Ada (2 of ${COUNT})` }).click();
  expect([await heading(page), await page.locator('#progress').getAttribute('value')]).toEqual([`Item 3 of ${COUNT}`, '2']);
  await page.locator('#back').click();
  expect(await pressed(page)).toEqual(['Equal E']);
  await page.locator('#next').click();
  await page.locator('[data-choice="A"]').click();
  await page.locator('[data-choice="A"]').click();
  expect((await exported(page)).answers.map(({ choice }) => choice)).toEqual(['B', 'equal', 'A', 'A']);
});

testWithBrowser('keeps two annotators of one browser apart, each with an order of their own', async () => {
  const page = await open();
  await begin(page, 'Ada');
  await page.keyboard.press('a');
  await page.locator('#change').click();
  await begin(page, 'Bob');
  expect(await heading(page)).toBe(`Item 1 of ${COUNT}`);
  const [first] = presentations(study, 'Bob');
  expect(await shown(page)).toEqual([first!.item.context, first!.item.texts[first!.left], first!.item.texts[1 - first!.left]]);
  await page.keyboard.press('b');
  await page.keyboard.press('b');
  expect((await exported(page)).answers.map(({ annotator, choice }) => [annotator, choice])).toEqual([
    ['Bob', 'B'],
    ['Bob', 'B'],
  ]);
  await page.locator('#change').click();
  expect(await page.locator('#known-names button').allTextContents()).toEqual([`Ada (1 of ${COUNT})`, `Bob (2 of ${COUNT})`]);
  await page.getByRole('button', { name: 'Ada' }).click();
  expect((await exported(page)).answers.map(({ annotator, choice }) => [annotator, choice])).toEqual([['Ada', 'A']]);
});

/**
 * Browsers show the stored data of one tab's process to another's a moment later; no annotator answers, or loads the page again, within it.
 */
async function sameStorage(from: Page, to: Page): Promise<void> {
  const stored = (page: Page): Promise<string> => page.evaluate('JSON.stringify({ ...localStorage })');
  const expected = await stored(from);
  for (let look = 0; look < 200 && (await stored(to)) !== expected; look += 1) await sleep(20);
}

testWithBrowser('two tabs of one annotator lose nothing of each other', async () => {
  const [one, two] = [await open(), await open()];
  await begin(one, 'Ada');
  await begin(two, 'Ada');
  await one.keyboard.press('a');
  await sameStorage(one, two);
  await two.keyboard.press('b');
  await sameStorage(two, one);
  await one.keyboard.press('a');
  expect((await exported(one)).answers.map(({ choice }) => choice)).toEqual(['B', 'A']);
});

testWithBrowser('counts what another tab answers while a name is asked for', async () => {
  const [waiting, busy] = [await open(), await open()];
  await begin(busy, 'Ada');
  for (let answered = 0; answered < 3; answered += 1) {
    await waiting.getByRole('button', { name: `Ada (${answered} of ${COUNT})` }).waitFor();
    await busy.keyboard.press('a');
  }
});

testWithBrowser('asks for a name, and not for that of a judge', async () => {
  const page = await open();
  for (const [name, message] of [
    ['   ', 'A name is needed'],
    ['judge:x', 'judge: are taken'],
  ] as const) {
    await page.locator('#name').fill(name);
    await page.keyboard.press('Enter');
    expect(await page.locator('#status').textContent()).toContain(message);
    expect(await page.locator('#start').isVisible()).toBe(true);
  }
});

testWithBrowser('runs nothing of a hostile text and shows it as it is', async () => {
  const hostile = `</script><script>window.ran = 1</script><img src=x onerror="window.ran = 2"><!-- <script> "quotes' &amp; \u2028 \u202e backwards`;
  const evil = {
    ...variant('alpha', 2),
    texts: variant('alpha', 2).texts.map((text) => ({ ...text, continuation: `${hostile} ${text.continuation}` })),
  };
  const built = buildStudy([evil, variant('beta', 2)], { title: hostile });
  const path = join(folder, 'hostile.html');
  await writeStudy(path, built.study, built.key);
  const page = await open(pathToFileURL(path).href);
  await begin(page, `<b>${hostile.slice(0, 40)}`);
  for (const { item, left } of presentations(built.study, `<b>${hostile.slice(0, 40)}`)) {
    expect(await shown(page)).toEqual([item.context, item.texts[left], item.texts[1 - left]]);
    await page.keyboard.press('e');
  }
  expect(await page.evaluate('"ran" in window')).toBe(false);
  expect(await page.locator('script').count()).toBe(2);
  expect(await page.locator('img, b').count()).toBe(0);
  expect(await page.title()).toContain('window.ran = 1');
});

testWithBrowser('a script that somebody adds does not run, and no other place is reached', async () => {
  const page = await open();
  const outcome = await page.evaluate(`(async () => {
    const attempts = [
      () => { document.body.innerHTML = '<img src=x onerror="window.ran = 1">'; },
      () => { const script = document.createElement('script'); script.textContent = 'window.ran = 2'; document.body.append(script); },
    ];
    const refused = attempts.map((attempt) => { try { attempt(); return false; } catch { return true; } });
    const fetched = await fetch('http://127.0.0.1:9/').then(() => 'fetched', () => 'refused');
    return { refused, fetched, ran: 'ran' in window };
  })()`);
  expect(outcome).toEqual({ refused: [true, true], fetched: 'refused', ran: false });
  expect(complaints.splice(0).filter((complaint) => !/Content Security Policy|TrustedHTML|Trusted/.test(complaint))).toEqual([]);
});

testWithBrowser('says so where a browser keeps nothing, and can still be answered and exported', async () => {
  await context.addInitScript({
    content: `for (const name of ['getItem', 'setItem', 'key']) Storage.prototype[name] = () => { throw new Error('forbidden'); };`,
  });
  const page = await open();
  await begin(page, 'Ada');
  expect(await page.locator('#storage').isVisible()).toBe(true);
  await page.keyboard.press('a');
  await page.locator('#change').click();
  await page.getByRole('button', { name: `Ada (1 of ${COUNT})` }).click();
  expect((await exported(page)).answers).toHaveLength(1);
});

testWithBrowser.each([
  [390, 'dark'],
  [1280, 'light'],
] as const)('fits %i pixels, %s', async (width, colorScheme) => {
  const long = {
    ...variant('alpha', 1),
    texts: [{ context: 'Beginning 1', continuation: ` ${'_'.repeat(400)}\n\n${'word '.repeat(150)}` }],
  };
  const built = buildStudy([long, variant('beta', 1)]);
  const path = join(folder, `wide-${width}.html`);
  await writeStudy(path, built.study, built.key);
  const sized = await browser.newContext({ viewport: { width, height: 800 }, colorScheme });
  const page = await sized.newPage();
  await page.goto(pathToFileURL(path).href);
  await begin(page, 'Ada');
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
  for (const button of await page.locator('[data-choice]').all()) {
    const box = (await button.boundingBox())!;
    expect([box.x >= 0, box.x + box.width <= width, box.y + box.height <= 800, box.height >= 44]).toEqual([true, true, true, true]);
  }
  await sized.close();
});

testWithBrowser('every control has a name, the sides have headings, and what is answered is announced', async () => {
  const page = await open();
  await begin(page, 'Ada');
  expect(await page.getByRole('button').allTextContents()).toEqual([
    'A is better A',
    'Equal E',
    'B is better B',
    '← Back',
    'Next →',
    'Export answers',
    'Change annotator',
  ]);
  expect(await page.getByRole('group', { name: 'Which continuation is better?' }).count()).toBe(1);
  expect(await page.getByRole('progressbar', { name: `0 of ${COUNT} answered` }).count()).toBe(1);
  for (const name of ['Beginning', 'A', 'B']) expect(await page.getByRole('article', { name, exact: true }).count()).toBe(1);
  expect(await page.locator('#status').getAttribute('aria-live')).toBe('polite');
});

testWithBrowser('served: every answer is in the file at once, and another browser goes on', async () => {
  const answers = join(folder, 'served.jsonl');
  const server = await serveStudy(study, { answers });
  try {
    const page = await open(server.url);
    await begin(page, 'Ada');
    const stored = page.waitForResponse((response) => response.request().method() === 'POST');
    await page.keyboard.press('a');
    expect((await stored).status()).toBe(200);
    expect(await readAnswers(answers, study)).toMatchObject([{ annotator: 'Ada', choice: 'A', position: 1 }]);
    const elsewhere = await browser.newContext();
    const other = await elsewhere.newPage();
    await other.goto(server.url);
    await begin(other, 'Ada');
    expect(await heading(other)).toBe(`Item 2 of ${COUNT}`);
    await elsewhere.close();
    for (const letter of ['b', 'e', 'a']) await page.keyboard.press(letter);
    while ((await readAnswers(answers, study)).length < COUNT) await page.waitForTimeout(20);
    expect((await readAnswers(answers, study)).map(({ choice }) => choice)).toEqual(['A', 'B', 'equal', 'A']);
    expect(await page.locator('#connection').textContent()).toBe('');
  } finally {
    await server.close();
  }
});

testWithBrowser('served: what does not arrive is kept, said, and sent with the next answer', async () => {
  const answers = join(folder, 'outage.jsonl');
  const server = await serveStudy(study, { answers });
  try {
    const page = await open(server.url);
    await begin(page, 'Ada');
    await page.route('**/answers', (route) => route.abort());
    await page.keyboard.press('a');
    await page.locator('#connection:has-text("Not on the server yet")').waitFor();
    expect(readFileSync(answers, 'utf8')).toBe('');
    await page.unroute('**/answers');
    await page.keyboard.press('b');
    await page.locator('#connection:has-text("Not on the server yet")').waitFor({ state: 'hidden' });
    expect((await readAnswers(answers, study)).map(({ choice }) => choice)).toEqual(['A', 'B']);
    complaints.splice(0);
  } finally {
    await server.close();
  }
});

testWithBrowser('storage that holds nonsense is passed over', async () => {
  writeFileSync(join(folder, 'blank.html'), '<!doctype html><title>blank</title>');
  const page = await open(pathToFileURL(join(folder, 'blank.html')).href);
  await page.evaluate(`localStorage.setItem('hyperfit-compare:${study.id}:Ada', '{')`);
  await page.goto(url);
  await begin(page, 'Ada');
  expect(await heading(page)).toBe(`Item 1 of ${COUNT}`);
});
