import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { HyperfitError } from '../errors.ts';
import { makeFolderSync } from '../folders.ts';
import { cacheFolder } from './cache-folder.ts';
import type { Libtorch } from './find.ts';
import { openLibtorch, type Preloader } from './open.ts';
import { addonFiles, type AddonFiles } from './series.ts';

/**
 * What the child does: open the libraries in the order in which this process would, load the addon, compute one sum. It is plain
 * JavaScript, so that it runs from sources and from either bundle alike.
 */
const CHILD = `
const { preloader, paths, addons, series } = JSON.parse(process.argv[1]);
const native = require(preloader);
for (const path of paths) native.open(path);
const cpu = paths.find((path) => path.endsWith('/libtorch_cpu.so'));
const version = native.abiVersion(cpu);
const addon = addons[series ?? (version === null ? '' : version[0] + '.' + version[1])];
if (addon !== undefined) {
  const { tensorFrom, tensorCall } = require(addon);
  const handle = tensorFrom(new Float32Array([1, 2]), [2], 6, 'cpu');
  tensorCall('aten::sum', [{ handle }], {});
}
process.stdout.write('fine');
`;

const IN_CHILD = 'HYPERFIT_CHECKS_LIBTORCH';
const PATIENCE_MS = 120_000;

/** 'fine', 'unknown' where the child could not be asked or met a plain error, which this process will meet too; otherwise how it died. */
export type CheckOutcome = 'fine' | 'unknown' | { signal: string };

/**
 * Opens a libtorch in a process of its own first, since one that does not fit can end the process that opens it. A good outcome is
 * remembered for these very files, so that it costs half a second once.
 * @throws HyperfitError ERR_LIBTORCH_LOAD when the child was killed by a signal
 */
export function checkLibtorchSync(libtorch: Libtorch, files: AddonFiles = addonFiles(), env: NodeJS.ProcessEnv = process.env): void {
  const work = prepare(libtorch, files, env);
  if (work === undefined || isRemembered(work.memory, work.key)) return;
  conclude(work, libtorch, ask(work));
}

function ask({ args, options }: Work): CheckOutcome {
  try {
    const { status, signal, stdout } = spawnSync(process.execPath, args, { ...options, encoding: 'utf8', timeout: PATIENCE_MS });
    return outcomeOf(status, signal, stdout);
  } catch {
    return 'unknown'; // a process that may start no other
  }
}

/** The same, while this process goes on with other things. */
export async function checkLibtorch(
  libtorch: Libtorch,
  files: AddonFiles = addonFiles(),
  env: NodeJS.ProcessEnv = process.env,
): Promise<void> {
  const work = prepare(libtorch, files, env);
  if (work === undefined) return;
  const outcome = await new Promise<CheckOutcome>((resolve) => {
    let stdout = '';
    const child = spawn(process.execPath, work.args, { ...work.options, timeout: PATIENCE_MS });
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.on('error', () => resolve('unknown')).on('close', (status, signal) => resolve(outcomeOf(status, signal, stdout)));
  });
  conclude(work, libtorch, outcome);
}

interface Work {
  args: string[];
  options: { env: NodeJS.ProcessEnv; stdio: ['ignore', 'pipe', 'ignore'] };
  memory: string;
  key: string;
}

function prepare(libtorch: Libtorch, files: AddonFiles, env: NodeJS.ProcessEnv): Work | undefined {
  if (env[IN_CHILD] !== undefined || env.HYPERFIT_LIBTORCH_CHECK === '0' || files.preloader === null || !isPlainNode()) return undefined;
  const addons = Object.fromEntries(files.addons);
  const { series } = libtorch;
  const request = { preloader: files.preloader, paths: pathsToOpen(libtorch, files), addons, series };
  const key = fingerprint([
    process.versions.modules,
    process.arch,
    ...request.paths,
    files.preloader,
    ...(series === null ? Object.values(addons) : [addons[series] ?? '']),
  ]);
  const childEnv = { ...env, [IN_CHILD]: '1', NODE_OPTIONS: '' };
  return {
    args: ['-e', CHILD, JSON.stringify(request)],
    options: { env: childEnv, stdio: ['ignore', 'pipe', 'ignore'] },
    memory: join(cacheFolder(env), 'libtorch', '.checked.json'),
    key,
  };
}

/** An Electron or single-file application would start itself anew. */
function isPlainNode(): boolean {
  return process.versions.electron === undefined && /^node(js)?$/.test(basename(process.execPath));
}

/** What `openLibtorch` would open, in its order: it is asked with a preloader that opens nothing. */
function pathsToOpen(libtorch: Libtorch, { preloader, addons }: AddonFiles): string[] {
  const paths: string[] = [];
  const real = createRequire(import.meta.url)(preloader ?? '') as Preloader;
  const series = [...addons.keys(), libtorch.series ?? ''];
  const [major = 0, minor = 0] = (series[0] ?? '').split('.').map(Number);
  const recorder: Preloader = {
    open: (path) => (paths.push(path), null),
    abiVersion: () => [major, minor, 0],
    cudaDriver: (path, withMemory) => real.cudaDriver(path, withMemory),
  };
  openLibtorch(recorder, { ...libtorch }, series);
  return paths;
}

function outcomeOf(status: number | null, signal: NodeJS.Signals | null, stdout: string): CheckOutcome {
  if (status === 0 && stdout.endsWith('fine')) return 'fine';
  return signal !== null && ['SIGSEGV', 'SIGABRT', 'SIGILL', 'SIGBUS', 'SIGFPE', 'SIGTRAP'].includes(signal) ? { signal } : 'unknown';
}

function conclude({ memory, key }: Work, libtorch: Libtorch, outcome: CheckOutcome): void {
  if (outcome === 'fine') remember(memory, key);
  if (typeof outcome === 'string') return;
  throw new HyperfitError(
    'ERR_LIBTORCH_LOAD',
    `expected a libtorch that can be opened here, got one that ends the process with ${outcome.signal}: ${libtorch.path} (${libtorch.version ?? 'of unknown version'}); ${remedy(outcome.signal)}`,
  );
}

function remedy(signal: string): string {
  if (signal === 'SIGILL')
    return 'it asks for instructions that this processor does not have: run `npx hyperfit libtorch install`, and leave LIBTORCH unset';
  return 'its files are damaged, or built for another system: run `npx hyperfit libtorch install`, and leave LIBTORCH unset. `npx hyperfit doctor` says where it was looked for';
}

/** Of the files that take part, as far as their size and time tell. */
function fingerprint(parts: readonly string[]): string {
  const seen = parts.map((part) => {
    const stat = part.startsWith('/') ? statSync(part, { throwIfNoEntry: false }) : undefined;
    return stat === undefined ? part : `${part} ${stat.size} ${Math.round(stat.mtimeMs)}`;
  });
  return createHash('sha256').update(seen.join('\n')).digest('base64url');
}

const MOST_REMEMBERED = 50;

function isRemembered(memory: string, key: string): boolean {
  return readMemory(memory).includes(key);
}

function readMemory(path: string): string[] {
  try {
    const keys: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return Array.isArray(keys) ? keys.filter((key) => typeof key === 'string') : [];
  } catch {
    return [];
  }
}

function remember(path: string, key: string): void {
  try {
    makeFolderSync(dirname(path));
    writeFileSync(path, JSON.stringify([...readMemory(path).filter((other) => other !== key), key].slice(-MOST_REMEMBERED)));
  } catch {
    // A home that cannot be written: the next process asks again.
  }
}
