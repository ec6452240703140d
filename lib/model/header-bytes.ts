import type { ErrorCode } from '../errors.ts';
import type { FileHandle } from '../file-system.ts';
import { openRegularFile, refuseFile } from '../regular-file.ts';

/** What a header parser sees of a file. */
export interface FileStart {
  bytes: Buffer;
  fileSize: number;
}

/**
 * Opens `path`, gives its size and a reader of its first bytes, closes it again.
 * @throws HyperfitError with `code` when it is no file
 */
export async function withFile<T>(
  path: string,
  code: ErrorCode,
  use: (file: { size: number; readStart(length: number): Promise<Buffer> }) => Promise<T>,
): Promise<T> {
  const handle = await openRegularFile(path).catch((cause: unknown) => refuseFile(path, code, cause));
  try {
    const { size } = await handle.stat();
    return await use({ size, readStart: (length) => readStart(handle, Math.min(length, size)) });
  } finally {
    await handle.close();
  }
}

/** The first `length` bytes; fewer only when the file shrank meanwhile. */
async function readStart(handle: FileHandle, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(bytes, filled, length - filled, filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}
