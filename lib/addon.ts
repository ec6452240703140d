import { createRequire } from 'node:module';
import { types } from 'node:util';
import type { NativeBatches } from './addon-batch-types.ts';
import type { NativePasses } from './addon-pass-types.ts';
import type { NativeAddon } from './addon-types.ts';
import { deviceFailure } from './device-errors.ts';
import { errorCodeOf, HyperfitError } from './errors.ts';
import { threadsThatFit } from './libtorch/address-space.ts';
import { checkLibtorchSync } from './libtorch/check.ts';
import { findLibtorch, type FindLibtorchOptions, type Libtorch } from './libtorch/find.ts';
import { hiddenCudaWarning } from './libtorch/hidden-cuda.ts';
import { unpackKernels } from './libtorch/kernel-images.ts';
import { settleOpenMP } from './libtorch/openmp.ts';
import { openLibtorch, type CudaStatus, type Preloader } from './libtorch/open.ts';
import { checkLibc } from './libtorch/platform.ts';
import { addonFiles, type AddonFiles } from './libtorch/series.ts';
import { memoryLimits } from './memory-room.ts';

/** All that crosses. */
type Native = NativeAddon & NativeBatches & NativePasses;

export interface LoadedAddon {
  native: Native;
  libtorch: Libtorch;
  cuda: CudaStatus;
  /** The .node file in use. */
  path: string;
}

const require = createRequire(import.meta.url);
let loaded: LoadedAddon | undefined;

/**
 * The native functions. The first call finds libtorch, opens it and loads the addon for its series (a third of a
 * second); later calls return the same object. What native code throws arrives as HyperfitError with the caller's stack.
 * @throws HyperfitError ERR_LIBTORCH_NOT_FOUND, ERR_LIBTORCH_VERSION, ERR_LIBTORCH_LOAD
 */
export function addon(): Native {
  return (loaded ?? loadAddon()).native;
}

/**
 * Loads the addon from a chosen libtorch. To be called before anything else of this package needs it.
 * @throws HyperfitError as `addon`; ERR_CONFIG when another libtorch is in use already, as one process can hold only one
 */
export function loadAddon(options: Pick<FindLibtorchOptions, 'libtorch' | 'python'> = {}): LoadedAddon {
  if (loaded !== undefined) return checkSame(loaded, options.libtorch);
  checkLibc();
  const files = addonFiles();
  const series = [...files.addons.keys()];
  if (files.preloader === null || series.length === 0) throw notBuilt(files);
  const libtorch = findLibtorch({ ...options, series });
  const warning = hiddenCudaWarning(libtorch, { ...options, series });
  if (warning !== undefined) process.emitWarning(warning, 'HyperfitWarning');
  checkLibtorchSync(libtorch, files);
  settleOpenMP(process.env);
  const cuda = openLibtorch(require(files.preloader) as Preloader, libtorch, series);
  const path = files.addons.get(libtorch.series ?? '') ?? '';
  const native = requireAddon(path);
  applyThreads(native);
  limitThreads(native);
  limitInstructionSet(native);
  if (process.env.HYPERFIT_SPLIT_FLOAT32 === '0') native.tensorCall('hyperfit::allow_split_float32', [false], {});
  if (process.env.HYPERFIT_CUDA_GRAPHS === '0') native.setGraphs(false);
  if (files.kernels !== null && process.env.HYPERFIT_CUDA_KERNELS !== '0')
    native.setKernelImages(files.kernels, cuda.loaded ? unpackKernels(files.kernels) : undefined);
  if (process.env.HYPERFIT_MEMORY_CHECK !== '0') native.limitMemory(memoryLimits());
  loaded = { native: wrapAll(native), libtorch, cuda, path };
  return loaded;
}

function checkSame(current: LoadedAddon, wanted: string | undefined): LoadedAddon {
  if (wanted === undefined || wanted === current.libtorch.path) return current;
  throw new HyperfitError(
    'ERR_CONFIG',
    `expected the libtorch in use (${current.libtorch.path}) for \`libtorch\`, got ${wanted}; choose it before the first tensor or model`,
  );
}

