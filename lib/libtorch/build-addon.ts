import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { HyperfitError } from '../errors.ts';
import { makeFolder } from '../folders.ts';
import { memoryLimit } from '../memory-room.ts';
import { findLibtorch, type Libtorch } from './find.ts';
import { packageRoot } from './package-root.ts';
import { checkLibc } from './platform.ts';

export interface BuildAddonOptions {
  /** A torch folder with include/; default as everywhere. */
  libtorch?: string | undefined;
  /** A C++20 compiler; default `CXX`, else the one cmake finds. */
  compiler?: string | undefined;
  /** Compile against a series that hyperfit was never tried with. Default false. */
  anySeries?: boolean | undefined;
  onProgress?: ((event: BuildEvent) => void) | undefined;
  /**
   * Ends cmake and every compiler it started; the promise rejects with its reason. What was compiled stays, and another build goes on from
   * it.
   */
  signal?: AbortSignal | undefined;
  env?: NodeJS.ProcessEnv | undefined;
  /** The package to build in, for tests. */
  root?: string | undefined;
}

export type BuildEvent = { event: 'libtorch'; libtorch: Libtorch } | { event: 'compiled'; done: number; total: number };

/** Any series may be looked at; CMakeLists.txt knows those that were tried. */
const EVERY_SERIES = Array.from({ length: 100 }, (_, minor) => `2.${minor}`);
const BYTES_PER_COMPILER = 1.2e9;

/**
 * Compiles the addon from the sources in the package against a libtorch that is here, where no prebuilt file fits. What it makes goes
 * before prebuilt files.
 * @returns the addon, and the libtorch it is for
 * @throws HyperfitError ERR_LIBTORCH_LOAD with what is missing or what the compiler says; ERR_LIBTORCH_NOT_FOUND without a libtorch that
 * has headers; the reason of `signal`
 */
export async function buildAddon(options: BuildAddonOptions = {}): Promise<{ addon: string; libtorch: Libtorch }> {
  const { env = process.env, root = packageRoot(), onProgress, signal } = options;
  checkLibc();
  const libtorch = findLibtorch({ libtorch: options.libtorch, needHeaders: true, series: EVERY_SERIES, env });
  onProgress?.({ event: 'libtorch', libtorch });
  const out = join(root, 'build-cmake');
  checkTools(env);
  await prepareFolder(root, out);
  rmSync(join(out, 'CMakeCache.txt'), { force: true }); // it freezes settings, and this build may have others
  const compiler = options.compiler ?? env.CXX;
  const settings = [
    `-DLIBTORCH=${libtorch.path}`,
    '-DCMAKE_BUILD_TYPE=Release',
    `-DHYPERFIT_ANY_SERIES=${options.anySeries ? 'ON' : 'OFF'}`,
    ...(compiler === undefined ? [] : [`-DCMAKE_CXX_COMPILER=${compiler}`]),
    ...(answers('ninja', env) && !existsSync(join(out, 'Makefile')) ? ['-G', 'Ninja'] : []),
  ];
  const log = join(out, 'build.log');
  await run(['-S', root, '-B', out, ...settings], { env, log, onProgress, signal });
  await run(['--build', out, '--target', 'preload', `torch-${libtorch.series}`, '--parallel', String(jobs())], {
    env,
    log,
    onProgress,
    signal,
  });
  return { addon: placeOutputs(out, libtorch.series ?? ''), libtorch };
}

function checkTools(env: NodeJS.ProcessEnv): void {
  if (!answers('cmake', env))
    throw failure('cmake 3.18 or newer on PATH', 'none', 'install it (Debian: apt-get install cmake; or pip install cmake)');
  if (!['ninja', 'make'].some((tool) => answers(tool, env)))
    throw failure('ninja or make on PATH', 'neither', 'install one (Debian: apt-get install ninja-build)');
}

function answers(command: string, env: NodeJS.ProcessEnv): boolean {
  return spawnSync(command, ['--version'], { env, stdio: 'ignore' }).status === 0;
}

async function prepareFolder(root: string, out: string): Promise<void> {
  try {
    accessSync(join(root, 'native'), constants.R_OK);
    await makeFolder(out);
  } catch (cause) {
    throw failure(
      `a package whose folder can be written and that has its sources`,
      `${root}: ${(cause as Error).message}`,
      'install hyperfit in a project of yours and build there',
      cause,
    );
  }
}

/** Plain cmake leaves modules in the folder itself, cmake-js in Release/: that is where they are looked for. */
function placeOutputs(out: string, series: string): string {
  const release = join(out, 'Release');
  const addon = join(release, `torch-${series}.node`);
  if (!existsSync(addon)) throw failure(`${addon} after the build`, 'nothing', `see ${join(out, 'build.log')}`);
  return addon;
}

async function run(
  args: readonly string[],
  { env, log, onProgress, signal }: { env: NodeJS.ProcessEnv; log: string } & Pick<BuildAddonOptions, 'onProgress' | 'signal'>,
): Promise<void> {
  signal?.throwIfAborted();
  // A group of its own: cmake passes no signal on to the compilers it started.
  const child = spawn('cmake', args, { env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const end = (): void => endGroup(child.pid);
  signal?.addEventListener('abort', end);
  const lines: string[] = [];
  const ended = new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve));
  const read = async (stream: NodeJS.ReadableStream): Promise<void> => {
    for await (const line of createInterface({ input: stream })) {
      lines.push(line);
      const count = /^\[\s*(\d+)\/(\d+)\]/.exec(line);
      if (count !== null) onProgress?.({ event: 'compiled', done: Number(count[1]), total: Number(count[2]) });
    }
  };
  const [status] = await Promise.all([ended, read(child.stdout), read(child.stderr)]).finally(() =>
    signal?.removeEventListener('abort', end),
  );
  signal?.throwIfAborted();
  writeFileSync(log, `${lines.join('\n')}\n`);
  if (status !== 0) throw failure('the addon to compile', `cmake ${args[0]} with status ${status}`, `the end of ${log}:\n${tail(lines)}`);
}

function endGroup(leader: number | undefined): void {
  try {
    if (leader !== undefined) process.kill(-leader, 'SIGTERM');
  } catch {
    // It has ended by itself.
  }
}

function tail(lines: readonly string[]): string {
  const start = lines.findIndex((line) => /CMake Error|error:|FAILED/.test(line));
  return (start >= 0 ? lines.slice(start, start + 20) : lines.slice(-20)).join('\n');
}

function jobs(): number {
  return Math.max(1, Math.min(availableParallelism(), Math.floor((memoryLimit() ?? totalmem()) / BYTES_PER_COMPILER)));
}

function failure(expected: string, got: string, remedy: string, cause?: unknown): HyperfitError {
  return new HyperfitError('ERR_LIBTORCH_LOAD', `expected ${expected}, got ${got}; ${remedy}`, cause === undefined ? {} : { cause });
}
