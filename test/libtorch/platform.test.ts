import { join } from 'node:path';
import { checkLibc, libcOf } from '../../lib/libtorch/platform.ts';
import { makeTemporary, removeTemporaries, writeFiles } from './fake-torch.ts';

afterAll(removeTemporaries);

const onLinux = process.platform === 'linux' ? test : test.skip;

onLinux('the C library is read from the program itself', () => {
  expect(libcOf()).toBe('glibc');
  const folder = writeFiles(makeTemporary(), { alpine: `\u007fELF${'\0'.repeat(700)}/lib/ld-musl-x86_64.so.1\0`, static: '\u007fELF' });
  expect([join(folder, 'alpine'), join(folder, 'static'), join(folder, 'none')].map(libcOf)).toEqual(['musl', 'unknown', 'unknown']);
  expect(() => checkLibc(join(folder, 'alpine'))).toThrow(/expected a system with glibc, got one with musl, as Alpine.*node:22-slim/);
  expect(() => checkLibc(join(folder, 'static'))).not.toThrow();
});
