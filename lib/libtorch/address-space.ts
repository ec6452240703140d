import { statSync } from 'node:fs';
import { HyperfitError } from '../errors.ts';
import { readTextSync } from '../regular-file.ts';

/** What libtorch and the addon take beside their files before the first tensor: their own data, stacks and heaps of threads. */
const BESIDE_FILES = 256 * 2 ** 20;

/**
 * Libraries that run out of memory while they are opened end the process, so the room is asked for before. Only a limit on addresses
 * (`ulimit -v`) can be too small for that; other limits count what is written to.
 * @throws HyperfitError ERR_OUT_OF_MEMORY
 */
export function requireAddressSpace(paths: readonly string[]): void {
  const room = addressesLeft();
  const needed = paths.reduce((sum, path) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0), BESIDE_FILES);
  if (room === undefined || room >= needed) return;
  throw new HyperfitError(
    'ERR_OUT_OF_MEMORY',
    `expected ${megabytes(needed)} of address space for libtorch, got ${megabytes(room)}; raise the limit (ulimit -v), or limit memory by a cgroup`,
  );
}

/** Stack and heap of a thread, in addresses. */
const OF_A_THREAD = 72 * 2 ** 20;

/**
 * How many of `wanted` threads a limit on addresses has room for, with as much left over; all of them without one. OpenMP ends the process
 * when it is refused a thread, and the main thread and the one that computes have a team each.
 */
export function threadsThatFit(wanted: () => number): number | undefined {
  const room = addressesLeft();
  if (room === undefined) return undefined;
  const fit = Math.max(1, Math.floor(room / 4 / OF_A_THREAD));
  return fit < wanted() ? fit : undefined;
}

/** Bytes below the limit on addresses; undefined where there is none, or nobody says. */
function addressesLeft(): number | undefined {
  try {
    const limit = /^Max address space\s+(\d+)/m.exec(readTextSync('/proc/self/limits'))?.[1];
    const used = /^VmSize:\s+(\d+) kB/m.exec(readTextSync('/proc/self/status'))?.[1];
    return limit === undefined || used === undefined ? undefined : Number(limit) - 1024 * Number(used);
  } catch {
    return undefined;
  }
}

function megabytes(bytes: number): string {
  return `${Math.max(0, Math.round(bytes / 2 ** 20))} MB`;
}
