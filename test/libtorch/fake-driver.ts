import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findLibtorch } from '../../lib/libtorch/find.ts';
import { makeTemporary } from './fake-torch.ts';

/** Where there is no C compiler, tests with a driver of our own are skipped by name. */
export const compiler = ['cc', 'gcc', 'clang'].find((name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0);

export function compileLibrary(source: string, target: string, flags: readonly string[] = []): string {
  execFileSync(compiler!, ['-shared', '-fPIC', '-o', target, ...flags, source]);
  return target;
}

/** A folder with a libcuda.so.1 that plays the driver of HYPERFIT_TEST_DRIVER. */
export function fakeDriver(): string {
  const folder = makeTemporary();
  compileLibrary(join(__dirname, 'fake-libcuda.c'), join(folder, 'libcuda.so.1'), ['-Wl,-soname,libcuda.so.1']);
  return folder;
}

/** One that has none of the functions of a driver. */
export function bareDriver(): string {
  return emptyLibraries(makeTemporary(), ['libcuda.so.1']);
}

/** The libtorch of this machine with a CUDA half that is empty: it loads, and has no card to offer. */
export function torchWithEmptyCuda(): string {
  const folder = cpuTorch();
  emptyLibraries(join(folder, 'lib'), ['libc10_cuda.so', 'libtorch_cuda.so']);
  return folder;
}

function emptyLibraries(folder: string, names: readonly string[]): string {
  const empty = join(makeTemporary(), 'empty.c');
  writeFileSync(empty, '');
  for (const name of names) compileLibrary(empty, join(folder, name), [`-Wl,-soname,${name}`]);
  return folder;
}

/** The libtorch of this machine without its CUDA half, if it has one. */
export function cpuTorch(): string {
  const real = findLibtorch();
  const folder = join(makeTemporary(), 'torch');
  mkdirSync(join(folder, 'lib'), { recursive: true });
  writeFileSync(join(folder, 'version.py'), "__version__ = '2.11.0+cu130'\ncuda = '13.0'\n");
  const ofCpu = readdirSync(real.libFolder).filter((name) => /^lib(torch_cpu|c10|gomp)\.so/.test(name));
  for (const name of ofCpu) symlinkSync(join(real.libFolder, name), join(folder, 'lib', name));
  const nvidia = join(real.path, '..', 'nvidia');
  if (existsSync(nvidia)) symlinkSync(nvidia, join(folder, '..', 'nvidia'));
  return folder;
}
