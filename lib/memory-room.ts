import { join } from 'node:path';
import { readTextSync } from './regular-file.ts';

/** A cgroup that this process is in, and that limits memory: the files it tells its numbers in. */
export interface MemoryLimit {
  /** Each holds bytes, or "max". */
  limits: string[];
  /** Holds the bytes that are taken, what is kept of files included. */
  usage: string;
  /** Lines of a key and bytes. */
  statistics: string;
  /** Keys of what is kept of files, which the system gives back, and of the part of it that programs have open in memory. */
  cached: string[];
  mapped: string;
}

/** A limit that is none is a number close to 2^63 in the first version of cgroups. */
const NO_LIMIT = 2 ** 60;

interface Version {
  limits: string[];
  usage: string;
  cached: string[];
  mapped: string;
}

const SECOND: Version = {
  limits: ['memory.max', 'memory.high'],
  usage: 'memory.current',
  cached: ['inactive_file', 'active_file'],
  mapped: 'file_mapped',
};
const FIRST: Version = {
  limits: ['memory.limit_in_bytes'],
  usage: 'memory.usage_in_bytes',
  cached: ['total_inactive_file', 'total_active_file'],
  mapped: 'total_mapped_file',
};

/** Empty where nobody says. */
function textOf(path: string): string {
  try {
    return readTextSync(path);
  } catch {
    return '';
  }
}

/** NaN for "max", and where nobody says. */
const bytesOf = (path: string): number => Number.parseInt(textOf(path), 10);
const limitOf = (limits: readonly string[]): number => Math.min(...limits.map(bytesOf).filter((bytes) => bytes < NO_LIMIT));

/** Paths in mountinfo write what would part their fields as three octal digits. */
const unescaped = (path: string): string =>
  path.replace(/\\(\d{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

interface Mount {
  /** What of the hierarchy is to be seen, and where. */
  shown: string;
  at: string;
  version: Version;
}

function mountOf(line: string): Mount | undefined {
  const [before = '', after = ''] = line.split(' - ');
  const [type = '', , settings = ''] = after.split(' ');
  const [, , , shown = '/', at = ''] = before.split(' ').map(unescaped);
  if (type === 'cgroup2') return { shown, at, version: SECOND };
  return type === 'cgroup' && settings.split(',').includes('memory') ? { shown, at, version: FIRST } : undefined;
}

/** Where this process stands in the hierarchy of such a version; undefined where it is in none. */
function placeOf(cgroups: string, version: Version): string | undefined {
  const entries = cgroups.split('\n').map((line) => /^\d+:([^:]*):(.*)$/.exec(line));
  return entries.find((entry) => (version === SECOND ? entry?.[1] === '' : entry?.[1]?.split(',').includes('memory')))?.[2];
}

/** From the cgroup of the process up to the highest that is to be seen: a limit of any of them holds. */
function levelsOf({ shown, at }: Mount, place: string): string[] {
  const below = shown === '/' ? place : place === shown || place.startsWith(`${shown}/`) ? place.slice(shown.length) : '';
  // What lies outside of what is shown begins with "..".
  const names = below.split('/').filter((name) => name !== '');
  if (names.includes('..')) return [at];
  return Array.from({ length: names.length + 1 }, (_, up) => join(at, ...names.slice(0, names.length - up)));
}

/**
 * The cgroups that limit the memory of this process, its own first; a container's limit is one of them. `root` is where the system's files
 * are.
 */
export function memoryLimits(root = '/'): MemoryLimit[] {
  const cgroups = textOf(join(root, 'proc/self/cgroup'));
  const mounts = textOf(join(root, 'proc/self/mountinfo'))
    .split('\n')
    .flatMap((line) => mountOf(line) ?? []);
  return mounts.flatMap((mount) => {
    const place = placeOf(cgroups, mount.version);
    const levels = place === undefined ? [] : levelsOf({ ...mount, at: join(root, mount.at) }, place);
    const { limits, usage, cached, mapped } = mount.version;
    return levels
      .map((level) => ({
        limits: limits.map((name) => join(level, name)),
        usage: join(level, usage),
        statistics: join(level, 'memory.stat'),
        cached,
        mapped,
      }))
      .filter((level) => limitOf(level.limits) < NO_LIMIT);
  });
}

/** What a cgroup could still give: what is kept of files goes when it is needed, but for what programs have open in memory. */
function roomBelow({ limits, usage, statistics, cached, mapped }: MemoryLimit): number {
  const values = new Map(
    textOf(statistics)
      .split('\n')
      .map((line) => line.split(' ') as [string, string]),
  );
  const valueOf = (key: string): number => Number(values.get(key) ?? 0);
  const reclaimable = Math.max(0, cached.reduce((sum, key) => sum + valueOf(key), 0) - valueOf(mapped));
  const room = limitOf(limits) - bytesOf(usage) + reclaimable;
  return Number.isNaN(room) ? Infinity : Math.max(0, room);
}

/** The least of the limits of this process's cgroups, in bytes; undefined without one. */
export function memoryLimit(root = '/'): number | undefined {
  const least = Math.min(...memoryLimits(root).map(({ limits }) => limitOf(limits)));
  return least < NO_LIMIT ? least : undefined;
}

/** Bytes that this process could still take, below the limits of its cgroups and of the machine; undefined where nobody says. */
export function freeMemory(root = '/'): number | undefined {
  const machine = 1024 * Number(/^MemAvailable:\s+(\d+) kB/m.exec(textOf(join(root, 'proc/meminfo')))?.[1] ?? Infinity);
  const room = Math.min(machine, ...memoryLimits(root).map(roomBelow));
  return Number.isFinite(room) ? room : undefined;
}
