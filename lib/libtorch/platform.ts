import { closeSync, openSync, readSync } from 'node:fs';
import { HyperfitError } from '../errors.ts';

/** The C library that a program asks for, by the interpreter that its first bytes name; 'unknown' for a static one and other systems. */
export function libcOf(program: string = process.execPath): 'glibc' | 'musl' | 'unknown' {
  if (process.platform !== 'linux') return 'unknown';
  const start = readStart(program);
  if (/\/ld-musl-[\w-]+\.so/.test(start)) return 'musl';
  return /\/ld-linux[\w-]*\.so/.test(start) ? 'glibc' : 'unknown';
}

/**
 * Refuses Alpine and its like in words: there PyTorch has no libraries, and the linker's own message names a file that nobody knows.
 * @throws HyperfitError ERR_LIBTORCH_LOAD
 */
export function checkLibc(program: string = process.execPath): void {
  if (libcOf(program) !== 'musl') return;
  throw new HyperfitError(
    'ERR_LIBTORCH_LOAD',
    'expected a system with glibc, got one with musl, as Alpine Linux is; PyTorch has no libtorch for it: take an image with glibc, such as node:22-slim in place of node:22-alpine',
  );
}

function readStart(path: string): string {
  try {
    const file = openSync(path, 'r');
    try {
      const bytes = Buffer.alloc(4096);
      return bytes.toString('latin1', 0, readSync(file, bytes, 0, bytes.length, 0));
    } finally {
      closeSync(file);
    }
  } catch {
    return '';
  }
}
