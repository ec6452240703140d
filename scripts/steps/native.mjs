import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import { loadLibtorchModule } from './libtorch.mjs';
import { root, say, SetupError } from './log.mjs';
import { runLines } from './run.mjs';

const CMAKE_JS = join(root, 'node_modules', 'cmake-js', 'bin', 'cmake-js');
/** A file that includes much of ATen takes this much memory to compile. */
const BYTES_PER_COMPILER = 1.2e9;

/** Where a series is built: the one that is tested in build-cmake/ itself, others below it, out of the way of what is loaded. */
export function nativeFolder(series) {
  return series === undefined ? join(root, 'build-cmake') : join(root, 'build-cmake', 'series', series);
}

/** The library that lies beside the addons. */
export function cpuKernels() {
  return `cpu-kernels-${JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version}.so`;
}

/**
 * Compiles the addon against `libtorch` in build-cmake/; under a second when nothing changed. With `series` in a folder of its own, and the
 * addon alone, for the kernels of the CPU that build-cmake/ has.
 */
export async function ensureNative(libtorch, series) {
  checkTools();
  const kernels = series === undefined ? undefined : join(nativeFolder(), 'Release', cpuKernels());
  const build = { libtorch, out: nativeFolder(series), log: [], kernels };
  if (!(await configuredFor(build))) await step('configure', build);
  const counter = progress();
  await step('build', build, counter.onLine, [
    '--parallel',
    String(jobs()),
    ...(series === undefined ? [] : ['--target', `torch-${series}`]),
  ]);
  if (counter.compiled() > 0) say(`addon: compiled ${counter.compiled()} files`);
}

function checkTools() {
  require_('cmake', 'cmake 3.18 or newer', 'install it (Debian: apt-get install cmake; or pip install cmake)');
  const compilers = [process.env.CXX, 'c++', 'g++', 'clang++'].filter(Boolean);
  if (compilers.some(answers)) {
    if (!['ninja', 'make'].some(answers))
      throw new SetupError('expected ninja or make to build the addon, got neither; install one (Debian: apt-get install make)');
    return;
  }
  throw new SetupError(`expected a C++20 compiler (${compilers.join(', ')}), got none; install one (Debian: apt-get install g++)`);
}

function require_(command, what, remedy) {
  if (!answers(command)) throw new SetupError(`expected ${what} to build the addon, got none on PATH; ${remedy}`);
}

function answers(command) {
  const [program, ...args] = command.split(' ');
  return spawnSync(program, [...args, '--version'], { stdio: 'ignore' }).status === 0;
}

/**
 * An existing CMakeCache freezes its settings, so what it holds decides whether to configure anew. Another folder with
 * the same version of libtorch is as good: the addon keeps no path of it.
 */
async function configuredFor({ libtorch, out, kernels = '' }) {
  const cache = join(out, 'CMakeCache.txt');
  if (!existsSync(cache) || !['build.ninja', 'Makefile'].some((name) => existsSync(join(out, name)))) return false;
  const settings = readFileSync(cache, 'utf8');
  const configured = (name) => new RegExp(`^${name}:\\w+=(.*)$`, 'm').exec(settings)?.[1] ?? '';
  const { readTorchFolder } = await loadLibtorchModule();
  const [old, wanted] = [readTorchFolder(configured('LIBTORCH')), readTorchFolder(libtorch)];
  return old.hasHeaders === true && old.version === wanted.version && configured('HYPERFIT_CPU_KERNELS') === kernels;
}

async function step(command, { libtorch, out, log, kernels }, onLine = () => {}, more = []) {
  const settings = [
    `--CDLIBTORCH=${libtorch}`,
    '--CDHYPERFIT_WERROR=ON',
    ...(kernels === undefined ? [] : [`--CDHYPERFIT_CPU_KERNELS=${kernels}`]),
  ];
  const status = await runLines(process.execPath, [CMAKE_JS, command, '-O', out, ...settings, ...more], {
    env: { ...process.env, LIBTORCH: libtorch },
    onLine: (line) => {
      log.push(line);
      onLine(line);
    },
  });
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, 'build.log'), `${log.join('\n')}\n`);
  if (status !== 0) throw new SetupError(`the addon was not built (${command}); the end of ${join(out, 'build.log')}:\n${tail(log)}`);
}

function tail(log) {
  const start = log.findIndex((line) => /CMake Error|error:|FAILED/.test(line));
  return (start >= 0 ? log.slice(start, start + 30) : log.slice(-30)).join('\n');
}

function jobs() {
  return Math.max(1, Math.min(availableParallelism(), Math.floor(totalmem() / BYTES_PER_COMPILER)));
}

/** Says when compiling starts, and then every few files how far it is. */
function progress() {
  let compiled = 0;
  const onLine = (line) => {
    const match = /^\[\s*(\d+)[/%](\d*)\S*.*Building CXX/.exec(line);
    if (!match) return;
    if (compiled === 0) say(`addon: compiling (a few minutes the first time; log in build-cmake/build.log)`);
    compiled += 1;
    if (compiled % 8 === 0) say(`addon: ${match[1]}${match[2] ? ` of ${match[2]}` : '%'}`);
  };
  return { onLine, compiled: () => compiled };
}
