import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir, totalmem } from 'node:os';
import { libcOf } from './libtorch/platform.ts';
import { pythonCommand } from './libtorch/python.ts';

/** What of a machine decides whether the addon runs, and how fast. Plain JSON. */
export interface MachineReport {
  /** "v22.11.0". */
  node: string;
  /** The newest Node-API that this Node speaks; the addon asks for 8. */
  nodeApi: string | null;
  /** The version of Electron, where it runs in one. */
  electron: string | null;
  /** "linux-x64". */
  platform: string;
  /** "Debian GNU/Linux 12 (bookworm)". */
  system: string | null;
  /** The C library that Node was linked to. */
  libc: 'glibc' | 'musl' | 'unknown';
  /** Its version: "2.36"; null for another one. */
  glibc: string | null;
  cpu: {
    model: string;
    threads: number;
    memoryBytes: number;
    /** Of the instructions that kernels ask for, those that this processor has; empty where the system does not tell. */
    features: readonly string[];
  };
  python: { command: string; version: string | null; pip: string | null };
}

/** As Linux spells them, in the order of their age. */
const FEATURES = [
  'f16c',
  'fma',
  'avx2',
  'avx512f',
  'avx512bw',
  'avx512dq',
  'avx512vl',
  'avx512_vnni',
  'avx512_bf16',
  'amx_tile',
  'amx_bf16',
];

/** Looks at Node, the system and the processor. Never throws. */
export function reportMachine(): MachineReport {
  return {
    node: process.version,
    nodeApi: process.versions.napi ?? null,
    electron: process.versions.electron ?? null,
    platform: `${process.platform}-${process.arch}`,
    system: systemName(readText('/etc/os-release')),
    libc: libcOf(),
    glibc: glibcVersion(),
    cpu: {
      model: cpus()[0]?.model ?? 'unknown',
      threads: availableParallelism(),
      memoryBytes: totalmem(),
      features: cpuFeatures(readText('/proc/cpuinfo')),
    },
    python: describePython(),
  };
}

/** The name for people in the text of /etc/os-release. */
export function systemName(release: string): string | null {
  return /^PRETTY_NAME="?([^"\n]+)"?$/m.exec(release)?.[1] ?? null;
}

/** Those of `FEATURES` that the text of /proc/cpuinfo has. */
export function cpuFeatures(cpuinfo: string): string[] {
  const flags = new Set(/^flags\s*:\s*(.*)$/m.exec(cpuinfo)?.[1]?.split(' ') ?? []);
  return FEATURES.filter((name) => flags.has(name));
}

/** The same for people: rows of a name and a text. */
export function renderMachine({ node, nodeApi, electron, platform, system, libc, glibc, cpu, python }: MachineReport): [string, string][] {
  const gigabytes = (cpu.memoryBytes / 2 ** 30).toFixed(1);
  const host = electron === null ? '' : ` in Electron ${electron}`;
  return [
    ['node', `${node}${host} on ${platform}, Node-API ${nodeApi ?? 'unknown'}`],
    [
      'system',
      `${system ?? 'unknown'}, ${libc === 'glibc' ? `glibc ${glibc ?? 'unknown'}` : `C library ${libc}`} (glibc 2.28 or newer is needed)`,
    ],
    ['cpu', `${cpu.model}, ${cpu.threads} threads, ${gigabytes} GiB`],
    ['', cpu.features.length === 0 ? 'instructions unknown' : cpu.features.join(' ')],
    ['python', `${python.command} ${python.version ?? 'not found'}, pip ${python.pip ?? 'not found'} (not needed)`],
  ];
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function glibcVersion(): string | null {
  // Without this a report asks the name server about every open socket.
  (process.report as { excludeNetwork?: boolean }).excludeNetwork = true;
  const { header } = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime ?? null;
}

function describePython(): MachineReport['python'] {
  const command = pythonCommand();
  const ask = (args: string[]): string | null => {
    const run = spawnSync(command, args, { cwd: tmpdir(), encoding: 'utf8', timeout: 20_000 });
    return run.status === 0 ? (/\d+(\.\d+)+/.exec(run.stdout)?.[0] ?? null) : null;
  };
  return { command, version: ask(['--version']), pip: ask(['-m', 'pip', '--version']) };
}
