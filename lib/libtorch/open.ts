import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { HyperfitError } from '../errors.ts';
import { requireAddressSpace } from './address-space.ts';
import { DRIVER_LIBRARY, explainDriver, readCudaMachine, type CudaDriver } from './cuda-driver.ts';
import type { Libtorch } from './find.ts';
import { INSTALL_CUDA, Libraries } from './libraries.ts';

/** The torch-free native module, native/preload/preload.cc. */
export interface Preloader {
  /** Opens a library for the rest of the process: null, or what the dynamic linker says. */
  open(path: string): string | null;
  /** Major, minor and patch version of an opened libtorch_cpu; null when it does not tell. */
  abiVersion(path: string): [number, number, number] | null;
  /** Asks the NVIDIA driver; `withMemory` opens each card for it. Never throws. */
  cudaDriver(path: string, withMemory: boolean): CudaDriver;
}

/** Whether CUDA joined, and if not, why: for `doctor` and for errors about devices. */
export interface CudaStatus {
  /** libtorch_cuda is open, and the driver has a card for it. */
  loaded: boolean;
  reason: string;
  /** What to do about it; null when it is loaded. */
  remedy: string | null;
  /** Null where it was not asked, since this libtorch could not use it. */
  driver: CudaDriver | null;
  /** What the linker said of libraries that were opened ahead, and may be missed later. */
  notes: readonly string[];
}

const BEFORE_TORCH_CPU = ['cudart', 'cupti'];
// The order in which each finds what it needs already open, when libtorch's own search path reaches none of them.
const BEFORE_TORCH_CUDA = [
  'nvJitLink',
  'cublasLt',
  'cublas',
  'cufft',
  'cufile',
  'curand',
  'cusparse',
  'cusolver',
  'cudnn',
  'cusparseLt',
  'nccl',
  'nvshmem_host',
  'nvrtc',
];

/**
 * Opens libtorch by absolute paths, CPU first, then CUDA where there is a driver. It must come before the addon is
 * required, and CUDA before anything asks about CUDA: libtorch keeps its first answer for ever.
 * @throws HyperfitError ERR_LIBTORCH_LOAD with the linker's words; ERR_LIBTORCH_VERSION when only the opened library
 * could tell its series; ERR_OUT_OF_MEMORY below a limit on addresses that is too small for it
 */
export function openLibtorch(preloader: Preloader, libtorch: Libtorch, series: readonly string[]): CudaStatus {
  const libraries = new Libraries(preloader, listNvidiaLibraries(libtorch));
  for (const name of BEFORE_TORCH_CPU) libraries.openAhead(name);
  const paths = ['libgomp.so.1', 'libc10.so', 'libtorch_cpu.so'].map((name) => join(libtorch.libFolder, name));
  requireAddressSpace(paths);
  for (const path of paths) {
    if (basename(path) !== 'libgomp.so.1' || existsSync(path)) libraries.open(path);
  }
  checkSeries(preloader, libtorch, series);
  return openCuda(preloader, libtorch, libraries);
}

/** Folders are named after the CUDA they are of (cu13) from 13 on; beside one of another major version they must not serve. */
function listNvidiaLibraries(libtorch: Libtorch): string[] {
  const major = /^\d+/.exec(libtorch.cuda ?? '')?.[0];
  const ofOther = (name: string): boolean => major !== undefined && /^cu\d+$/.test(name) && name !== `cu${major}`;
  const names = (nvidia: string): string[] =>
    subfolders(nvidia)
      .filter((name) => !ofOther(name))
      .sort((a, b) => Number(b === `cu${major}`) - Number(a === `cu${major}`));
  const folders = libtorch.nvidiaFolders.flatMap((nvidia) => names(nvidia).map((name) => join(nvidia, name, 'lib')));
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

/** Without a card libtorch_cuda would load and only cost memory, so it is left out. Never throws: CPU work goes on. */
function openCuda(preloader: Preloader, libtorch: Libtorch, libraries: Libraries): CudaStatus {
  const library = join(libtorch.libFolder, 'libtorch_cuda.so');
  const without = (reason: string, remedy: string, driver: CudaDriver | null = null): CudaStatus => ({
    loaded: false,
    reason,
    remedy,
    driver,
    notes: libraries.notes,
  });
  if (process.env.HYPERFIT_CUDA === '0') return without('switched off by HYPERFIT_CUDA=0', 'unset HYPERFIT_CUDA');
  if (!existsSync(library)) return without(`this libtorch has no CUDA (${library} does not exist)`, INSTALL_CUDA);
  const driver = preloader.cudaDriver(DRIVER_LIBRARY, false);
  const trouble = explainDriver(driver, libtorch.cuda, readCudaMachine());
  if (trouble !== null) return without(trouble.reason, trouble.remedy, driver);
  for (const name of BEFORE_TORCH_CUDA) libraries.openAhead(name);
  const failure = libraries.tryOpen(join(libtorch.libFolder, 'libc10_cuda.so')) ?? libraries.tryOpen(library);
  if (failure !== null) return without(failure.reason, failure.remedy, driver);
  return { loaded: true, reason: 'loaded', remedy: null, driver, notes: libraries.notes };
}
