import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Hierarchies that limit memory, and the file that takes the limit. */
const HIERARCHIES = [
  { at: '/sys/fs/cgroup/memory', limit: 'memory.limit_in_bytes' },
  { at: '/sys/fs/cgroup', limit: 'memory.max' },
];

/** A cgroup of at most so many bytes, for a process that writes its number into `processes`. */
export interface MemoryCgroup {
  processes: string;
  remove: () => void;
}

/** A cgroup in a cgroup, of which the upper one has the limit; undefined where none may be made. */
export function memoryCgroup(bytes: number): MemoryCgroup | undefined {
  for (const { at, limit } of HIERARCHIES) {
    const upper = join(at, `hyperfit-test-${process.pid}`);
    const lower = join(upper, 'below');
    const remove = (): void => [lower, upper].forEach((folder) => rmdirSync(folder));
    try {
      mkdirSync(lower, { recursive: true });
    } catch {
      continue;
    }
    try {
      writeFileSync(join(upper, limit), String(bytes));
      return { processes: join(lower, 'cgroup.procs'), remove };
    } catch {
      remove();
    }
  }
  return undefined;
}
