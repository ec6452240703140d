import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HyperfitError } from '../errors.ts';
import { withLock } from './blob-lock.ts';
import type { Fetching } from './fetch-scope.ts';
import { askingOf, fileAddress, RefusedError, withRetries, type RepoFile } from './hub-api.ts';
import { ask, discard, reasonOf, type Reply } from './http.ts';
import type { HubName } from './hub-name.ts';
import { distrusted } from './hub-refusal.ts';
import { PartialFile } from './partial-file.ts';
import type { RepoCache } from './repo-cache.ts';

export type SizedFile = RepoFile & { size: number; etag: string };

/** A file of a repository, and where it goes. */
export interface Download {
  name: HubName;
  commit: string;
  file: SizedFile;
  cache: RepoCache;
  fetching: Fetching;
  /** Bytes that have arrived since the last call; negative where they had to be dropped. */
  onBytes: (count: number) => void;
}

/** A connection that brings so much has not failed. */
const PROGRESS = 1 << 20;
const MOST_CUTS = 5;

/**
 * Puts a file's content into the cache: what is left of an earlier try is gone on from, and the hash is checked before it appears under its
 * name.
 * @throws HyperfitError ERR_FETCH for a server that cannot be reached or sends something else, and for a disk that refuses; ERR_MODEL_FILES
 * or ERR_DATA for a file that is gone
 */
export async function downloadBlob(download: Download): Promise<void> {
  const { cache, file, fetching, name, onBytes } = download;
  const onWait = (): void =>
    fetching.tell({ type: 'note', name: name.id, message: `another process is fetching ${file.path}; waiting for it` });
  await withLock(join(cache.locks, `${file.etag}.hyperfit.lock`), { onWait, signal: fetching.signal }, async () => {
    if (await cache.hasBlob(file)) return onBytes(file.size);
    const blob = cache.blob(file.etag);
    const partial = await PartialFile.open(blob, file.size);
    try {
      onBytes(partial.length);
      await fill(partial, download);
      await partial.complete(blob);
    } catch (error) {
      await partial.leave();
      throw error;
    }
  });
}

/** A file that came in pieces and is wrong may have an old wrong piece: it is fetched once more from its beginning. */
async function fill(partial: PartialFile, download: Download): Promise<void> {
  const wasBegun = partial.length > 0;
  await receiveAll(partial, download);
  if (partial.isRight) return;
  await drop(partial, download);
  if (wasBegun) {
    await receiveAll(partial, download);
    if (partial.isRight) return;
    await drop(partial, download);
  }
  throw distrusted(
    download.name,
    download.fetching.settings,
    `${download.file.path} with another hash than the hub names, so nothing of it was kept`,
  );
}

async function drop(partial: PartialFile, { onBytes }: Download): Promise<void> {
  onBytes(-partial.length);
  await partial.restart();
}

/** Goes on after connections that are cut, as long as they bring something. */
async function receiveAll(partial: PartialFile, download: Download): Promise<void> {
  const { fetching, name } = download;
  let cuts = 0;
  while (partial.length < download.file.size) {
    const before = partial.length;
    try {
      await withRetries(name, fetching, async () => receive(await open(partial, download), partial, download));
    } catch (error) {
      if (!(error instanceof CutError)) throw error;
      cuts = partial.length - before >= PROGRESS ? 0 : cuts + 1;
      if (cuts > MOST_CUTS)
        throw new HyperfitError(
          'ERR_FETCH',
          `expected ${download.file.path} of ${name.id} to arrive, got cut off ${cuts} times at ${partial.length} of ${download.file.size} bytes (${error.message}); check the network and try again: what has arrived is kept`,
        );
      await sleep(fetching.settings.retryMs * cuts, undefined, { signal: fetching.signal }).catch(() => fetching.signal?.throwIfAborted());
    }
  }
}

/** A body that ended too soon. Not a ConnectionError: those are tried again by whoever asked. */
class CutError extends HyperfitError {}

async function open(partial: PartialFile, { name, commit, file, fetching }: Download): Promise<Reply> {
  const headers = partial.length > 0 ? { Range: `bytes=${partial.length}-` } : {};
  const reply = await ask(fileAddress(name, commit, file.path, fetching.settings.endpoint), { ...askingOf(fetching), headers });
  if (reply.status === 200 || reply.status === 206 || reply.status === 416) return reply;
  discard(reply.body);
  throw new RefusedError(reply, file.path);
}

async function receive(reply: Reply, partial: PartialFile, download: Download): Promise<void> {
  const { file, name, fetching, onBytes } = download;
  const isContinued = reply.status === 206 && beginsAt(reply) === partial.length;
  if (!isContinued && partial.length > 0) await drop(partial, download);
  if (!isContinued && reply.status !== 200) {
    discard(reply.body);
    throw new CutError('ERR_FETCH', 'the server did not go on where the last connection ended');
  }
  try {
    for await (const chunk of reply.body) {
      const bytes = chunk as Buffer;
      if (partial.length + bytes.length > file.size) {
        await drop(partial, download);
        throw distrusted(name, fetching.settings, `more than the ${file.size} bytes of ${file.path} that it announced`);
      }
      await partial.write(bytes);
      onBytes(bytes.length);
    }
  } catch (cause) {
    // The disk's refusals are no matter of the connection.
    if (cause instanceof HyperfitError || (cause as NodeJS.ErrnoException).syscall === 'write') throw cause;
    throw new CutError('ERR_FETCH', reasonOf(cause), { cause });
  }
  if (partial.length < file.size) throw new CutError('ERR_FETCH', 'the body ended too soon');
}

function beginsAt({ headers }: Reply): number {
  return Number(/^bytes (\d+)-/.exec(headers['content-range'] ?? '')?.[1] ?? Number.NaN);
}
