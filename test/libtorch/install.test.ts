import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCodeOf } from '../../lib/errors.ts';
import { installLibtorch } from '../../lib/libtorch/install.ts';
import type { InstallEvent } from '../../lib/libtorch/install-event.ts';
import { findLibtorch } from '../../lib/libtorch/find.ts';
import { makeTemporary, removeTemporaries, writeFiles } from './fake-torch.ts';
import { makeWheel, serveWheel, type WheelIndex } from './wheel-index.ts';

const keep = ['torch/version.py', 'torch/lib/libtorch_cpu.so', 'torch/lib/libc10.so', 'torch/include/*'];
const pins = [{ name: 'torch', version: '2.11.0', bytes: 3e6, keep }];

let index: WheelIndex | undefined;

afterEach(async () => {
  await index?.close();
  index = undefined;
  removeTemporaries();
});

async function open(ranges: boolean, spoiled = false): Promise<{ env: NodeJS.ProcessEnv; cache: string; sent: () => number }> {
  const cache = makeTemporary();
  index = await serveWheel(makeWheel(makeTemporary(), spoiled), ranges);
  return { env: { ...index.env, HYPERFIT_CACHE: cache }, cache, sent: index.sent };
}

const codeOf = (promise: Promise<unknown>): Promise<unknown> => promise.then(() => 'no error', (error: unknown) => [errorCodeOf(error), (error as Error).message]);

test('only the wanted files are downloaded, by ranges, and found in the cache afterwards', async () => {
  const { env, cache, sent } = await open(true);
  const events: InstallEvent[] = [];
  const installed = await installLibtorch({ env, pins, onProgress: (event) => events.push(event) });
  expect(installed).toMatchObject({ path: join(cache, 'libtorch/2.11.0-cpu/torch'), version: '2.11.0+cu130', hasHeaders: true, place: 'cache' });
  expect(readFileSync(join(installed.libFolder, 'libc10.so'), 'utf8')).toBe('c10');
  expect(existsSync(join(installed.path, 'unwanted.bin'))).toBe(false);
  expect(sent()).toBeLessThan(6e6); // of 12 MB
  expect(events.map(({ event }) => event)).toEqual(expect.arrayContaining(['size', 'progress', 'done']));
  expect(events.filter(({ event }) => event === 'note')).toEqual([]);
  expect(findLibtorch({ env: { HYPERFIT_CACHE: cache }, series: ['2.11'] }).path).toBe(installed.path);
});

test('a second installation asks for nothing', async () => {
  const { env, sent } = await open(true);
  await installLibtorch({ env, pins });
  const before = sent();
  await installLibtorch({ env, pins });
  expect(sent()).toBe(before);
});

test('an index without range requests sends the whole wheel, with the same result', async () => {
  const { env } = await open(false);
  const events: InstallEvent[] = [];
  const installed = await installLibtorch({ env, pins, onProgress: (event) => events.push(event) });
  expect(readdirSync(installed.libFolder).sort()).toEqual(['libc10.so', 'libtorch_cpu.so']);
  expect(existsSync(join(installed.path, 'unwanted.bin'))).toBe(false);
  expect(events.find(({ event }) => event === 'note')).toMatchObject({ text: expect.stringContaining('no range requests for torch') });
});

test('a file that is not what RECORD says installs nothing', async () => {
  const { env, cache } = await open(true, true);
  const [code, message] = (await codeOf(installLibtorch({ env, pins }))) as [string, string];
  expect(code).toBe('ERR_LIBTORCH_INSTALL');
  expect(message).toMatch(/expected sha256 \S+ for torch\/lib\/libc10\.so, got \S+/);
  expect(readdirSync(join(cache, 'libtorch'))).toEqual([]);
});

test('an unknown version is the error of pip, and leaves nothing', async () => {
  const { env, cache } = await open(true);
  const [code, message] = (await codeOf(installLibtorch({ env, pins: [{ ...pins[0]!, version: '9.9.9' }] }))) as [string, string];
  expect(code).toBe('ERR_LIBTORCH_INSTALL');
  expect(message).toContain('torch==9.9.9');
  expect(readdirSync(join(cache, 'libtorch'))).toEqual([]);
});

test('no Python is an error with its remedy', async () => {
  const env = { HYPERFIT_CACHE: makeTemporary(), HYPERFIT_PYTHON: '/nowhere/python3' };
  const [code, message] = (await codeOf(installLibtorch({ env, pins }))) as [string, string];
  expect(code).toBe('ERR_LIBTORCH_INSTALL');
  expect(message).toContain('expected Python 3 with pip as `/nowhere/python3`, got none; install it or set HYPERFIT_PYTHON');
});

test('a cache that cannot be written is an error with its remedy', async () => {
  const file = join(writeFiles(makeTemporary(), { file: '' }), 'file');
  const [code, message] = (await codeOf(installLibtorch({ env: { HYPERFIT_CACHE: file }, pins }))) as [string, string];
  expect(code).toBe('ERR_LIBTORCH_INSTALL');
  expect(message).toContain('set HYPERFIT_CACHE to another folder');
});

test('an abort ends the download with its reason and leaves nothing', async () => {
  const { env, cache } = await open(true);
  const controller = new AbortController();
  const reason = new Error('enough');
  const installing = installLibtorch({ env, pins, signal: controller.signal, onProgress: () => controller.abort(reason) });
  await expect(installing).rejects.toBe(reason);
  expect(readdirSync(join(cache, 'libtorch'))).toEqual([]);
});
