import { setTimeout as sleep } from 'node:timers/promises';
import { HyperfitError } from '../errors.ts';
import type { Fetching } from './fetch-scope.ts';
import { ask, ConnectionError, discard, readText, type Asking, type Reply } from './http.ts';
import { isCommit, isSafePath, type HubName } from './hub-name.ts';
import { distrusted, isPassing, refusalOf, retryAfter, unreachable } from './hub-refusal.ts';

/** A file of a repository at one commit. */
export interface RepoFile {
  /** Below the repository, with slashes. */
  path: string;
  /** Bytes; undefined where the server does not say. */
  size: number | undefined;
  /** SHA-256 of a large file, git's SHA-1 of a small one: its name among the blobs. Undefined where the server does not say. */
  etag: string | undefined;
}

/** What a repository holds at one commit. */
export interface RepoListing {
  commit: string;
  files: RepoFile[];
}

/** Of a repository with a hundred thousand files. */
const MOST_LISTING_BYTES = 64e6;
const MOST_FILES = 200_000;
const TRIES = 4;
/** Longer than that nobody waits for without being asked. */
const MOST_WAIT_SECONDS = 20;

/** `https://huggingface.co/datasets/org/name`: what addresses of a repository begin with. */
export function repoAddress({ kind, id }: HubName, endpoint: string): string {
  return `${endpoint}/${kind === 'dataset' ? 'datasets/' : ''}${id}`;
}

export function fileAddress(name: HubName, commit: string, path: string, endpoint: string): string {
  return `${repoAddress(name, endpoint)}/resolve/${commit}/${path.split('/').map(encodeURIComponent).join('/')}`;
}

/**
 * The files of a repository at the revision of `name`. Names of files that lead out of it are refused, with the whole answer.
 * @throws HyperfitError ERR_FETCH when the hub cannot be asked or answers otherwise than a hub; ERR_MODEL_FILES or ERR_DATA for a
 * repository or a revision that is not there
 */
export async function askListing(name: HubName, fetching: Fetching): Promise<RepoListing> {
  const { endpoint } = fetching.settings;
  const address = `${endpoint}/api/${name.kind}s/${name.id}/revision/${encodeURIComponent(name.revision)}?blobs=true`;
  return withRetries(name, fetching, async () => {
    const reply = await ask(address, askingOf(fetching));
    if (reply.status !== 200) {
      discard(reply.body);
      throw new RefusedError(reply);
    }
    return readListing(await readText(reply, MOST_LISTING_BYTES), name, fetching);
  });
}

export function askingOf({ settings, signal }: Fetching): Asking {
  const { token, timeoutMs, network } = settings;
  return { token, timeoutMs, network, signal };
}

/** An answer that is no success; `file` is what was asked for. */
export class RefusedError extends Error {
  constructor(
    readonly reply: Reply,
    readonly file?: string,
  ) {
    super(`status ${reply.status}`);
  }
}

/**
 * Asks again, after a while that grows, what failed for a reason that may pass.
 * @throws HyperfitError with the reason of the last try
 */
export async function withRetries<T>(name: HubName, fetching: Fetching, attempt: () => Promise<T>): Promise<T> {
  const { settings, signal, tell } = fetching;
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      const wait = waitAfter(error, settings.retryMs * 2 ** (tries - 1));
      if (wait === undefined || tries === TRIES) throw asRefusal(error, name, fetching);
      tell({ type: 'note', name: name.id, message: `${(error as Error).message}; trying again` });
      await sleep(wait, undefined, { signal }).catch(() => signal?.throwIfAborted());
    }
  }
}

function waitAfter(error: unknown, usualMs: number): number | undefined {
  if (error instanceof ConnectionError) return usualMs;
  if (!(error instanceof RefusedError) || !isPassing(error.reply)) return undefined;
  const asked = retryAfter(error.reply);
  if (asked === undefined) return usualMs;
  return asked > MOST_WAIT_SECONDS ? undefined : Math.max(usualMs, 1000 * asked);
}

