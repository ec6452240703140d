import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildAddon, type BuildEvent } from '../../lib/libtorch/build-addon.ts';
import { addonFiles } from '../../lib/libtorch/series.ts';
import { fakeTorch, makeTemporary, removeTemporaries, writeFiles } from './fake-torch.ts';

afterAll(removeTemporaries);

const HEADERS = { 'include/torch/headeronly/version.h': '' };

/** A package with sources, and a cmake that notes what it is asked for and compiles nothing. */
function scene(cmake: string, version = '2.14.1'): { root: string; env: NodeJS.ProcessEnv; asked: () => string[] } {
  const root = writeFiles(makeTemporary(), { 'native/a.cc': '', 'package.json': '{"name": "hyperfit"}' });
  const bin = makeTemporary();
  for (const name of ['cmake', 'make'])
    writeFileSync(
      join(bin, name),
      `#!/bin/sh\nif [ "$1" = --version ]; then exit 0; fi\necho "$@" >> ${bin}/asked\n${name === 'cmake' ? cmake : ''}\n`,
      { mode: 0o755 },
    );
  const env = { PATH: `${bin}:/bin:/usr/bin`, LIBTORCH: fakeTorch(makeTemporary(), version, HEADERS) };
  return { root, env, asked: () => readFileSync(join(bin, 'asked'), 'utf8').trim().split('\n') };
}

test('it configures for the libtorch that is here, builds its addon, and what it made goes before prebuilt files', async () => {
  const { root, env, asked } = scene(
    'if [ "$1" = --build ]; then mkdir -p "$2/Release"; touch "$2/Release/torch-2.14.node" "$2/Release/preload.node"; echo "[3/7] Building CXX object a.cc.o"; fi',
  );
  const events: BuildEvent[] = [];
  const { addon, libtorch } = await buildAddon({ root, env, compiler: 'clang++', onProgress: (event) => events.push(event) });
  const out = join(root, 'build-cmake');
  expect(addon).toBe(join(out, 'Release/torch-2.14.node'));
  expect(libtorch).toMatchObject({ series: '2.14', path: env.LIBTORCH });
  expect(asked()[0]).toMatch(
    new RegExp(
      `^-S ${root} -B ${out} -DLIBTORCH=${env.LIBTORCH} -DCMAKE_BUILD_TYPE=Release -DHYPERFIT_ANY_SERIES=OFF -DCMAKE_CXX_COMPILER=clang\\+\\+`,
    ),
  );
  expect(asked()[1]).toMatch(/^--build .* --target preload torch-2\.14 --parallel \d+$/);
  expect(events).toContainEqual({ event: 'compiled', done: 3, total: 7 });
  expect(addonFiles(root)).toEqual({
    preloader: join(out, 'Release/preload.node'),
    addons: new Map([['2.14', addon]]),
    kernels: null,
    origin: 'build',
  });
});

test('what the compiler says is the end of the message, and the whole is in a file', async () => {
  const { root, env } = scene('if [ "$1" = --build ]; then echo "a.cc:1:1: error: no"; exit 2; fi');
  await expect(buildAddon({ root, env })).rejects.toMatchObject({
    code: 'ERR_LIBTORCH_LOAD',
    message: expect.stringMatching(/the addon to compile, got cmake --build with status 2; the end of .*build\.log:\na\.cc:1:1: error: no/),
  });
  expect(readFileSync(join(root, 'build-cmake/build.log'), 'utf8')).toContain('error: no');
});

test('an end that is asked for ends the compilers too', async () => {
  const { root, env } = scene(
    'if [ "$1" = --build ]; then sleep 600 & echo $! > "$2/compiler"; echo "[1/7] Building CXX object a.cc.o"; wait; fi',
  );
  const stop = new AbortController();
  const build = buildAddon({
    root,
    env,
    signal: stop.signal,
    onProgress: ({ event }) => event === 'compiled' && stop.abort(new Error('enough')),
  });
  await expect(build).rejects.toThrow('enough');
  const compiler = Number(readFileSync(join(root, 'build-cmake/compiler'), 'utf8'));
  expect(isAlive(compiler)).toBe(false);
  await expect(buildAddon({ root, env, signal: stop.signal })).rejects.toThrow('enough');
});

/** A process that has ended and was not waited for does not count. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

test('what is missing is named', async () => {
  const { root, env } = scene('');
  await expect(buildAddon({ root, env: { ...env, PATH: '/nowhere' } })).rejects.toMatchObject({
    message: expect.stringMatching(/expected cmake 3\.18 or newer on PATH, got none/),
  });
  await expect(buildAddon({ root: makeTemporary(), env })).rejects.toMatchObject({
    message: expect.stringMatching(/expected a package .* that has its sources/),
  });
  const bare = fakeTorch(makeTemporary(), '2.14.1');
  await expect(buildAddon({ root, env: { ...env, LIBTORCH: bare } })).rejects.toMatchObject({
    code: 'ERR_LIBTORCH_NOT_FOUND',
    message: expect.stringMatching(/no include\/ folder to build with/),
  });
});

test('addons of the package and one that was built here stand side by side, in the order of their series', () => {
  const root = writeFiles(makeTemporary(), { 'package.json': '{"name": "hyperfit"}' });
  const platform = join(root, 'prebuilds', `${process.platform}-${process.arch}`);
  mkdirSync(platform, { recursive: true });
  writeFiles(platform, { 'hyperfit.node': '', 'series/torch-2.15.node': '', 'series/torch-2.9.node': '', 'series/torch-2.11.node': '' });
  expect([...addonFiles(root).addons.keys()]).toEqual(['2.9', '2.11', '2.15']);
  writeFiles(root, { 'build-cmake/Release/torch-2.11.node': '' });
  const { addons, origin } = addonFiles(root);
  expect(origin).toBe('build');
  expect(addons.get('2.11')).toContain('build-cmake');
  expect(addons.get('2.15')).toContain('prebuilds');
});
