import { readTextSync } from './regular-file.ts';

/** A process of this machine, told from another one that had its number before. */
export interface ProcessName {
  pid: number;
  /** See `beginOf`. */
  began: string | null;
}

/**
 * When a process began, in the system's own count: a number that is used again is told from the process that had it before. Null where
 * nobody says.
 */
export function beginOf(pid: number): string | null {
  try {
    // The name of the program may hold spaces and brackets; the 22nd field is the 20th after it.
    return (
      readTextSync(`/proc/${pid}/stat`)
        .replace(/^.*\) /s, '')
        .split(' ')[19] ?? null
    );
  } catch {
    return null;
  }
}

/** Whether that very process is still there. */
export function isAlive({ pid, began }: ProcessName): boolean {
  return beginOf(pid) === began && exists(pid);
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