function asRefusal(error: unknown, name: HubName, { settings }: Fetching): unknown {
  if (error instanceof HyperfitError) return error;
  if (error instanceof RefusedError) return refusalOf(error.reply, name, settings, error.file);
  if (error instanceof ConnectionError) return unreachable(name, settings, error);
  // Of the disk.
  if ((error as NodeJS.ErrnoException).syscall !== undefined) return error;
  return distrusted(name, settings, (error as Error).message, error);
}

function readListing(text: string, name: HubName, { settings }: Fetching): RepoListing {
  const refuse = (problem: string): never => {
    throw distrusted(name, settings, problem);
  };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refuse('no JSON');
  }
  const { sha, siblings } = (value ?? {}) as { sha?: unknown; siblings?: unknown };
  if (typeof sha !== 'string' || !isCommit(sha)) return refuse('no commit in `sha`');
  if (!Array.isArray(siblings) || siblings.length > MOST_FILES) return refuse('no list of files in `siblings`');
  const files = siblings.map(
    (sibling: unknown) =>
      readFile(sibling) ?? refuse(`a file with an impossible name, size or hash, ${JSON.stringify(sibling).slice(0, 120)}`),
  );
  if (new Set(files.map(({ path }) => path)).size !== files.length) return refuse('a file twice');
  return { commit: sha, files };
}

/** Undefined for what no hub says. */
function readFile(sibling: unknown): RepoFile | undefined {
  const {
    rfilename: path,
    size,
    blobId,
    lfs,
  } = (sibling ?? {}) as { rfilename?: unknown; size?: unknown; blobId?: unknown; lfs?: { sha256?: unknown; size?: unknown } | null };
  if (typeof path !== 'string' || !isSafePath(path)) return undefined;
  const bytes = lfs?.size ?? size;
  const etag = lfs?.sha256 ?? blobId;
  if (bytes !== undefined && bytes !== null && !(Number.isSafeInteger(bytes) && (bytes as number) >= 0)) return undefined;
  if (etag !== undefined && etag !== null && !isEtag(etag)) return undefined;
  return { path, size: (bytes as number | null | undefined) ?? undefined, etag: (etag as string | null | undefined) ?? undefined };
}

/** What may be the name of a blob: hashes, and what mirrors have in their place. */
export function isEtag(etag: unknown): etag is string {
  return (
    typeof etag === 'string' && /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(etag) && !etag.includes('..') && !etag.endsWith('.incomplete')
  );
}

/**
 * A file as the server describes it when it is asked for it: for those that leave sizes and hashes out of their listing.
 * @throws HyperfitError as `askListing`
 */
export async function askFile(
  name: HubName,
  commit: string,
  file: RepoFile,
  fetching: Fetching,
): Promise<RepoFile & { size: number; etag: string }> {
  const { settings } = fetching;
  const known = ({ size, etag }: RepoFile): boolean => size !== undefined && etag !== undefined;
  if (known(file)) return file as RepoFile & { size: number; etag: string };
  return withRetries(name, fetching, async () => {
    const reply = await ask(fileAddress(name, commit, file.path, settings.endpoint), { ...askingOf(fetching), method: 'HEAD' });
    discard(reply.body);
    if (reply.status !== 200) throw new RefusedError(reply, file.path);
    const etag =
      file.etag ??
      String(reply.said['x-linked-etag'] ?? reply.said.etag ?? '')
        .replace(/^W\//, '')
        .replace(/^"(.*)"$/, '$1');
    const size = file.size ?? Number(reply.said['x-linked-size'] ?? reply.headers['content-length'] ?? Number.NaN);
    if (!isEtag(etag) || !Number.isSafeInteger(size) || size < 0) throw distrusted(name, settings, `neither hash nor size of ${file.path}`);
    return { path: file.path, size, etag };
  });
}
