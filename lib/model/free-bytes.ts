import { statfs } from '../file-system.ts';

/**
 * Undefined where the file system does not say: some network drives and FUSE report no blocks at all, or none that are free. A disk that is
 * full in truth refuses the writing.
 */
export async function freeBytes(folder: string): Promise<number | undefined> {
  const { bavail, bsize } = await statfs(folder).catch(() => ({ bavail: 0, bsize: 0 }));
  const bytes = bavail * bsize;
  return bytes > 0 ? bytes : undefined;
}
