import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats } from 'node:fs';
import { HyperfitError } from './errors.ts';
import type { ErrorCode } from './errors.ts';
import { open, type FileHandle } from './file-system.ts';

/** Far above any configuration or tokenizer there is, far below what a string may hold. */
const MOST_BYTES = 256 * 2 ** 20;
/** What Node takes into one buffer. */
const MOST_AT_ONCE = 2 ** 31 - 1;
/** A pipe that nobody writes to would else wait at the door. */
const READ = constants.O_RDONLY | constants.O_NONBLOCK;
const CHUNK_BYTES = 1 << 20;

/** What is there is something else, or too much; the message fits behind "got PATH: ". */
export class NotAFile extends Error {}

function requireFile(status: Stats, most: number): void {
  if (!status.isFile()) throw new NotAFile(`it is ${kindOf(status)}, not a file`);
  if (status.size > most) throw new NotAFile(`it has ${status.size} bytes, and at most ${most} are read`);
}

function kindOf(status: Stats): string {
  if (status.isDirectory()) return 'a folder';
  if (status.isFIFO()) return 'a pipe';
  return status.isSocket() ? 'a socket' : 'a device';
}

function asNotAFile(cause: NodeJS.ErrnoException): Error {
  return cause.code === 'ENXIO' ? new NotAFile('it is a socket or a device, not a file') : cause;
}

/**
 * Opens a file for reading. Every file that somebody else may have put there is opened by this or the functions beside it: a pipe would
 * wait for ever, a device never ends. What is asked is what was opened, so that nothing can be put in its place meanwhile.
 * @throws NotAFile for anything else, and the errors of the file system
 */
export async function openRegularFile(path: string): Promise<FileHandle> {
  const file = await open(path, READ).catch((cause: NodeJS.ErrnoException) => {
    throw asNotAFile(cause);
  });
  try {
    requireFile(await file.stat(), Infinity);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** The bytes of a file of at most `most`. Throws as `openRegularFile`, and NotAFile for a larger one. */
export async function readBytes(path: string, most = MOST_AT_ONCE): Promise<Buffer> {
  const file = await openRegularFile(path);
  try {
    requireFile(await file.stat(), most);
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/** The text of a file of at most 256 MB, in UTF-8. Throws as `readBytes`. */
export async function readText(path: string): Promise<string> {
  return (await readBytes(path, MOST_BYTES)).toString('utf8');
}

/** `readBytes` at once. */
export function readBytesSync(path: string, most = MOST_AT_ONCE): Buffer {
  let file: number;
  try {
    file = openSync(path, READ);
  } catch (cause) {
    throw asNotAFile(cause as NodeJS.ErrnoException);
  }
  try {
    requireFile(fstatSync(file), most);
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}

/** `readText` at once. */
export function readTextSync(path: string): string {
  return readBytesSync(path, MOST_BYTES).toString('utf8');
}

/** The bytes of a file of any size, in pieces. Throws as `openRegularFile`. */
export async function* readInPieces(path: string): AsyncGenerator<Buffer> {
  const file = await openRegularFile(path);
  try {
    for await (const chunk of file.createReadStream({ highWaterMark: CHUNK_BYTES })) yield chunk as Buffer;
  } finally {
    await file.close();
  }
}

/**
 * The text of a small file, in UTF-8, without a byte order mark.
 * @throws HyperfitError with `code` when it is no file, cannot be read, is above 256 MB, or is UTF-16
 */
export async function readTextFile(path: string, code: ErrorCode): Promise<string> {
  const bytes = await readBytes(path, MOST_BYTES).catch((cause: unknown) => refuseFile(path, code, cause));
  refuseUtf16(bytes, path, code);
  const text = bytes.toString('utf8');
  return text.startsWith('\uFEFF') ? text.slice(1) : text;
}

/** @throws HyperfitError with `code`, always */
export function refuseFile(path: string, code: ErrorCode, cause: unknown): never {
  const { message, code: reason } = cause as NodeJS.ErrnoException;
  const remedy = reason === 'EACCES' ? 'check its permissions' : 'check the path';
  throw new HyperfitError(
    code,
    `expected a file that can be read at ${path}, got: ${reason === 'ENOENT' ? 'none is there' : message}; ${remedy}`,
    { cause },
  );
}

function refuseUtf16(bytes: Buffer, path: string, code: ErrorCode): void {
  const order = bytes[0] === 0xff && bytes[1] === 0xfe ? 'LE' : bytes[0] === 0xfe && bytes[1] === 0xff ? 'BE' : undefined;
  if (order !== undefined)
    throw new HyperfitError(code, `expected UTF-8 in ${path}, got UTF-16${order}; convert it: iconv -f UTF-16 -t UTF-8`);
}

/** The bytes of a small file; undefined where there is none, or none that can be read, or something else in its place. */
export async function readRegularFile(path: string): Promise<Buffer | undefined> {
  return readBytes(path, MOST_BYTES).catch(() => undefined);
}
