// npm run docs:screenshots -- RUN [NAME...]: the pictures in docs/pictures (report, compare, play, chat; default all), from a finished run,
// with the system's Chromium. The run of those that are there: SmolLM2-135M on Moby Dick, `hyperfit demo` with 16 passages of 64 tokens.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { withPalette } from './screenshots/palette.mjs';
import { inTerminal, screenOf, terminalPage } from './screenshots/terminal.mjs';
import { root, runMain, say, SetupError } from './steps/log.mjs';

const CLI = join(root, 'dist', 'cli.mjs');
const PICTURES = join(root, 'docs', 'pictures');
const BROWSERS = [process.env.HYPERFIT_CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const SIZE = { width: 1000, height: 720 };
const MAKERS = { report, compare, play, chat };

await runMain(async () => {
  const run = resolve(process.argv[2] ?? '');
  const names = process.argv.length > 3 ? process.argv.slice(3) : Object.keys(MAKERS);
  if (!existsSync(join(run, 'report.html')))
    throw new SetupError(`expected the folder of a finished run, got ${run}; npm run docs:screenshots -- runs/novel`);
  const executablePath = BROWSERS.find((path) => path !== undefined && existsSync(path));
  if (executablePath === undefined) throw new SetupError('expected a Chromium, got none; name one in HYPERFIT_CHROMIUM');
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
  const folder = mkdtempSync(join(tmpdir(), 'hyperfit-pictures-'));
  try {
    const open = (address) => openPage(browser, address);
    for (const name of names) {
      if (MAKERS[name] === undefined) throw new SetupError(`expected names of pictures (${Object.keys(MAKERS).join(', ')}), got ${name}`);
      await MAKERS[name](open, run, folder);
    }
  } finally {
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

async function openPage(browser, address) {
  const page = await browser.newPage({ viewport: SIZE, deviceScaleFactor: 1, colorScheme: 'light', reducedMotion: 'reduce' });
  await page.goto(address);
  return page;
}

function toTop(place) {
  return place.evaluate((element) => element.scrollIntoView({ block: 'start' }));
}

async function keep(page, name, { close = true, of = page } = {}) {
  const png = withPalette(await of.screenshot());
  writeFileSync(join(PICTURES, `${name}.png`), png);
  say(`${name}.png: ${Math.round(png.length / 1000)} kB`);
  if (close) await page.close();
}

async function report(open, run) {
  const page = await open(pathToFileURL(join(run, 'report.html')).href);
  await toTop(page.locator('h2', { hasText: 'Training' }).last());
  await keep(page, 'report', { close: false });
  await toTop(page.locator('h2', { hasText: 'Continuations' }));
  await keep(page, 'report-texts');
}

async function compare(open, run, folder) {
  const page = join(folder, 'study.html');
  const built = spawnSync(
    process.execPath,
    [CLI, 'compare', 'build', run, '--variant', 'hyperfitted, greedy', 'original, greedy', '--seed', '1', '--out', page],
    { encoding: 'utf8' },
  );
  if (built.status !== 0) throw new SetupError(built.stderr);
  const study = await open(pathToFileURL(page).href);
  await study.locator('#name').fill('Ada');
  await study.keyboard.press('Enter');
  await study.locator('#start').waitFor({ state: 'hidden' });
  await keep(study, 'compare');
}

async function play(open, run) {
  const server = spawn(process.execPath, [CLI, 'play', run], { stdio: ['ignore', 'ignore', 'pipe'] });
  try {
    const address = await new Promise((done, fail) => {
      let said = '';
      server.stderr.on('data', (text) => {
        said += text;
        const [url] = /http:\/\/127\.0\.0\.1:\d+\//.exec(said) ?? [];
        if (url !== undefined) done(url);
      });
      server.on('exit', () => fail(new SetupError(said)));
    });
    const page = await open(address);
    await page.locator('#openings').selectOption('0');
    await page.locator('#maxNewTokens').fill('96');
    await page.locator('#write').click();
    await page.locator('#status', { hasText: 'Done.' }).waitFor({ timeout: 300_000 });
    await toTop(page.locator('#write'));
    await keep(page, 'play');
  } finally {
    server.removeAllListeners('exit');
    server.kill('SIGINT');
  }
}

/** A conversation as a terminal of 132 columns was sent it, drawn by a page. */
async function chat(open, run, folder) {
  const columns = 132;
  const command = `'${process.execPath}' '${CLI}' chat --model '${run}' --beside original --max-new-tokens 72`;
  const output = await inTerminal(command, ['Tell me about the whale.', 'What did the captain say?', '/exit'], { columns, prompt: '> ' });
  const path = join(folder, 'terminal.html');
  writeFileSync(path, terminalPage(screenOf(output, columns), columns));
  const page = await open(pathToFileURL(path).href);
  await keep(page, 'chat', { of: page.locator('pre') });
}
