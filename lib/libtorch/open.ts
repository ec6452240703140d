import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { HyperfitError } from '../errors.ts';
import type { Libtorch } from './find.ts';
import { packageOfLibrary } from './pins.ts';

/** The torch-free native module, native/preload/preload.cc. */
export interface Preloader {
  /** Opens a library for the rest of the process: null, or what the dynamic linker says. */
  open(path: string): string | null;
  /** Major, minor and patch version of an opened libtorch_cpu; null when it does not tell. */
  abiVersion(path: string): [number, number, number] | null;
}

/** Whether CUDA joined, and if not, why: for `doctor` and for errors about devices. */
export interface CudaStatus {
  loaded: boolean;
  reason: string;
}

const BEFORE_TORCH_CPU = ['cudart', 'cupti'];
// The order in which each finds what it needs already open, when libtorch's own search path reaches none of them.
const BEFORE_TORCH_CUDA = [
  'nvJitLink', 'cublasLt', 'cublas', 'cufft', 'cufile', 'curand', 'cusparse', 'cusolver', 'cudnn', 'cusparseLt', 'nccl', 'nvshmem_host',
];

/**
 * Opens libtorch by absolute paths, CPU first, then CUDA where there is a driver. It must come before the addon is
 * required, and CUDA before anything asks about CUDA: libtorch keeps its first answer for ever.
 * @throws HyperfitError ERR_LIBTORCH_LOAD with the linker's words; ERR_LIBTORCH_VERSION when only the opened library
 * could tell its series
 */
export function openLibtorch(preloader: Preloader, libtorch: Libtorch, series: readonly string[]): CudaStatus {
  const nvidia = listNvidiaLibraries(libtorch);
  for (const name of BEFORE_TORCH_CPU) openOptional(preloader, nvidia, name);
  for (const name of ['libgomp.so.1', 'libc10.so', 'libtorch_cpu.so']) {
    const path = join(libtorch.libFolder, name);
    if (name !== 'libgomp.so.1' || existsSync(path)) openRequired(preloader, path);
  }
  checkSeries(preloader, libtorch, series);
  return openCuda(preloader, libtorch, nvidia);
}

function openRequired(preloader: Preloader, path: string): void {
  const reason = preloader.open(path);
  if (reason === null) return;
  const missing = /^(\S+\.so\S*): cannot open shared object/.exec(reason)?.[1];
  const remedy = remedyFor(missing === undefined ? null : basename(missing), path);
  throw new HyperfitError('ERR_LIBTORCH_LOAD', `expected to open ${path}, got "${reason}"; ${remedy}`);
}

function remedyFor(missing: string | null, path: string): string {
  const wheel = missing === null ? null : packageOfLibrary(missing);
  if (wheel !== null) return `${missing} is in another package: \`pip install ${wheel}\`, or run \`npx hyperfit libtorch install\``;
  return `run \`npx hyperfit libtorch install\` for a complete libtorch in place of ${path}`;
}

function openOptional(preloader: Preloader, paths: readonly string[], name: string): void {
  const path = paths.find((candidate) => basename(candidate).startsWith(`lib${name}.so`));
  if (path !== undefined) preloader.open(path);
}

function listNvidiaLibraries(libtorch: Libtorch): string[] {
  const folders = libtorch.nvidiaFolders.flatMap((nvidia) => subfolders(nvidia).map((name) => join(nvidia, name, 'lib')));
  return folders.filter((folder) => existsSync(folder)).flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));
}

function subfolders(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

/** The second check, for folders whose files did not state a version. */
function checkSeries(preloader: Preloader, libtorch: Libtorch, series: readonly string[]): void {
  if (libtorch.series !== null) return;
  const version = preloader.abiVersion(join(libtorch.libFolder, 'libtorch_cpu.so'));
  const got = version === null ? 'unknown' : `${version[0]}.${version[1]}`;
  if (series.includes(got)) {
    libtorch.series = got;
    libtorch.version ??= version?.join('.') ?? null;
    return;
  }
  throw new HyperfitError(
    'ERR_LIBTORCH_VERSION',
    `expected libtorch ${series.join(' or ')}, got ${version?.join('.') ?? 'a library that does not tell its version'} in ${libtorch.path}; run \`npx hyperfit libtorch install\``,
  );
}

/** Without a driver libtorch_cuda would load and only cost memory, so it is left out. Never throws: CPU work goes on. */
function openCuda(preloader: Preloader, libtorch: Libtorch, nvidia: readonly string[]): CudaStatus {
  const library = join(libtorch.libFolder, 'libtorch_cuda.so');
  if (process.env.HYPERFIT_CUDA === '0') return { loaded: false, reason: 'switched off by HYPERFIT_CUDA=0' };
  if (!existsSync(library)) return { loaded: false, reason: `this libtorch has no CUDA (${library} does not exist)` };
  const driver = preloader.open('libcuda.so.1');
  if (driver !== null) return { loaded: false, reason: `no NVIDIA driver (${driver})` };
  for (const name of BEFORE_TORCH_CUDA) openOptional(preloader, nvidia, name);
  const reason = preloader.open(join(libtorch.libFolder, 'libc10_cuda.so')) ?? preloader.open(library);
  return reason === null ? { loaded: true, reason: 'loaded' } : { loaded: false, reason };
}
