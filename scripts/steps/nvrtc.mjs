import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadLibtorchModule } from './libtorch.mjs';
import { root, say, SetupError } from './log.mjs';
import { runLines } from './run.mjs';

/**
 * CUDA 12.8 is the oldest that knows all architectures: what it writes is read by every driver from 12.8 on, its machine code by older ones
 * too.
 */
const REQUIREMENTS = join(root, 'scripts', 'kernels', 'requirements.txt');
const KERNELS = join(root, 'native', 'ops', 'cuda', 'kernels');
export const KERNELS_FILE = join(root, 'build-cmake', 'cuda-kernels.bin');
const python = () => process.env.HYPERFIT_PYTHON || 'python3';

/**
 * The folder of NVIDIA's compiler library in the user's cache, fetched (88 MB) where it is not there. Throws SetupError where it cannot be
 * had.
 */
export async function ensureNvrtc() {
  const version = /==([\d.]+)/.exec(readFileSync(REQUIREMENTS, 'utf8'))[1];
  const folder = join((await loadLibtorchModule()).cacheFolder(), 'nvrtc', version);
  const libraries = join(folder, 'nvidia', 'cuda_nvrtc', 'lib');
  if (existsSync(libraries)) return libraries;
  say(`nvrtc: fetching ${version} (88 MB) into ${folder}`);
  mkdirSync(dirname(folder), { recursive: true });
  const fresh = mkdtempSync(join(dirname(folder), '.fetching-'));
  try {
    await runPython(
      [
        '-m',
        'pip',
        'install',
        '--quiet',
        '--disable-pip-version-check',
        '--no-deps',
        '--require-hashes',
        '--only-binary=:all:',
        '--target',
        fresh,
        '-r',
        REQUIREMENTS,
      ],
      "fetch NVIDIA's compiler library by pip",
    );
    if (!existsSync(folder)) renameSync(fresh, folder);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  return libraries;
}

/** Compiles native/ops/cuda/kernels into build-cmake/cuda-kernels.bin, unless it stands there for these very sources. Gives its path. */
export async function ensureKernels() {
  if (isFresh()) return KERNELS_FILE;
  const nvrtc = await ensureNvrtc();
  mkdirSync(dirname(KERNELS_FILE), { recursive: true });
  const args = [join(root, 'scripts', 'kernels', 'compile.py'), '--nvrtc', nvrtc, '--kernels', KERNELS, '--out', KERNELS_FILE];
  const printed = await runPython(args, 'compile the kernels for cards');
  if (printed.length === 0) return KERNELS_FILE; // another process has just compiled them
  const { images, bytes, seconds } = JSON.parse(printed.at(-1));
  say(`kernels: ${images} images, ${(bytes / 1e6).toFixed(1)} MB in ${seconds} s: ${KERNELS_FILE}`);
  return KERNELS_FILE;
}

/** The same, or nothing where it cannot be done here, which is said. */
export async function tryKernels() {
  try {
    return await ensureKernels();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(`kernels: not compiled here, libtorch's operators compute in their place on a card: ${error.message.split('\n')[0]}`);
    return undefined;
  }
}

function isFresh() {
  if (!existsSync(KERNELS_FILE)) return false;
  const [, , , hash] = readFileSync(KERNELS_FILE).subarray(0, 200).toString('latin1').split(/\s/);
  return hash === hashOfKernels();
}

/** As CMakeLists.txt and compile.py take it. */
export function hashOfKernels() {
  const digest = (data) => createHash('sha256').update(data).digest('hex');
  const names = readdirSync(KERNELS).sort();
  return digest(names.map((name) => digest(readFileSync(join(KERNELS, name)))).join(''));
}

async function runPython(args, what) {
  const lines = [];
  const status = await runLines(python(), args, { env: process.env, onLine: (line) => lines.push(line) });
  if (status !== 0) throw new SetupError(`expected ${python()} to ${what}, got status ${status}:\n${lines.slice(-30).join('\n')}`);
  return lines;
}
