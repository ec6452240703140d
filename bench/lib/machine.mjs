import { readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';

const FLAGS = ['avx2', 'avx512f', 'avx512_bf16', 'amx_bf16'];

/** The machine in one line: processor, what it can do, threads, memory. */
export function machineLine() {
  const flags = new Set(readFileSync('/proc/cpuinfo', 'utf8').match(/^flags\s*:(.*)$/m)?.[1].split(' ') ?? []);
  const known = FLAGS.filter((flag) => flags.has(flag)).join(' ');
  return `${cpus()[0].model.trim()}, ${cpus().length} threads, ${known}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Node ${process.version}`;
}
