import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_EVERY_MS = 500;
/** A lock that says of nobody for so long was begun by a process that died over it. */
const NAMELESS_MS = 5000;

interface Holder {
  pid: number;
  host: string;
}

/**
 * Does `work` while no other process installs into `folder`: both would write to the same unfinished downloads. A second one waits. The
 * lock of a process that is gone does not count.
 */
export async function withInstallLock<T>(
  folder: string,
  { signal, note }: { signal?: AbortSignal | undefined; note(text: string): void },
  work: () => Promise<T>,
): Promise<T> {
  const path = join(folder, '.lock');
  let told = false;
  while (!take(path)) {
    const holder = readHolder(path);
    if (holder === undefined ? isNameless(path) : isGone(holder)) {
      rmSync(path, { force: true });
      continue;
    }
    if (!told)
      note(
        `another process${holder === undefined ? '' : ` (${holder.pid} on ${holder.host})`} is installing into ${folder}: waiting for it; if there is none, delete ${path}`,
      );
    told = true;
    await sleep(LOOK_EVERY_MS, undefined, signal === undefined ? {} : { signal });
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

/** A link appears whole, and never over another; file systems without links get a file that is there or not. */
function take(path: string): boolean {
  const own = `${path}.${randomUUID()}`;
  const holder = JSON.stringify({ pid: process.pid, host: hostname() });
  writeFileSync(own, holder);
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === 'EEXIST') return false;
    return takeWithoutLinks(path, holder);
  } finally {
    rmSync(own, { force: true });
  }
}

function takeWithoutLinks(path: string, holder: string): boolean {
  try {
    writeFileSync(path, holder, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === 'EEXIST') return false;
    throw error;
  }
}

function isNameless(path: string): boolean {
  try {
    return Date.now() - statSync(path).mtimeMs > NAMELESS_MS;
  } catch {
    return false; // just gone
  }
}

function readHolder(path: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Holder;
  } catch {
    return undefined; // just made or just gone
  }
}

function isGone({ pid, host }: Holder): boolean {
  if (host !== hostname()) return false; // a shared home: nobody here can tell
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as { code?: string }).code === 'ESRCH';
  }
}
