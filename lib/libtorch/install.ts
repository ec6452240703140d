import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { withHooks } from '../callbacks.ts';
import { HyperfitError } from '../errors.ts';
import { cacheFolder } from './cache-folder.ts';
import type { Libtorch } from './find.ts';
import { packageRoot } from './package-root.ts';
import { CPU_PINS, CUDA_PINS, TORCH_VERSION, type Pin } from './pins.ts';
import { pythonCommand } from './python.ts';
import { readTorchFolder } from './torch-folder.ts';

/** What the download says as it goes on. */
export type InstallEvent =
  | { event: 'size'; name: string; version: string; bytes: number }
  | { event: 'progress'; name: string; received: number; total: number }
  | { event: 'note'; text: string }
  | { event: 'done'; name: string; files: number };

export interface InstallLibtorchOptions {
  /** The full set, for NVIDIA GPUs (about 2.5 GB to download). Default false: about 140 MB. */
  cuda?: boolean;
  onProgress?: (event: InstallEvent) => void;
  signal?: AbortSignal;
  env?: NodeJS.ProcessEnv;
  /** What to fetch, for tests; default the pinned torch and NVIDIA wheels. */
  pins?: readonly Pin[];
}

/**
 * Puts a pinned libtorch into the per-user cache, by way of pip: only the files needed, each checked against the
 * sha256 in its wheel's RECORD, in a temporary folder that is renamed when complete. Does nothing when it is there.
 * @returns the installed folder, as `findLibtorch` would
 * @throws HyperfitError ERR_LIBTORCH_INSTALL with pip's or the system's reason; what `onProgress` throws, and nothing is installed then
 */
export async function installLibtorch(options: InstallLibtorchOptions = {}): Promise<Libtorch> {
  const { onProgress } = options;
  return withHooks(onProgress === undefined ? {} : { onProgress }, (safe) => install({ ...options, ...safe }));
}

async function install(options: InstallLibtorchOptions): Promise<Libtorch> {
  const env = options.env ?? process.env;
  const parent = join(cacheFolder(env), 'libtorch');
  const target = join(parent, `${TORCH_VERSION}-${options.cuda ? 'cuda' : 'cpu'}`);
  if (!existsSync(target)) await installInto(parent, target, options);
  const folder = readTorchFolder(join(target, 'torch'));
  if (typeof folder === 'string') throw failure(`${folder}; delete ${target} and try again`);
  return { ...folder, place: 'cache' };
}

/** Bytes that an installation downloads, about. */
export function installSize(cuda: boolean): number {
  return (cuda ? CUDA_PINS : CPU_PINS).reduce((sum, pin) => sum + pin.bytes, 0);
}

async function installInto(parent: string, target: string, options: InstallLibtorchOptions): Promise<void> {
  if (options.pins === undefined) checkPlatform();
  const temporary = makeTemporary(parent);
  try {
    await fetchWheels(options.pins ?? (options.cuda ? CUDA_PINS : CPU_PINS), temporary, options);
    if (!existsSync(target)) renameSync(temporary, target); // otherwise another process was faster
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function checkPlatform(): void {
  if (process.platform === 'linux' && process.arch === 'x64') return;
  throw failure(`expected linux-x64, got ${process.platform}-${process.arch}; \`pip install torch==${TORCH_VERSION}\` and set LIBTORCH to its torch folder`);
}

function makeTemporary(parent: string): string {
  try {
    mkdirSync(parent, { recursive: true });
    return mkdtempSync(join(parent, '.partial-'));
  } catch (cause) {
    throw failure(`expected a cache folder that can be written, got ${parent}; set HYPERFIT_CACHE to another folder`, cause);
  }
}

/**
 * Downloads the wanted files of wheels into `target`, at their paths inside the wheel, checked against its RECORD.
 * @throws HyperfitError ERR_LIBTORCH_INSTALL; the signal's reason when aborted
 */
export async function fetchWheels(
  pins: readonly Pin[],
  target: string,
  options: Pick<InstallLibtorchOptions, 'onProgress' | 'signal' | 'env'> = {},
): Promise<void> {
  const env = options.env ?? process.env;
  const script = join(packageRoot(), 'lib', 'libtorch', 'fetch.py');
  const request = JSON.stringify({ target, pins });
  const child = spawn(pythonCommand(env), [script, request], { env, stdio: ['ignore', 'pipe', 'pipe'], signal: options.signal });
  let errors = '';
  let failed = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(-4000)));
  const ended = new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve));
  ended.catch(() => {}); // awaited below, after the last line
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      const event = JSON.parse(line) as InstallEvent | { event: 'failed'; text: string };
      if (event.event === 'failed') failed = event.text;
      else options.onProgress?.(event);
    }
  } catch (error) {
    // Nobody waits for the download any more, and its folder is about to go.
    child.kill();
    await ended.catch(() => {});
    throw error;
  }
  const status = await ended.catch((cause: unknown) => {
    options.signal?.throwIfAborted();
    throw failure(`expected Python 3 with pip as \`${pythonCommand(env)}\`, got none; install it or set HYPERFIT_PYTHON`, cause);
  });
  if (status !== 0) throw failure(`${failed || lastLine(errors) || `status ${status}`}; check the network, the disk and \`${pythonCommand(env)} -m pip --version\``);
}

function failure(text: string, cause?: unknown): HyperfitError {
  return new HyperfitError('ERR_LIBTORCH_INSTALL', `nothing was installed: ${text}`, cause === undefined ? {} : { cause });
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
