import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { HyperfitError } from '../errors.ts';
import { link, rename, rm, stat, utimes, writeFile } from '../file-system.ts';
import { readText } from '../regular-file.ts';
import { beginOf, isAlive, type ProcessName } from '../process-life.ts';
import { PARTIAL_SUFFIX } from './atomic-folder.ts';

export const LOCK_NAME = 'lock.json';

/** The owner touches its lock so often, for machines that cannot look at each other's processes. */
const BEAT_MS = 10_000;
/** After so long without a touch the owner is taken for dead. */
const SILENCE_MS = 120_000;

interface Owner extends ProcessName {
  token: string;
  host: string;
}

const held = new Set<string>();

/** One process at a time writes a folder. What a killed one leaves is taken over. */
export class FolderLock {
  readonly #path: string;
  readonly #token: string;
  readonly #beat: NodeJS.Timeout;

  private constructor(path: string, token: string) {
    this.#path = path;
    this.#token = token;
    held.add(token);
    // A file system that takes no times loses only the sign of life that other machines see.
    this.#beat = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => {}), BEAT_MS).unref();
  }

  /**
   * Takes `folder`, which exists.
   * @param what what the folder is, in the words of the error: `a run`
   * @param name of the lock, where it is not the whole folder that is taken but a file in it
   * @throws HyperfitError ERR_BUSY while another process, or this one, writes there; the file system's error where it may not be written
   */
  static async take(folder: string, what: string, name = LOCK_NAME): Promise<FolderLock> {
    const path = join(folder, name);
    const owner: Owner = { token: randomUUID(), host: hostname(), pid: process.pid, began: beginOf(process.pid) };
    const own = `${path}.${owner.token}${PARTIAL_SUFFIX}`;
    try {
      await writeFile(own, JSON.stringify(owner));
      for (;;) {
        if (await place(own, path)) return new FolderLock(path, owner.token);
        const other = await readOwner(path);
        if (other !== undefined && (await isHeld(other, path, own))) throw busy(path, what, other);
        await removeStale(path, other);
      }
    } finally {
      await rm(own, { force: true });
    }
  }

  /** Lets the folder go; idempotent, and silent where the folder is gone. */
  async release(): Promise<void> {
    clearInterval(this.#beat);
    if (!held.delete(this.#token)) return;
    const owner = await readOwner(this.#path).catch(() => undefined);
    if (owner?.token === this.#token) await rm(this.#path, { force: true }).catch(() => {});
  }
}

/** A link appears whole or not at all, and never over another; file systems without links get a file that is there or not. */
async function place(own: string, path: string): Promise<boolean> {
  const isTaken = (error: NodeJS.ErrnoException): false => {
    if (error.code === 'EEXIST') return false;
    throw error;
  };
  return link(own, path).then(
    () => true,
    async (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return false;
      return writeFile(path, await readText(own), { flag: 'wx' }).then(() => true, isTaken);
    },
  );
}

async function readOwner(path: string): Promise<Owner | undefined> {
  try {
    const { token, host, pid, began } = JSON.parse(await readText(path)) as Partial<Owner>;
    return typeof token === 'string' && typeof host === 'string' && Number.isSafeInteger(pid)
      ? { token, host, pid: pid!, began: began ?? null }
      : undefined;
  } catch {
    return undefined;
  }
}

async function isHeld(owner: Owner, path: string, own: string): Promise<boolean> {
  if (owner.host !== hostname()) return isTouched(path, own);
  // Another thread, or another copy of this package, has a set of its own.
  if (owner.pid === process.pid && owner.began === beginOf(process.pid)) return held.has(owner.token) || isTouched(path, own);
  return isAlive(owner);
}

/** By the clock of the disk, on which `own` was just written. */
async function isTouched(path: string, own: string): Promise<boolean> {
  const [theirs, ours] = await Promise.all([stat(path).catch(() => undefined), stat(own)]);
  return theirs !== undefined && ours.mtimeMs - theirs.mtimeMs < SILENCE_MS;
}

/** Moved aside first: of two processes that find the same dead lock only one moves it, and a lock that is new meanwhile is put back. */
async function removeStale(path: string, dead: Owner | undefined): Promise<void> {
  const aside = `${path}.${randomUUID()}${PARTIAL_SUFFIX}`;
  const isMoved = await rename(path, aside).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
  if (!isMoved) return;
  const moved = await readOwner(aside);
  if (moved !== undefined && moved.token !== dead?.token) await link(aside, path).catch(() => {});
  await rm(aside, { force: true });
}

function busy(path: string, what: string, { host, pid }: Owner): HyperfitError {
  const who = host === hostname() ? `process ${pid}` : `process ${pid} of ${host}`;
  const remedy = `wait for it, stop it, or choose another folder; if it is dead for sure, delete ${path}`;
  return new HyperfitError('ERR_BUSY', `expected ${what} that nobody writes, got ${dirname(path)}, where ${who} is at work; ${remedy}`);
}
