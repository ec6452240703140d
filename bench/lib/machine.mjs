import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { root } from '../../scripts/steps/log.mjs';
import { benchDevice } from './device.mjs';
import { cpuFlags } from './instruction-sets.mjs';
import { LLAMA_VERSION } from './llama.mjs';

const FLAGS = ['avx2', 'avx512f', 'avx512_bf16', 'amx_bf16'];

/** The machine in one line: processor, what it can do, threads, memory, versions. */
export function machineLine(python) {
  const flags = cpuFlags();
  const known = FLAGS.filter((flag) => flags.has(flag)).join(' ');
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return [
    cpus()[0]?.model.trim() ?? process.arch,
    `${availableParallelism()} threads`,
    known,
    ...(process.env.BENCH_INSTRUCTION_SET ? [`restricted to ${process.env.BENCH_INSTRUCTION_SET}`] : []),
    ...(benchDevice() === 'cpu' ? [] : [`computing on ${benchDevice()}${cardOf()}`]),
    `${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
    `Node ${process.version}, hyperfit ${version}, ${pythonVersions(python)}, node-llama-cpp ${LLAMA_VERSION}`,
  ].join(', ');
}

/** ` (NVIDIA H200, driver 580.95.05)`, as nvidia-smi tells it. */
function cardOf() {
  const [, index = '0'] = benchDevice().split(':');
  const { status, stdout } = spawnSync('nvidia-smi', [`--id=${index}`, '--query-gpu=name,driver_version', '--format=csv,noheader'], {
    encoding: 'utf8',
  });
  return status === 0 ? ` (${stdout.trim().replace(', ', ', driver ')})` : '';
}

function pythonVersions(python) {
  const program = 'from importlib.metadata import version as v; print(", ".join(f"{n} {v(n)}" for n in ("torch", "transformers")))';
  return spawnSync(python, ['-c', program], { encoding: 'utf8' }).stdout.trim();
}
