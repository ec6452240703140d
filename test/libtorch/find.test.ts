import { join } from 'node:path';
import { errorCodeOf } from '../../lib/errors.ts';
import { findLibtorch, searchLibtorch, type FindLibtorchOptions } from '../../lib/libtorch/find.ts';
import { fakePython, fakeTorch, makeTemporary, removeTemporaries, writeFiles } from './fake-torch.ts';

afterAll(removeTemporaries);

const series = ['2.11'];

function errorOf(options: FindLibtorchOptions): { code: string | undefined; message: string } {
  const { error } = searchLibtorch({ series, ...options });
  return { code: errorCodeOf(error), message: error?.message ?? '' };
}

/** Every place filled: the one that wins is taken away, time and again. */
function everyPlace(): { env: NodeJS.ProcessEnv; option: string; named: string; cached: string; python: string } {
  const root = makeTemporary();
  const [option, named, python] = ['option', 'named', 'site/torch'].map((name) => fakeTorch(join(root, name), '2.11.0')) as [
    string,
    string,
    string,
  ];
  const cached = fakeTorch(join(root, 'cache', 'libtorch', '2.11.0-cpu', 'torch'), '2.11.0');
  const interpreter = fakePython(root, { torch: [python], nvidia: [] });
  const env = { PATH: process.env.PATH, LIBTORCH: named, HYPERFIT_CACHE: join(root, 'cache'), HYPERFIT_PYTHON: interpreter };
  return { env, option, named, cached, python };
}

test('the option comes first, then LIBTORCH, the cache, python3', () => {
  const { env, option, named, cached, python } = everyPlace();
  expect(findLibtorch({ series, env, libtorch: option })).toMatchObject({ place: 'option', path: option });
  expect(findLibtorch({ series, env })).toMatchObject({ place: 'LIBTORCH', path: named });
  delete env.LIBTORCH;
  expect(findLibtorch({ series, env })).toMatchObject({ place: 'cache', path: cached });
  env.HYPERFIT_CACHE = join(env.HYPERFIT_CACHE!, 'none');
  expect(findLibtorch({ series, env })).toMatchObject({ place: 'python3', path: python });
});

test('python3 can be switched off', () => {
  const { env } = everyPlace();
  delete env.LIBTORCH;
  env.HYPERFIT_CACHE = join(env.HYPERFIT_CACHE!, 'none');
  expect(errorOf({ env, python: false }).message).toContain('python3: switched off');
  expect(errorOf({ env: { ...env, HYPERFIT_NO_PYTHON: '1' } }).message).toContain('python3: switched off');
});

test('what the user named is final: a missing folder is the error, though the cache would do', () => {
  const { env } = everyPlace();
  env.LIBTORCH = '/nowhere/torch';
  const { code, message } = errorOf({ env });
  expect(code).toBe('ERR_LIBTORCH_NOT_FOUND');
  expect(message).toMatch(/`LIBTORCH`, got "\/nowhere\/torch": \/nowhere\/torch does not exist; .*libtorch install/);
  expect(errorOf({ env, libtorch: '/none' }).message).toContain('for `libtorch`, got "/none"');
});

test('another series in a named folder is refused by its files alone, before anything is opened', () => {
  const path = fakeTorch(makeTemporary(), '2.15.0+cu132'); // its libraries would fail to open with another error
  const { code, message } = errorOf({ env: { LIBTORCH: path } });
  expect(code).toBe('ERR_LIBTORCH_VERSION');
  expect(message).toContain(`expected libtorch 2.11, got 2.15.0+cu132 in ${path}`);
  expect(message).toContain(`\`npx hyperfit build --libtorch ${path}\``);
});

test('with nothing anywhere every place is named with what was wrong, and the remedies', () => {
  const root = makeTemporary();
  const wrong = fakeTorch(join(root, 'site/torch'), '2.15.0');
  const env = { PATH: process.env.PATH, HYPERFIT_CACHE: root, HYPERFIT_PYTHON: fakePython(root, { torch: [wrong], nvidia: [] }) };
  const { code, message } = errorOf({ env });
  expect(code).toBe('ERR_LIBTORCH_NOT_FOUND');
  expect(message.split('\n')).toEqual([
    'expected a libtorch, got none:',
    '  LIBTORCH: not set',
    `  cache: nothing installed in ${root}/libtorch`,
    `  python3: expected libtorch 2.11, got 2.15.0 in ${wrong}`,
    'run `npx hyperfit libtorch install`, or `pip install torch==2.11.0`, or set LIBTORCH to a torch folder',
  ]);
  expect(() => findLibtorch({ series, env })).toThrow('expected a libtorch, got none');
});

test.each([
  ['torch is not installed', { torch: [], nvidia: [] }],
  ['no such module', undefined],
])('a python3 that has no torch is reported as: %s', (outcome, answer) => {
  const root = makeTemporary();
  const env = { PATH: process.env.PATH, HYPERFIT_CACHE: root, HYPERFIT_PYTHON: fakePython(root, answer) };
  expect(errorOf({ env }).message).toContain(`python3: ${outcome}`);
});

test('no python3 at all is reported', () => {
  const root = makeTemporary();
  expect(errorOf({ env: { HYPERFIT_CACHE: root, HYPERFIT_PYTHON: join(root, 'none') } }).message).toContain('python3: not found on PATH');
});

test('in the cache a CUDA installation goes before a CPU one, an unfinished one does not count', () => {
  const root = makeTemporary();
  for (const name of ['2.11.0-cpu', '2.11.0-cuda', '.partial-x']) fakeTorch(join(root, 'libtorch', name, 'torch'), '2.11.0');
  const found = findLibtorch({ series, env: { HYPERFIT_CACHE: root } });
  expect(found.path).toBe(join(root, 'libtorch', '2.11.0-cuda', 'torch'));
});

test('for a build only a folder with headers counts', () => {
  const root = makeTemporary();
  const bare = fakeTorch(join(root, 'libtorch', '2.11.0-cuda', 'torch'), '2.11.0');
  const full = fakeTorch(join(root, 'libtorch', '2.11.0-cpu', 'torch'), '2.11.0');
  writeFiles(full, { 'include/torch/headeronly/version.h': '' });
  const env = { HYPERFIT_CACHE: root };
  expect(findLibtorch({ series, env }).path).toBe(bare);
  expect(findLibtorch({ series, env, needHeaders: true }).path).toBe(full);
});
