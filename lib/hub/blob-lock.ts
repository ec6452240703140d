import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { link, open, rename, rm, stat, utimes } from '../file-system.ts';
import { makeFolder } from '../folders.ts';
import { readText } from '../regular-file.ts';

/** Of a holder that lives, milliseconds. */
const HEARTBEAT = 2000;
/** Without a heartbeat a holder on another machine counts as dead, milliseconds. */
const PATIENCE = 20_000;
const LOOK_EVERY = 200;

/**
 * Does `work` while no other process of ours does what `path` stands for. A holder that died, or whose machine fell silent, is no
 * hindrance. The lock only saves fetching twice: blobs appear by renaming, so nothing is damaged where it fails.
 * @param onWait called once, when somebody else holds it
 */
export async function withLock<T>(
  path: string,
  { onWait, signal }: { onWait: () => void; signal: AbortSignal | undefined },
  work: () => Promise<T>,
): Promise<T> {
  const owner = JSON.stringify({ pid: process.pid, host: hostname(), id: randomBytes(6).toString('hex') });
  await makeFolder(dirname(path));
  await acquire(path, owner, onWait, signal);
  const heart = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => undefined), HEARTBEAT);
  heart.unref();
  try {
    return await work();
  } finally {
    clearInterval(heart);
    if ((await readText(path).catch(() => '')) === owner) await rm(path, { force: true });
  }
}

async function acquire(path: string, owner: string, onWait: () => void, signal: AbortSignal | undefined): Promise<void> {
  let isWaiting = false;
  let seen = { holder: '', sign: 0, since: Date.now() };
  while (!(await create(path, owner))) {
    if (!isWaiting) onWait();
    isWaiting = true;
    const holder = await readText(path).catch(() => undefined);
    const sign = await stat(path).then(
      ({ mtimeMs }) => mtimeMs,
      () => undefined,
    );
    if (holder === undefined || sign === undefined) continue;
    // Clocks of different machines are not compared: what counts is that the time changes.
    if (holder !== seen.holder || sign !== seen.sign) seen = { holder, sign, since: Date.now() };
    if (isDead(holder) || Date.now() - seen.since > PATIENCE) {
      await takeAway(path, holder);
      continue;
    }
    await sleep(LOOK_EVERY, undefined, { signal }).catch(() => signal?.throwIfAborted());
  }
}

async function create(path: string, owner: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx');
    await file.writeFile(owner).finally(() => file.close());
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function isDead(holder: string): boolean {
  try {
    const { pid, host } = JSON.parse(holder) as { pid: number; host: string };
    return host === hostname() && !isAlive(pid);
  } catch {
    return false; // not written yet: patience decides
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Of several that want to, one succeeds; whoever got a lock that was made anew meanwhile puts it back. */
async function takeAway(path: string, holder: string): Promise<void> {
  const aside = `${path}.${randomBytes(4).toString('hex')}`;
  await rename(path, aside).catch(() => undefined);
  const taken = await readText(aside).catch(() => holder);
  if (taken !== holder) await link(aside, path).catch(() => undefined);
  await rm(aside, { force: true });
}
