import { readFile, stat } from 'node:fs/promises';
import { HyperfitError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';

/** Far above any configuration or tokenizer there is, far below what a string may hold. */
const MOST_BYTES = 256 * 2 ** 20;

/**
 * Makes sure that `path` is a file before it is opened: a pipe would wait for ever, a device never ends.
 * @returns its size in bytes
 * @throws HyperfitError with `code` for anything else
 */
export async function requireRegularFile(path: string, code: ErrorCode): Promise<number> {
  const status = await stat(path).catch((cause: unknown) => {
    throw new HyperfitError(code, `expected a file at ${path}, got none that can be read; check the path and its permissions`, { cause });
  });
  if (!status.isFile()) throw new HyperfitError(code, `expected a file at ${path}, got ${status.isDirectory() ? 'a folder' : 'a pipe, socket or device'}; put the file there`);
  return status.size;
}

/**
 * The text of a small file, in UTF-8, without a byte order mark.
 * @throws HyperfitError with `code` when it is no file, cannot be read, is above 256 MB, or is UTF-16
 */
export async function readTextFile(path: string, code: ErrorCode): Promise<string> {
  const size = await requireRegularFile(path, code);
  if (size > MOST_BYTES) throw new HyperfitError(code, `expected at most ${MOST_BYTES} bytes in ${path}, got ${size}; that is not the file it is named after, fetch it again`);
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new HyperfitError(code, `expected a file that can be read at ${path}, got ${(cause as Error).message}; check its permissions`, { cause });
  });
  refuseUtf16(bytes, path, code);
  const text = bytes.toString('utf8');
  return text.startsWith('\uFEFF') ? text.slice(1) : text;
}

function refuseUtf16(bytes: Buffer, path: string, code: ErrorCode): void {
  const order = bytes[0] === 0xff && bytes[1] === 0xfe ? 'LE' : bytes[0] === 0xfe && bytes[1] === 0xff ? 'BE' : undefined;
  if (order !== undefined) throw new HyperfitError(code, `expected UTF-8 in ${path}, got UTF-16${order}; convert it: iconv -f UTF-16 -t UTF-8`);
}

/** The bytes of a small file; undefined where there is none, or none that can be read, or something else in its place. */
export async function readRegularFile(path: string): Promise<Buffer | undefined> {
  const status = await stat(path).catch(() => undefined);
  if (status === undefined || !status.isFile() || status.size > MOST_BYTES) return undefined;
  return readFile(path).catch(() => undefined);
}
