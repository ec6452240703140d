import { join } from 'node:path';
import { freeDiskSpace } from '../download/disk-space.ts';
import { HyperfitError } from '../errors.ts';
import { readText } from '../regular-file.ts';
import { downloadBlob, type SizedFile } from './blob-download.ts';
import { formatSize } from './bytes.ts';
import type { Fetching } from './fetch-scope.ts';
import { askFile, type RepoFile, type RepoListing } from './hub-api.ts';
import { writeHubName, type HubName } from './hub-name.ts';
import type { RepoCache } from './repo-cache.ts';

/** Requests side by side: a data set can have a hundred files. */
const CONNECTIONS = 4;
/** What the file system wants for links and folders beside the bytes. */
const SPARE = 16e6;

/** A repository at a commit, and the cache that it goes into. */
export interface RepoAtCommit {
  name: HubName;
  listing: RepoListing;
  cache: RepoCache;
  fetching: Fetching;
}

/** What fetching will take. */
export interface FetchPlan {
  files: SizedFile[];
  /** Of all files. */
  bytes: number;
  /** Of those that are not in the cache yet. */
  missingBytes: number;
}

/**
 * Sizes and hashes of the files, and how much of them is not here.
 * @throws HyperfitError as `askFile`
 */
export async function planFetch({ name, listing, cache, fetching }: RepoAtCommit, files: readonly RepoFile[]): Promise<FetchPlan> {
  const sized: SizedFile[] = [];
  for (const file of files) sized.push(await askFile(name, listing.commit, file, fetching));
  const missing = new Map<string, number>();
  for (const file of sized) if (!(await isHere(cache, listing.commit, file))) missing.set(file.etag, file.size);
  return { files: sized, bytes: sum(sized.map(({ size }) => size)), missingBytes: sum([...missing.values()]) };
}

/** Where the disk knows no links, Python keeps the files themselves in the snapshot. */
async function isHere(cache: RepoCache, commit: string, file: SizedFile): Promise<boolean> {
  return (await cache.has(commit, file)) || (await cache.hasBlob(file));
}

/**
 * Fetches what of the plan is not here, and links it into the snapshot.
 * @throws HyperfitError ERR_FETCH for a disk that is too small or refuses, and as `downloadBlob`
 */
export async function fetchFiles(repo: RepoAtCommit, plan: FetchPlan): Promise<void> {
  try {
    await repo.cache.prepare();
    await requireRoom(repo, plan);
    await downloadAll(repo, plan);
  } catch (error) {
    throw asDiskRefusal(error, repo);
  }
}

async function downloadAll({ name, listing, cache, fetching }: RepoAtCommit, { files, missingBytes }: FetchPlan): Promise<void> {
  const { tell, signal } = fetching;
  const progress = { received: 0 };
  const failed = new AbortController();
  const own: Fetching = { ...fetching, signal: signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]) };
  if (missingBytes > 0) tell({ type: 'start', name: name.id, files: files.length, bytes: missingBytes, folder: cache.folder });
  const queue = [...files];
  const work = async (): Promise<void> => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      if (await cache.has(listing.commit, file)) continue;
      if (!(await cache.hasBlob(file))) {
        const onBytes = (count: number): void => {
          progress.received += count;
          tell({ type: 'progress', name: name.id, received: progress.received, bytes: missingBytes });
        };
        await downloadBlob({ name, commit: listing.commit, file, cache, fetching: own, onBytes });
      }
      await cache.link(listing.commit, file.path, file.etag);
    }
  };
  // The first failure is the reason; the others end because of it.
  let reason: { error: unknown } | undefined;
  const workers = Array.from({ length: CONNECTIONS }, () =>
    work().catch((error: unknown) => {
      reason ??= { error };
      failed.abort(error);
    }),
  );
  await Promise.all(workers);
  if (reason !== undefined) throw (reason as { error: unknown }).error;
}

/** One small file, at once, as text: what else is to be fetched stands in it. */
export async function fetchText(repo: RepoAtCommit, file: RepoFile): Promise<string> {
  const [name, commit] = [repo.name, repo.listing.commit];
  if (!(await repo.cache.has(commit, file))) {
    const quiet = { ...repo, fetching: { ...repo.fetching, tell: () => undefined } };
    await fetchFiles(quiet, await planFetch(repo, [file]));
  }
  const path = join(repo.cache.snapshot(commit), file.path);
  return readText(path).catch((cause: unknown) => {
    throw new HyperfitError(
      'ERR_FETCH',
      `expected to read ${file.path} of ${writeHubName(name)} at ${path}, got: ${(cause as Error).message}; check its permissions`,
      { cause },
    );
  });
}

async function requireRoom({ name, cache }: RepoAtCommit, { missingBytes }: FetchPlan): Promise<void> {
  if (missingBytes === 0) return;
  const free = freeDiskSpace(cache.folder);
  // Some file systems tell nothing, and call it 0.
  if (free === undefined || free === 0 || free >= missingBytes + SPARE) return;
  throw new HyperfitError(
    'ERR_FETCH',
    `expected ${formatSize(missingBytes + SPARE)} free for ${writeHubName(name)} in ${cache.cache}, got ${formatSize(free)}; free some space (hyperfit cache ls says what lies there) or set HF_HOME to a folder on another disk`,
  );
}

function asDiskRefusal(error: unknown, { name, cache }: RepoAtCommit): unknown {
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  if (error instanceof HyperfitError || code === undefined || syscall === undefined) return error;
  const remedy =
    code === 'ENOSPC' || code === 'EDQUOT'
      ? 'free some space and try again: what has arrived is kept'
      : 'set HF_HOME to a folder that you may write to';
  return new HyperfitError(
    'ERR_FETCH',
    `expected to write ${writeHubName(name)} into the cache ${cache.cache}, got: ${message}; ${remedy}`,
    { cause: error },
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