function notBuilt(files: AddonFiles): HyperfitError {
  const platform = `${process.platform}-${process.arch}`;
  const remedy = 'the package has prebuilt files for linux-x64; elsewhere `npx hyperfit build` compiles one from its sources';
  return new HyperfitError('ERR_LIBTORCH_LOAD', `expected a compiled addon for ${platform}, got ${files.preloader ?? 'none'}; ${remedy}`);
}

function requireAddon(path: string): Native {
  try {
    return require(path) as Native;
  } catch (cause) {
    const reason = cause instanceof Error || types.isNativeError(cause) ? cause.message : String(cause);
    throw new HyperfitError('ERR_LIBTORCH_LOAD', `expected to load ${path}, got "${reason}"; see \`npx hyperfit doctor\``, { cause });
  }
}

/** `HYPERFIT_THREADS` is the setting `threads` of a run, and counts for whatever else computes too. */
function applyThreads(native: Native): void {
  const name = process.env.HYPERFIT_NUM_THREADS ? 'HYPERFIT_NUM_THREADS' : 'HYPERFIT_THREADS';
  const text = process.env[name];
  if (!text || text === 'none' || text === 'null') return;
  const threads = Number(text);
  if (!Number.isInteger(threads) || threads < 1) {
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected a whole number of threads, 1 or more, for \`${name}\`, got "${text}"; set it to one, or unset it`,
    );
  }
  native.setNumThreads(threads);
}

/** A limit on addresses may have no room for as many threads as there are cores. */
function limitThreads(native: Native): void {
  const fit = threadsThatFit(() => native.libraryInfo().numThreads);
  if (fit !== undefined) native.setNumThreads(fit);
}

const INSTRUCTION_SETS = ['plain', 'avx2', 'avx512', 'avx512_bf16', 'amx'];

/** `HYPERFIT_INSTRUCTION_SET` is the newest one that kernels may use: what to try where a processor's own seems to be at fault. */
function limitInstructionSet(native: Native): void {
  const newest = process.env.HYPERFIT_INSTRUCTION_SET;
  if (!newest) return;
  if (!INSTRUCTION_SETS.includes(newest)) {
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected ${INSTRUCTION_SETS.join(', ')} for \`HYPERFIT_INSTRUCTION_SET\`, got "${newest}"; set it to one, or unset it`,
    );
  }
  native.tensorCall('hyperfit::limit_instruction_set', [newest], {});
}

type NativeFunction = (...args: unknown[]) => unknown;

function wrapAll(native: Native): Native {
  const entries = Object.entries(native).filter(([, value]) => typeof value === 'function');
  return Object.fromEntries(entries.map(([name, value]) => [name, wrap(value as NativeFunction)])) as unknown as Native;
}

/** Once per function, so that a call costs a try block and no more; the site is captured only for promises. */
function wrap(native: NativeFunction): NativeFunction {
  return function wrapped(...args: unknown[]): unknown {
    let result: unknown;
    try {
      result = native(...args);
    } catch (error) {
      throw translate(error, captureSite(wrapped));
    }
    if (!types.isPromise(result)) return result;
    const site = captureSite(wrapped);
    return result.catch((error: unknown) => {
      throw translate(error, site);
    });
  };
}

function captureSite(above: NativeFunction): { stack?: string } {
  const site: { stack?: string } = {};
  Error.captureStackTrace(site, above);
  return site;
}

/** Errors that carry one of our codes become HyperfitErrors; an abort, and what is unknown, stay what they are. */
export function translate(error: unknown, site: { stack?: string }): unknown {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: string };
  const known = errorCodeOf(error);
  if (known !== undefined) {
    const ofLibtorch = known === 'ERR_TORCH' || known === 'ERR_OUT_OF_MEMORY' ? deviceFailure(message ?? '') : undefined;
    return atSite(new HyperfitError(ofLibtorch?.code ?? known, ofLibtorch?.message ?? message ?? known, { cause: error }), site);
  }
  if (code === 'TypeError') return atSite(new TypeError(message, { cause: error }), site);
  return error;
}

function atSite(error: Error, site: { stack?: string }): Error {
  const frames = /\n[^]*/.exec(site.stack ?? '')?.[0] ?? '';
  Object.defineProperty(error, 'stack', { value: `${error.name}: ${error.message}${frames}`, writable: true, configurable: true });
  return error;
}
