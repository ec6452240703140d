import { basename, dirname, join } from 'node:path';
import { open, rename, rm, writeFile } from '../file-system.ts';
import { makeFolder } from '../folders.ts';
import { diskRemedy, isDiskError } from '../disk-errors.ts';
import { errorCodeOf, HyperfitError } from '../errors.ts';
import { listFiles, makeManifest, MANIFEST_NAME } from './manifest.ts';

export const PARTIAL_SUFFIX = '.partial';
export const REPLACED_SUFFIX = '.replaced';

/** Asks the disk to keep a file through a power cut. */
async function flush(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** By which CIFS, WSL's mounts and some of FUSE say that folders cannot be opened or flushed there. */
const NO_FOLDER_FLUSH = new Set(['EINVAL', 'EBADF', 'EPERM', 'EACCES', 'EISDIR', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'ENOTTY']);

/** Asks the disk to keep the entries of a folder; where the file system takes no such wish, it keeps them in its own time. */
async function flushFolder(path: string): Promise<void> {
  await flush(path).catch((error: NodeJS.ErrnoException) => {
    if (!NO_FOLDER_FLUSH.has(error.code ?? '')) throw error;
  });
}

export async function writeFlushed(path: string, content: string | Uint8Array): Promise<void> {
  await writeFile(path, content, { flush: true });
}

/**
 * Replaces one small file as a whole: temporary name in the same folder, flush, rename, flush of the folder.
 */
export async function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}${PARTIAL_SUFFIX}`;
  try {
    await writeFlushed(temporary, content);
    await rename(temporary, path);
    await flushFolder(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/**
 * Makes `folder` appear complete or not at all: `write` fills `folder.partial`, every file is flushed, the manifest is written
 * last, the folder renamed and its parent flushed. When anything fails the partial folder goes and an older `folder` stays.
 * @throws HyperfitError ERR_CHECKPOINT when the disk refuses; errors of `write` that carry another code pass through
 */
export async function writeFolder(folder: string, write: (partial: string) => Promise<unknown>): Promise<void> {
  const partial = folder + PARTIAL_SUFFIX;
  try {
    await rm(partial, { recursive: true, force: true });
    await makeFolder(partial);
    await write(partial);
    await seal(partial);
    await moveInto(partial, folder);
  } catch (error) {
    await rm(partial, { recursive: true, force: true }).catch(() => undefined);
    throw saveError(folder, error);
  }
}

async function seal(partial: string): Promise<void> {
  const names = await listFiles(partial);
  for (const name of names) await flush(join(partial, name));
  for (const inner of new Set(names.map(dirname))) if (inner !== '.') await flushFolder(join(partial, inner));
  const manifest = await makeManifest(partial);
  await writeFlushed(join(partial, MANIFEST_NAME), `${JSON.stringify(manifest, null, 2)}\n`);
  await flushFolder(partial);
}

/** Renames over an older folder of the same name: that one steps aside first, where it is still found, and goes last. */
async function moveInto(partial: string, folder: string): Promise<void> {
  const replaced = folder + REPLACED_SUFFIX;
  await rm(replaced, { recursive: true, force: true });
  const hadOlder = await rename(folder, replaced).then(() => true, isMissing);
  try {
    await rename(partial, folder);
  } catch (error) {
    if (hadOlder) await rename(replaced, folder);
    throw error;
  }
  await flushFolder(dirname(folder));
  await rm(replaced, { recursive: true, force: true });
}

function isMissing(error: unknown): false {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
  throw error;
}

const FULL_DISK = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** The refusal for a failed save; a full disk is told apart because its remedy is. */
export function saveError(folder: string, cause: unknown): unknown {
  const { code = '', message = String(cause) } = (cause ?? {}) as NodeJS.ErrnoException;
  const known = errorCodeOf(cause);
  if (known !== undefined && known !== 'ERR_CHECKPOINT' && !speaksOfFullDisk(message)) return cause;
  if (FULL_DISK.has(code) || speaksOfFullDisk(message)) {
    const remedy = 'free some space or lower keepLastCheckpoints, then resume; earlier checkpoints are untouched';
    return new HyperfitError(
      'ERR_CHECKPOINT',
      `expected room on disk for ${basename(folder)} in ${dirname(folder)}, got: ${message}; ${remedy}`,
      { cause },
    );
  }
  if (known !== undefined) return cause;
  const remedy = isDiskError(cause) ? diskRemedy(cause) : 'check that the folder exists and may be written';
  return new HyperfitError('ERR_CHECKPOINT', `expected to save ${folder}, got: ${message}; ${remedy}; earlier checkpoints are untouched`, {
    cause,
  });
}

/** Tensors are written by C++, whose error names the operating system's words. */
function speaksOfFullDisk(message: string): boolean {
  return /no space left|file too large|quota exceeded/i.test(message);
}
