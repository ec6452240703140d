import { HyperfitError } from './errors.ts';

const GONE = 'the folder is gone, or its disk is: bring it back, or choose another folder';
/** What to do, by what the system says of a disk. */
const REMEDIES: Readonly<Record<string, string>> = {
  ENOSPC: 'free some space',
  EDQUOT: 'free some space, or ask for more',
  EFBIG: 'choose a disk that takes larger files',
  EROFS: 'the disk is mounted read-only: choose another folder, or mount it to be written',
  EACCES: 'choose a folder that you may write',
  EPERM: 'choose a folder that you may write',
  EIO: 'the disk fails: choose another, and look at what the system says of it',
  ENOENT: GONE,
  ENOTDIR: GONE,
  ESTALE: GONE,
  ENODEV: GONE,
  ENOTCONN: GONE,
};

/** Whether the system refused a file or a folder, and nobody has yet said what for. */
export function isDiskError(error: unknown): error is NodeJS.ErrnoException {
  const { code, syscall } = (error ?? {}) as NodeJS.ErrnoException;
  return typeof syscall === 'string' && code !== undefined && code in REMEDIES;
}

/**
 * Does `work`, which writes to `path`; what the system refuses on the way is told in words.
 * @param what what is written, in the words of the error: `a study`
 * @throws HyperfitError ERR_CHECKPOINT for a disk that is full, read-only, broken or gone; anything else as it is
 */
export async function onDisk<T>(what: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!isDiskError(cause)) throw cause;
    throw new HyperfitError(
      'ERR_CHECKPOINT',
      `expected to write ${what} in ${path}, got: ${cause.message}; ${diskRemedy(cause)}, then begin again: what is whole stays`,
      { cause },
    );
  }
}

export function diskRemedy({ code = '' }: NodeJS.ErrnoException): string {
  return REMEDIES[code]!;
}
