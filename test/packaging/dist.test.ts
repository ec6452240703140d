import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

// The built package under plain node, found by its name as a user's program finds it.

const root = join(__dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'hyperfit-dist-'));
mkdirSync(join(folder, 'node_modules'));
symlinkSync(root, join(folder, 'node_modules', 'hyperfit'));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function runFile(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  const run = spawnSync(process.execPath, [join(folder, name)], { cwd: folder, encoding: 'utf8' });
  if (run.status !== 0) throw new Error(run.stderr);
  return run.stdout.trim();
}

const USE = `
  const names = ['Model', 'hyperfit', 'evaluate', 'Tensor', 'HyperfitError', 'doctor'];
  const missing = names.filter((name) => typeof api[name] !== 'function');
  const sum = api.Tensor.from([1, 2, 3]).add(1).toArray();
  console.log(JSON.stringify({ missing, sum: [...sum] }));
`;
const expected = JSON.stringify({ missing: [], sum: [2, 3, 4] });

test('an ES module imports it', () => {
  expect(runFile('use.mjs', `import * as api from 'hyperfit';${USE}`)).toBe(expected);
});

test('a CommonJS program requires it', () => {
  expect(runFile('use.cjs', `const api = require('hyperfit');${USE}`)).toBe(expected);
});

const { exports: paths } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { exports: Record<string, unknown> };
const SUBPATHS = Object.keys(paths)
  .filter((path) => path !== '.' && path !== './package.json')
  .map((path) => path.replace('./', 'hyperfit/'));
/** How many names each path has, and which of the root's are not the same there: two copies of Tensor would not know each other. */
const COUNT = `
  const counts = {}, copies = [];
  for (const [path, part] of Object.entries(parts)) {
    counts[path] = Object.keys(part).length;
    copies.push(...Object.keys(part).filter((name) => name in api && api[name] !== part[name]));
  }
  console.log(JSON.stringify({ counts, copies }));
`;

test.each([
  [
    'ES modules',
    'parts.mjs',
    `import * as api from 'hyperfit'; const parts = {}; for (const path of ${JSON.stringify(SUBPATHS)}) parts[path] = await import(path);`,
  ],
  [
    'CommonJS',
    'parts.cjs',
    `const api = require('hyperfit'); const parts = {}; for (const path of ${JSON.stringify(SUBPATHS)}) parts[path] = require(path);`,
  ],
])('every path beside the root is there for %s, with the same classes', (_, name, load) => {
  const { counts, copies } = JSON.parse(runFile(name, load + COUNT)) as { counts: Record<string, number>; copies: string[] };
  expect(Object.keys(counts)).toEqual(
    expect.arrayContaining(['evaluate', 'study', 'compare', 'report', 'image', 'serve'].map((path) => `hyperfit/${path}`)),
  );
  expect(Object.entries(counts).filter(([, count]) => count < 3)).toEqual([]);
  expect(copies).toEqual([]);
});

test('importing it opens no library, so that a program can choose its libtorch first', () => {
  const script = `import 'hyperfit'; import { readFileSync } from 'node:fs'; console.log(readFileSync('/proc/self/maps', 'utf8').includes('libtorch'));`;
  expect(runFile('idle.mjs', script)).toBe('false');
});

test.each(['hyperfit', ...SUBPATHS])('%s: the ES module has the names of the CommonJS module, and its very objects', (path) => {
  const script = `
    import * as esm from '${path}';
    import { createRequire } from 'node:module';
    const cjs = createRequire(import.meta.url)('${path}');
    console.log(JSON.stringify({ names: [Object.keys(esm), Object.keys(cjs).sort()], others: Object.keys(cjs).filter((name) => esm[name] !== cjs[name]) }));
  `;
  const { names, others } = JSON.parse(runFile('both.mjs', script)) as { names: string[][]; others: string[] };
  expect(names[0]).toEqual(names[1]);
  expect(others).toEqual([]);
});

test('no file of the bundle requires one that requires it, which would find it half made', () => {
  const dist = join(root, 'dist');
  const files = ['.', 'parts'].flatMap((folder) =>
    readdirSync(join(dist, folder))
      .filter((name) => /(?<!\.d)\.cjs$/.test(name))
      .map((name) => join(folder, name)),
  );
  const required = new Map(
    files.map((file) => [
      file,
      [...readFileSync(join(dist, file), 'utf8').matchAll(/^(?:(?:const|let) .* = )?require\("(\..+?)"\)/gm)].map(([, path]) =>
        join(dirname(file), path!),
      ),
    ]),
  );
  const above = (file: string, path: readonly string[]): string[] => {
    if (path.includes(file)) return [[...path, file].join(' -> ')];
    const below = required.get(file)!;
    required.set(file, []); // looked at
    return below.flatMap((next) => above(next, [...path, file]));
  };
  expect(files.length).toBeGreaterThan(100);
  expect(files.flatMap((file) => above(file, []))).toEqual([]);
});

test('the command line starts under its own name', () => {
  const run = spawnSync(join(root, 'dist', 'cli.mjs'), ['--version'], { encoding: 'utf8' });
  expect(run.stdout.trim()).toMatch(/^\d+\.\d+\.\d+/);
});
