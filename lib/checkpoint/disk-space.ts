import { statfs } from 'node:fs/promises';
import { HyperfitError } from '../errors.ts';

const MEGABYTE = 1e6;

/**
 * Refuses a save that cannot fit, before anything is written or deleted.
 * @param bytes what the save will take
 * @throws HyperfitError ERR_CHECKPOINT
 */
export async function requireDiskSpace(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const available = bavail * bsize;
  if (available >= bytes) return;
  throw new HyperfitError(
    'ERR_CHECKPOINT',
    `expected ${Math.ceil(bytes / MEGABYTE)} MB free for a checkpoint in ${folder}, got ${Math.floor(available / MEGABYTE)} MB; ` +
      'free some space or lower keepLastCheckpoints, then resume; earlier checkpoints are untouched',
  );
}
