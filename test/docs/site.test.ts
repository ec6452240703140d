import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { DOCUMENTS, ROOT } from './markdown.ts';

// The site as `npm run docs:build` makes it, once for all these tests. VitePress ends with an error where a link is dead.

const site = mkdtempSync(join(tmpdir(), 'hyperfit-site-'));
let output = '';

beforeAll(async () => {
  const child = spawn(process.execPath, [join(ROOT, 'node_modules/vitepress/bin/vitepress.js'), 'build', 'site', '--outDir', site], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (output += text.toString()));
  const status = await new Promise((done) => child.on('close', done));
  if (status !== 0) throw new Error(`vitepress ended with ${String(status)}: ${output}`);
}, 300_000);

afterAll(() => rmSync(site, { recursive: true, force: true }));

const read = (path: string): string => readFileSync(join(site, path), 'utf8');
const files = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? files(join(folder, entry.name)) : [join(folder, entry.name)],
  );

test('every page of docs/ is in it, and in its menu', () => {
  const pages = DOCUMENTS.filter((path) => path.startsWith('docs/')).map((path) => path.replace(/^docs\/(.+)\.md$/, '$1.html'));
  expect(pages.filter((page) => !existsSync(join(site, page)))).toEqual([]);
  const menu = read('quick-start.html');
  expect(pages.filter((page) => !menu.includes(`href="/${page}"`))).toEqual([]);
  expect(read('troubleshooting.html')).toContain('id="err_gguf"');
});

test('the README is its first page, and leads on within the site', () => {
  const page = read('index.html');
  expect(page).toContain('Make one of your own');
  expect(page).not.toMatch(/href="[^"]*\.md[#"]/);
});

test('every anchor of a link within the site is there', () => {
  const pages = new Map(
    files(site)
      .filter((path) => /^[\w-]+\.html$/.test(relative(site, path)))
      .map((path) => [relative(site, path), readFileSync(path, 'utf8')]),
  );
  const targets = [...pages].flatMap(([page, text]) =>
    [...text.matchAll(/<a [^>]*?href="([^"#:]*)#([^"]+)"/g)].map(([, path, anchor]) => ({
      page,
      path: path === '' ? page : path!.slice(1) || 'index.html',
      anchor: decodeURIComponent(anchor!),
    })),
  );
  expect(targets.length).toBeGreaterThan(100);
  const isLost = ({ path, anchor }: { path: string; anchor: string }): boolean =>
    pages.has(path) && !pages.get(path)!.includes(`id="${anchor}"`);
  expect(targets.filter(isLost)).toEqual([]);
});

test('study pages and linked source files are there', () => {
  const targets = [...read('results.html').matchAll(/href="\/(studies\/[^"]+)"/g)].map(([, target]) => target!);
  expect(targets.length).toBeGreaterThan(10);
  expect([...targets, 'source/lib/addon-types.ts.txt'].filter((target) => !existsSync(join(site, target)))).toEqual([]);
});

test('nothing is fetched from elsewhere: no fonts, no scripts, no counters', () => {
  const pages = files(site).filter((path) => path.endsWith('.html'));
  const fetched = pages.flatMap((path) =>
    [...readFileSync(path, 'utf8').matchAll(/<(?:script|link|img|iframe|source)\b[^>]*?(?:src|href)="((?:https?:)?\/\/[^"]+)"/g)].map(
      ([, address]) => address!,
    ),
  );
  expect(fetched).toEqual([]);
  const styles = files(site)
    .filter((path) => path.endsWith('.css'))
    .map((path) => readFileSync(path, 'utf8'))
    .join('');
  expect(styles).not.toMatch(/url\(["']?(?:https?:)?\/\//);
});

test('a search is built in', () => {
  expect(files(join(site, 'assets')).some((path) => /@localSearchIndex/.test(path))).toBe(true);
});
