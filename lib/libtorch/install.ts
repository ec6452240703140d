import { existsSync, mkdtempSync, readdirSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { withHooks } from '../callbacks.ts';
import { DownloadError } from '../download/download-error.ts';
import { Network } from '../download/network.ts';
import { HyperfitError, isHyperfitError } from '../errors.ts';
import { makeFolder } from '../folders.ts';
import { cacheFolder } from './cache-folder.ts';
import { checkLibtorch } from './check.ts';
import type { Libtorch } from './find.ts';
import type { InstallEvent } from './install-event.ts';
import { withInstallLock } from './install-lock.ts';
import { checkLibc } from './platform.ts';
import { pinnedVersion, pinsOf, TORCH_SERIES, type Pin } from './pins.ts';
import { readTorchFolder } from './torch-folder.ts';
import { fetchInto, RoomError } from './wheel/fetch-wheels.ts';
import { pipSettings } from './wheel/pip-settings.ts';
import { openFrom, torchBehind } from './wheel/wheel-from.ts';
import { IntegrityError, openWheel } from './wheel/wheel-source.ts';
import { ZipError } from './wheel/zip-directory.ts';

/** Which libtorch is installed, and from where. */
export interface InstallLibtorchOptions {
  /** Major and minor version of libtorch, such as "2.15". Default: the one this package is tested with most. */
  series?: string | undefined;
  /** The full set, for NVIDIA GPUs (about 2.5 GB to download). Default false: about 140 MB. */
  cuda?: boolean | undefined;
  /** A folder of wheels as `pip download` leaves them, or the torch wheel in it: nothing is downloaded then. */
  from?: string | undefined;
  /** Base of a simple package index. Default: `HYPERFIT_INDEX_URL`, else what pip is set to. */
  index?: string | undefined;
  /** Open it once in a process of its own before it is called installed. Default true. */
  check?: boolean | undefined;
  /** Told how far it is. */
  onProgress?: ((event: InstallEvent) => void) | undefined;
  /** Ends the work; the promise rejects with its reason. */
  signal?: AbortSignal | undefined;
  /** Variables of the environment. Default: those of the process. */
  env?: NodeJS.ProcessEnv | undefined;
  /** What to fetch, for tests; default the pinned torch and NVIDIA wheels. */
  pins?: readonly Pin[] | undefined;
}

type FetchOptions = Pick<InstallLibtorchOptions, 'onProgress' | 'signal' | 'env' | 'index' | 'from'> & { downloads?: string };

const UNFINISHED = '.downloads';

/**
 * Puts a pinned libtorch into the per-user cache: only the files that are needed, out of the wheels of the package index, each checked
 * against a pinned sha256. An installation that was interrupted goes on where it ended. Does nothing when it is there.
 * @returns the installed folder, as `findLibtorch` would
 * @throws HyperfitError ERR_LIBTORCH_INSTALL with the reason, ERR_CONFIG for a series that is not pinned, ERR_LIBTORCH_LOAD when it
 * cannot be
 * opened here; what `onProgress` throws, and nothing is installed then
 *
 * @example
 * const { path } = await installLibtorch({ onProgress: console.error });
 */
export async function installLibtorch(options: InstallLibtorchOptions = {}): Promise<Libtorch> {
  const { onProgress } = options;
  return withHooks(onProgress === undefined ? {} : { onProgress }, (safe) => install({ ...options, ...safe }));
}

async function install(options: InstallLibtorchOptions): Promise<Libtorch> {
  const series = options.series ?? TORCH_SERIES;
  const pins = options.pins ?? pinsOf(series, options.cuda ?? false);
  const parent = join(cacheFolder(options.env ?? process.env), 'libtorch');
  const name = `${pinnedVersion(series) ?? series}-${options.cuda ? 'cuda' : 'cpu'}`;
  const target = join(parent, name);
  if (!existsSync(target)) {
    if (options.pins === undefined && options.from === undefined) checkPlatform();
    await makeCacheFolder(parent);
    const note = (text: string): void => options.onProgress?.({ event: 'note', text });
    await withInstallLock(parent, { signal: options.signal, note }, async () => {
      if (!existsSync(target)) await installInto(target, join(parent, `.partial-${name}`), pins, options);
    });
  }
  return readInstalled(target);
}

async function installInto(target: string, temporary: string, pins: readonly Pin[], options: InstallLibtorchOptions): Promise<void> {
  rmSync(temporary, { recursive: true, force: true });
  await makeCacheFolder(temporary);
  try {
    await fetchWheels(pins, temporary, { ...options, downloads: join(temporary, '..', UNFINISHED) });
    if (options.check ?? options.pins === undefined) await checkLibtorch(readInstalled(temporary));
    renameSync(temporary, target);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function readInstalled(target: string): Libtorch {
  const folder = readTorchFolder(join(target, 'torch'));
  if (typeof folder === 'string') throw failure(`${folder}; delete ${target} and try again`);
  return { ...folder, place: 'cache' };
}

/**
 * Puts the wanted files of wheels into `target`, at their paths inside the wheel, checked against its RECORD, and that against the pin
 * where it has one.
 * @throws HyperfitError ERR_LIBTORCH_INSTALL; the signal's reason when aborted
 */
export async function fetchWheels(pins: readonly Pin[], target: string, options: FetchOptions = {}): Promise<void> {
  const { env = process.env, signal, onProgress, from } = options;
  const settings = pipSettings(env, options.index ?? env.HYPERFIT_INDEX_URL);
  const network = new Network({ env, ...settings });
  const downloads = options.downloads ?? mkdtempSync(join(target, '.downloads-'));
  const context = {
    network,
    indexes: settings.indexes,
    downloads,
    env,
    options: { signal },
    say: (event: InstallEvent) => onProgress?.(event),
  };
  try {
    await fetchInto(from === undefined ? pins : torchBehind(from, pins), target, context, from === undefined ? openWheel : openFrom(from));
    if (options.downloads === undefined) rmSync(downloads, { recursive: true });
    else removeIfEmpty(downloads);
  } catch (error) {
    signal?.throwIfAborted();
    throw explain(error, from);
  } finally {
    await network.close();
  }
}

function explain(error: unknown, from: string | undefined): unknown {
  if (isHyperfitError(error)) return error;
  const { code, message } = error as { code?: string; message: string };
  if (error instanceof RoomError || code === 'ENOSPC' || code === 'EDQUOT')
    return failure(`${message}; free some, or set HYPERFIT_CACHE to a folder on another disk`, error);
  if (error instanceof IntegrityError || error instanceof ZipError) {
    return failure(
      `${message}; ${from === undefined ? 'what was fetched is thrown away: try again, or another index with --index' : 'fetch the wheel again'}`,
      error,
    );
  }
  if (error instanceof DownloadError) {
    const again = 'what has come is kept, and the next attempt goes on from there';
    return failure(
      `${message}; check the network, the proxy (HTTPS_PROXY) and the index (--index, PIP_INDEX_URL), or give wheels with --from; ${again}`,
      error,
    );
  }
  return code === undefined ? error : failure(`${message}; set HYPERFIT_CACHE to a folder that can be written`, error);
}

function checkPlatform(): void {
  checkLibc();
  if (process.platform === 'linux' && process.arch === 'x64') return;
  const version = pinnedVersion(TORCH_SERIES);
  throw failure(
    `expected linux-x64, got ${process.platform}-${process.arch}; \`pip install torch==${version}\` and set LIBTORCH to its torch folder`,
  );
}

async function makeCacheFolder(folder: string): Promise<void> {
  try {
    await makeFolder(folder);
  } catch (cause) {
    throw failure(`expected a cache folder that can be written, got ${folder}; set HYPERFIT_CACHE to another folder`, cause);
  }
}

function removeIfEmpty(folder: string): void {
  if (existsSync(folder) && readdirSync(folder).length === 0) rmdirSync(folder);
}

function failure(text: string, cause?: unknown): HyperfitError {
  return new HyperfitError('ERR_LIBTORCH_INSTALL', `nothing was installed: ${text}`, cause === undefined ? {} : { cause });
}
