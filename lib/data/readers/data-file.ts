import type { Stats } from 'node:fs';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { HyperfitError } from '../../errors.ts';
import { stat, type FileHandle } from '../../file-system.ts';
import { nameHint } from '../../hub/hub-name.ts';
import { openRegularFile } from '../../regular-file.ts';
import { KNOWN_FILES } from './file-kind.ts';
import { formatBytes, refuseData } from './refusal.ts';

const CHUNK_BYTES = 1 << 20;

/** @throws HyperfitError ERR_DATA for a path that is not there, or may not be looked at */
export async function statData(path: string): Promise<Stats> {
  return stat(path).catch((cause: unknown) => {
    throw refuseData(
      KNOWN_FILES,
      `${path}, which cannot be read (${reasonOf(cause)})`,
      `check the path${nameHint(path, 'dataset')}`,
      cause,
    );
  });
}

/**
 * The bytes of a file in pieces, unpacked when it is compressed: a file of any size takes the memory of one piece.
 * @throws HyperfitError ERR_DATA for what is no regular file (a pipe would wait for ever), a file that may not be read, that changes
 * meanwhile, or whose compression is damaged
 */
export async function* readBytes(path: string, { isGzip = false } = {}): AsyncGenerator<Uint8Array> {
  if (isGzip) yield* unpack(readPlain(path), path);
  else yield* readPlain(path);
}

/**
 * The whole file.
 * @throws HyperfitError ERR_DATA as `readBytes`, and for a file above `limit` bytes, of which `reason` says why it has to fit
 */
export async function readWhole(path: string, limit: number, reason: string): Promise<Buffer> {
  const { size } = await statData(path);
  if (size > limit)
    throw refuseData(
      `a file of at most ${formatBytes(limit)}`,
      `${path} of ${formatBytes(size)}`,
      `${reason}; split it into several files of a folder`,
    );
  const chunks: Uint8Array[] = [];
  for await (const chunk of readPlain(path)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* readPlain(path: string): AsyncGenerator<Uint8Array> {
  const file = await openRegular(path);
  try {
    const before = await file.stat();
    for await (const chunk of file.createReadStream({ highWaterMark: CHUNK_BYTES })) yield chunk as Uint8Array;
    const after = await file.stat();
    if (before.size !== after.size || before.mtimeMs !== after.mtimeMs)
      throw refuseData('a file that stays as it is while it is read', `${path}, which changed`, 'try again once it is written');
  } catch (cause) {
    throw asRefusal(cause, path);
  } finally {
    await file.close();
  }
}

/** @throws HyperfitError ERR_DATA for what is no regular file, and for one that may not be read */
export async function openRegular(path: string): Promise<FileHandle> {
  const info = await statData(path);
  if (!info.isFile()) throw refuseData('a regular file', `${path}, which is ${nameOf(info)}`, 'write what it gives into a file');
  return openRegularFile(path).catch((cause: unknown) => {
    throw asRefusal(cause, path);
  });
}

function nameOf(info: Stats): string {
  if (info.isDirectory()) return 'a folder';
  if (info.isFIFO()) return 'a pipe';
  return info.isSocket() ? 'a socket' : 'a device';
}

async function* unpack(chunks: AsyncIterable<Uint8Array>, path: string): AsyncGenerator<Uint8Array> {
  // It knows files of several members, as `cat a.gz b.gz` makes them.
  const gunzip = createGunzip();
  // Errors of either arrive in the loop.
  pipeline(Readable.from(chunks, { objectMode: true }), gunzip, () => undefined);
  try {
    for await (const chunk of gunzip) yield chunk as Uint8Array;
  } catch (cause) {
    if (cause instanceof HyperfitError) throw cause;
    throw refuseData(
      'a gzip file',
      `${path}, which does not unpack (${reasonOf(cause)})`,
      'fetch it again, or name it without .gz if it is not compressed',
      cause,
    );
  }
}

function asRefusal(cause: unknown, path: string): HyperfitError {
  if (cause instanceof HyperfitError) return cause;
  return refuseData('a readable file', `${path} (${reasonOf(cause)})`, 'check that it exists and may be read', cause);
}

function reasonOf(cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException;
  return code === 'Z_BUF_ERROR' ? 'it is cut off' : code !== undefined && !code.startsWith('Z_') ? code : message;
}
