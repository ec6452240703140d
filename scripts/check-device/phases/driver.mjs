import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { doctor, Tensor } from '../../../dist/index.mjs';
import { freeMemory, isCuda, smi } from '../card.mjs';

const CLI = fileURLToPath(new URL('../../../dist/cli.mjs', import.meta.url));
const LIBRARY = /lib(torch|c10|cuda|cudart|cublas|cudnn|nvrtc|gomp|nccl|nvJitLink)[^/]*\.so/;

/** What everything after this stands on. No figure of a later phase means anything without it. */
export async function run({ settings, results }) {
  const report = doctor();
  results.holds('the addon loads', report.ok, { detail: report });
  const printed = spawnSync(process.execPath, [CLI, 'doctor', '--json'], { encoding: 'utf8', timeout: 30_000 });
  results.holds('hyperfit doctor --json agrees', printed.status === 0 && JSON.parse(printed.stdout).ok === report.ok, {
    exitCode: printed.status,
  });
  const lacking = missing(report, settings.device);
  results.holds('every library finds what it needs', lacking.length === 0, { missing: lacking });
  results.holds('libraries in use', true, { libraries: libraries() });
  const card = smi('--query');
  if (card !== undefined) results.holds('nvidia-smi', true, { text: card.split('\n').slice(0, 120).join('\n') });
  await results.tries('a sum on the device', () => addOnDevice(settings.device, results));
  const free = freeMemory(settings.device);
  if (free !== undefined) results.figure('free memory', free / 2 ** 30, 'GiB');
}

/** By the dynamic linker's own account, of the halves of libtorch that this device needs, where there is an ldd. */
function missing({ libtorch }, device) {
  const folder = libtorch.libtorch?.libFolder ?? '';
  const files = ['libtorch_cpu.so', ...(isCuda(device) ? ['libtorch_cuda.so'] : [])].map((name) => join(folder, name));
  return files.filter(existsSync).flatMap((path) => {
    const { stdout } = spawnSync('ldd', [path], { encoding: 'utf8', timeout: 20_000 });
    return (stdout ?? '')
      .split('\n')
      .filter((line) => line.includes('not found'))
      .map((line) => `${path}: ${line.trim()}`);
  });
}

const libraries = () => [
  ...new Set(
    readFileSync('/proc/self/maps', 'utf8')
      .split('\n')
      .map((line) => line.split(/\s+/)[5] ?? '')
      .filter((path) => LIBRARY.test(path)),
  ),
];

function addOnDevice(device, results) {
  const values = Float32Array.from({ length: 1000 }, (_, i) => i / 7);
  const there = Tensor.from(values).to({ device });
  const sum = there.add(there).to({ device: 'cpu' });
  results.holds(
    'a sum on the device',
    sum.toTypedArray().every((value, i) => value === 2 * values[i]),
    { device: there.device },
  );
  for (const tensor of [there, sum]) tensor.dispose();
}
