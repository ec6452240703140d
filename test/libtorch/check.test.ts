import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCodeOf } from '../../lib/errors.ts';
import { checkLibtorch, checkLibtorchSync } from '../../lib/libtorch/check.ts';
import { findLibtorch, type Libtorch } from '../../lib/libtorch/find.ts';
import { readTorchFolder } from '../../lib/libtorch/torch-folder.ts';
import { compiler } from './fake-driver.ts';
import { fakeTorch, makeTemporary, removeTemporaries } from './fake-torch.ts';

afterAll(removeTemporaries);

const libtorchAt = (path: string): Libtorch => ({
  ...(readTorchFolder(path) as Exclude<ReturnType<typeof readTorchFolder>, string>),
  place: 'cache',
});

/** A torch folder whose libc10 does something as soon as it is opened. */
function torchThat(does: string): Libtorch {
  const path = fakeTorch(makeTemporary(), '2.11.0');
  const source = join(path, 'c10.c');
  writeFileSync(source, `#include <signal.h>\n#include <stdlib.h>\n__attribute__((constructor)) static void start(void) { ${does} }\n`);
  execFileSync(compiler!, ['-shared', '-fPIC', '-o', join(path, 'lib', 'libc10.so'), source]);
  return libtorchAt(path);
}

const withCompiler = compiler === undefined ? test.skip : test;

withCompiler.each([
  ['SIGSEGV', 'raise(SIGSEGV);', /damaged, or built for another system/],
  ['SIGABRT', 'abort();', /damaged/],
  ['SIGILL', 'raise(SIGILL);', /instructions that this processor does not have/],
])('a library that ends its process with %s becomes an explanation', async (signal, does, remedy) => {
  const libtorch = torchThat(does);
  const env = { ...process.env, HYPERFIT_CACHE: makeTemporary() };
  for (const attempt of [() => checkLibtorch(libtorch, undefined, env), async () => checkLibtorchSync(libtorch, undefined, env)]) {
    const error: unknown = await attempt().catch((reason: unknown) => reason);
    expect(errorCodeOf(error)).toBe('ERR_LIBTORCH_LOAD');
    expect((error as Error).message).toMatch(new RegExp(`ends the process with ${signal}: .*libtorch install`));
    expect((error as Error).message).toMatch(remedy);
  }
});

test('one that is fine is remembered until its files change; a plain error is left to whoever opens it', () => {
  const cache = makeTemporary();
  const env = { ...process.env, HYPERFIT_CACHE: cache };
  const memory = join(cache, 'libtorch', '.checked.json');
  checkLibtorchSync(libtorchAt(fakeTorch(makeTemporary(), '2.11.0')), undefined, env); // not a library at all
  const libtorch = findLibtorch();
  checkLibtorchSync(libtorch, undefined, env);
  expect(JSON.parse(readFileSync(memory, 'utf8')) as string[]).toHaveLength(1);
  utimesSync(memory, 1, 1);
  checkLibtorchSync(libtorch, undefined, env);
  expect(statSync(memory).mtimeMs).toBe(1000); // nobody was asked
});

test('it can be switched off, and a child of its own does not ask again', () => {
  const cache = makeTemporary();
  for (const name of ['HYPERFIT_LIBTORCH_CHECK', 'HYPERFIT_CHECKS_LIBTORCH']) {
    checkLibtorchSync(findLibtorch(), undefined, { ...process.env, HYPERFIT_CACHE: cache, [name]: '0' });
  }
  expect(existsSync(join(cache, 'libtorch'))).toBe(false);
});
