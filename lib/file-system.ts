import * as fs from 'node:fs';
import type * as promises from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

// What lib asks of node:fs/promises, by the functions with callbacks. Of a worker that is terminated within a call of that module Node 20
// may end the whole process: the request that could no longer be made is taken for a synchronous call with too many arguments
// (node_file.cc).

export const access = promisify(fs.access);
export const appendFile = promisify(fs.appendFile);
export const copyFile = promisify(fs.copyFile);
export const link = promisify(fs.link);
export const lstat = promisify(fs.lstat);
export const mkdir = promisify(fs.mkdir);
export const readdir = promisify(fs.readdir) as typeof promises.readdir; // the types forget `recursive`
export const readlink = promisify(fs.readlink);
export const realpath = promisify(fs.realpath.native);
export const rename = promisify(fs.rename);
export const rm = promisify(fs.rm);
export const rmdir = promisify(fs.rmdir);
export const stat = promisify(fs.stat);
export const statfs = promisify(fs.statfs);
export const symlink = promisify(fs.symlink);
export const utimes = promisify(fs.utimes);
export const writeFile = promisify(fs.writeFile);

const handle = {
  appendFile,
  close: promisify(fs.close),
  datasync: promisify(fs.fdatasync),
  open: promisify(fs.open),
  read: promisify(fs.read),
  readFile: promisify(fs.readFile),
  stat: promisify(fs.fstat),
  sync: promisify(fs.fsync),
  truncate: promisify(fs.ftruncate),
  write: promisify(fs.write),
};

/** A file that is open, named as in node:fs/promises. It is not closed by being forgotten. */
export class FileHandle {
  constructor(readonly fd: number) {}

  /** The bytes from where the last reading ended to the end of the file. */
  readFile(): Promise<Buffer> {
    return handle.readFile(this.fd);
  }

  /** At most `length` bytes from `position` of the file into `buffer` at `offset`; `bytesRead` says how many. */
  read<Bytes extends Uint8Array>(
    buffer: Bytes,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ bytesRead: number; buffer: Bytes }> {
    return handle.read(this.fd, buffer, offset, length, position);
  }

  /** A part of `bytes`, at `position` of the file or where the last writing ended; `bytesWritten` may be less than was asked for. */
  write(
    bytes: Uint8Array,
    offset = 0,
    length = bytes.byteLength - offset,
    position: number | null = null,
  ): Promise<{ bytesWritten: number }> {
    return handle.write(this.fd, bytes, offset, length, position);
  }

  appendFile(data: string | Uint8Array): Promise<void> {
    return handle.appendFile(this.fd, data);
  }

  writeFile(data: string | Uint8Array): Promise<void> {
    return writeFile(this.fd, data);
  }

  createReadStream(options: { highWaterMark: number }): fs.ReadStream {
    return fs.createReadStream('', { ...options, fd: this.fd, autoClose: false });
  }

  stat(): Promise<fs.Stats> {
    return handle.stat(this.fd);
  }

  truncate(length: number): Promise<void> {
    return handle.truncate(this.fd, length);
  }

  sync(): Promise<void> {
    return handle.sync(this.fd);
  }

  datasync(): Promise<void> {
    return handle.datasync(this.fd);
  }

  close(): Promise<void> {
    return handle.close(this.fd);
  }
}

/** As `open` of node:fs/promises. */
export async function open(path: string, flags: string | number): Promise<FileHandle> {
  return new FileHandle(await handle.open(path, flags));
}

/** A folder with all that is in it, into one that is not there yet. */
export async function copyFolder(from: string, to: string): Promise<void> {
  await mkdir(to);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    await (entry.isDirectory() ? copyFolder(source, target) : copyFile(source, target));
  }
}
