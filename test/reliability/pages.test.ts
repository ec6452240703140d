import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Parser } from 'htmlparser2';
import { LiveRun } from '../../lib/live/live-run.ts';
import { Model } from '../../lib/model/model.ts';
import { readPlayedRun } from '../../lib/play/played-run.ts';
import { servePlay } from '../../lib/play/server.ts';
import { Stage } from '../../lib/play/stage.ts';
import { cli } from '../cli/cli-process.ts';
import { freshFolder, randomSequences, TINY_MODEL, writeIds } from '../train/tiny.ts';

/**
 * Every page of one user: names that are markup, in a folder that is nobody else's business. Nothing of them may run, and no folder may
 * show.
 */

jest.setTimeout(300_000);

const SECRET = 'home-of-nobody';
const EVIL = `x"'><img src=y onerror=alert(1)><svg onload=alert(2)>&lt;script>`;
const CONTINUATION = `</script></style></title></textarea><script>alert(3)</script><!--<script> <iframe src=javascript:alert(4)> ${EVIL}`;
const folder = join(freshFolder(), SECRET, 'the folder of a user');
const [model, run, study] = [join(folder, EVIL), join(folder, `run ${EVIL}`), join(folder, `study ${EVIL}`)];

beforeAll(async () => {
  mkdirSync(folder, { recursive: true });
  cpSync(TINY_MODEL, model, { recursive: true });
  const data = writeIds(join(folder, `${EVIL}.jsonl`), randomSequences(Array.from({ length: 20 }, () => 24)));
  const trained = await cli(
    'train',
    '--model',
    model,
    '--data',
    data,
    '--out',
    run,
    '--context-length',
    '8',
    '--max-steps',
    '3',
    '--evaluate-every-steps',
    '1',
    '--max-new-tokens',
    '8',
    '--comparison-contexts',
    '3',
    '--held-out',
    data,
    '--quiet',
  );
  expect(trained).toMatchObject({ code: 0 });
  const studied = await cli(
    'study',
    'quality',
    '--model',
    model,
    '--data',
    `${'a'}=${data}`,
    '--out',
    study,
    '--samples',
    '8',
    '--batch-size',
    '4',
    '--epochs',
    '1',
    '--contexts',
    '4',
    '--context-length',
    '8',
    '--new-tokens',
    '8',
    '--seeds',
    '0',
    '--quiet',
  );
  expect(studied).toMatchObject({ code: 0 });
  for (const name of ['one', 'two'])
    writeFileSync(
      join(folder, `${name}.jsonl`),
      `${JSON.stringify({ context: EVIL, continuation: `${name} ${CONTINUATION}`, source: join(folder, 'book.txt:3') })}\n`,
    );
  const built = await cli(
    'compare',
    'build',
    `${EVIL.replaceAll('=', '')}=${join(folder, 'one.jsonl')}`,
    join(folder, 'two.jsonl'),
    '--title',
    CONTINUATION,
    '--out',
    join(folder, 'page.html'),
  );
  expect(built).toMatchObject({ code: 0 });
});

/** What a browser would make of it: elements with attributes, and what a script or style holds. */
function elementsOf(html: string): { name: string; attributes: Record<string, string> }[] {
  const elements: { name: string; attributes: Record<string, string> }[] = [];
  const parser = new Parser({ onopentag: (name, attributes) => void elements.push({ name, attributes }) });
  parser.end(html);
  return elements;
}

function expectHarmless(html: string, scripts: number): void {
  const elements = elementsOf(html);
  expect(
    elements
      .filter(({ name }) => ['iframe', 'object', 'embed', 'link', 'base', 'form'].includes(name))
      .filter(({ name, attributes }) => name !== 'form' || 'action' in attributes),
  ).toEqual([]);
  expect(elements.filter(({ name }) => name === 'script')).toHaveLength(scripts);
  expect(elements.flatMap(({ attributes }) => Object.keys(attributes)).filter((name) => /^on/i.test(name))).toEqual([]);
  expect(
    elements
      .flatMap(({ attributes }) => [attributes['src'], attributes['href']])
      .filter((address) => address !== undefined && !/^(data:image\/png;|#|https:\/\/arxiv\.org\/)/.test(address)),
  ).toEqual([]);
  expect(html).not.toContain(SECRET);
  const policy = elements.find(({ attributes }) => attributes['http-equiv'] === 'Content-Security-Policy')!.attributes['content']!;
  expect(policy).toMatch(/^default-src 'none';/);
  expect(policy).not.toMatch(/unsafe|\*|https?:/);
}

test('the report of a run, the page of a study, the page for annotators', () => {
  expectHarmless(readFileSync(join(run, 'report.html'), 'utf8'), 0);
  expectHarmless(readFileSync(join(study, 'index.html'), 'utf8'), 0);
  expectHarmless(readFileSync(join(folder, 'page.html'), 'utf8'), 2);
});

test('tables, texts and cards that are passed on hold no folder of the machine', () => {
  const passedOn = [study, run]
    .flatMap((place) => readdirSync(place, { recursive: true }).map((name) => join(place, String(name))))
    .filter((path) => /\.(html|csv|md)$|generations\/[^/]+\.jsonl$|comparison\.json$|memorisation\.json$/.test(path));
  expect(passedOn.length).toBeGreaterThan(8);
  expect(passedOn.filter((path) => readFileSync(path, 'utf8').includes(SECRET))).toEqual([]);
});

test('a model card shows a hostile name as text', () => {
  const card = readFileSync(join(run, 'checkpoints', 'step-000003', 'README.md'), 'utf8');
  // Outside of code, where nothing counts as markup.
  expect(card.replaceAll(/```[^]*?```|`[^`\n]*`/g, '')).not.toMatch(/<(img|svg|script)/);
});

test('the page that is served beside, and what a run that goes on says', async () => {
  const base = await Model.load(TINY_MODEL);
  const stage = await Stage.open(await readPlayedRun(run), base, base);
  const server = await servePlay(stage);
  expectHarmless(await (await fetch(server.url)).text().then((html) => html.replace(/<form id="form">/, '<form>')), 2);
  await server.close();
  stage.dispose();
  base.dispose();
  const live = new LiveRun();
  const parts: string[] = [];
  live.hear({ type: 'note', message: `reading ${join(folder, 'book.txt')} ${EVIL}` });
  live.fail(new Error(`expected a file, got ${join('/tmp', SECRET, 'x.txt')}; ${CONTINUATION}`));
  for await (const { html } of live.parts.follow(new AbortController().signal)) parts.push(html);
  expect(
    elementsOf(parts.join('\n')).filter(
      ({ name, attributes }) => ['img', 'script', 'iframe', 'svg'].includes(name) || Object.keys(attributes).some((key) => /^on/.test(key)),
    ),
  ).toEqual([]);
  expect(parts.join('\n')).not.toContain(SECRET);
});
