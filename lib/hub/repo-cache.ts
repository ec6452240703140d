import { randomBytes } from 'node:crypto';
import { dirname, join, relative } from 'node:path';
import { copyFile, readdir, readlink, rename, rm, stat, symlink, writeFile } from '../file-system.ts';
import { readText } from '../regular-file.ts';
import { makeFolder } from '../folders.ts';
import type { RepoFile, RepoListing } from './hub-api.ts';
import { isCommit, isSafePath, type HubName } from './hub-name.ts';

/** What a listing of ours is kept in, beside the folders that Python's huggingface_hub knows. */
const LISTINGS = '.hyperfit';
/** Where huggingface_hub keeps the same. */
const TREES = 'trees';

/** By the standard that backup programs know: https://bford.info/cachedir/ */
const CACHE_TAG = 'Signature: 8a477f597d28d172789f06886806bc55\n# A cache of the Hugging Face hub; its files can be fetched again.\n';

/** `models--org--name`, as Python names it. */
export function repoFolderName({ kind, id }: Pick<HubName, 'kind' | 'id'>): string {
  return [`${kind}s`, ...id.split('/')].join('--');
}

/**
 * One repository in the cache that huggingface_hub shares: contents in `blobs` by their hashes, `snapshots/<commit>` of links to them, and
 * in `refs` the commit of each branch. Nothing appears under its name before it is whole.
 */
export class RepoCache {
  readonly folder: string;
  readonly locks: string;

  constructor(
    readonly cache: string,
    name: Pick<HubName, 'kind' | 'id'>,
  ) {
    this.folder = join(cache, repoFolderName(name));
    this.locks = join(cache, '.locks', repoFolderName(name));
  }

  blob(etag: string): string {
    return join(this.folder, 'blobs', etag);
  }

  snapshot(commit: string): string {
    return join(this.folder, 'snapshots', commit);
  }

  /** The commit that a revision stood for when it was fetched; undefined where it was not. */
  async commitOf(revision: string): Promise<string | undefined> {
    if (isCommit(revision)) return (await isFolder(this.snapshot(revision))) ? revision : undefined;
    const commit = (await readText(join(this.folder, 'refs', revision)).catch(() => '')).trim();
    return isCommit(commit) && (await isFolder(this.snapshot(commit))) ? commit : undefined;
  }

  async keepCommit(revision: string, commit: string): Promise<void> {
    if (revision !== commit) await this.#write(join('refs', revision), commit);
  }

  /** Every file of the repository at `commit`, as the hub listed it to us or to Python; undefined where it did to neither. */
  async listing(commit: string): Promise<RepoListing | undefined> {
    return (await this.#readListing(commit)) ?? (await this.#readTree(commit));
  }

  async keepListing({ commit, files }: RepoListing): Promise<void> {
    await this.#write(join(LISTINGS, `${commit}.json`), JSON.stringify({ schemaVersion: 1, files }));
  }

  async #readListing(commit: string): Promise<RepoListing | undefined> {
    const { files } = (await readJson(join(this.folder, LISTINGS, `${commit}.json`))) as { files?: unknown };
    return Array.isArray(files) && files.every((file: RepoFile | null) => isSafePath(String(file?.path)))
      ? { commit, files: files as RepoFile[] }
      : undefined;
  }

  async #readTree(commit: string): Promise<RepoListing | undefined> {
    const { files } = (await readJson(join(this.folder, TREES, `${commit}.json`))) as { files?: Record<string, unknown> };
    const paths = Object.keys(files ?? {});
    return files !== undefined && paths.length > 0 && paths.every(isSafePath)
      ? { commit, files: paths.map((path) => ({ path, size: undefined, etag: undefined })) }
      : undefined;
  }

  /** What of the snapshot is on disk; links to blobs that are gone do not count. */
  async present(commit: string): Promise<RepoListing> {
    const folder = this.snapshot(commit);
    const names = (await readdir(folder, { recursive: true }).catch(() => [] as string[])).sort();
    const files = await Promise.all(names.map(async (path) => ({ path, size: await fileSize(join(folder, path)), etag: undefined })));
    return { commit, files: files.filter(({ size }) => size !== undefined) };
  }

  async has(commit: string, { path, size }: RepoFile): Promise<boolean> {
    const found = await fileSize(join(this.snapshot(commit), path));
    return found !== undefined && (size === undefined || found === size);
  }

  async hasBlob({ etag, size }: Required<RepoFile>): Promise<boolean> {
    const found = await fileSize(this.blob(etag!));
    return found !== undefined && (size === undefined || found === size);
  }

  /** Makes `snapshots/<commit>/<path>` a link to a blob that is there; a copy where the disk knows no links. */
  async link(commit: string, path: string, etag: string): Promise<void> {
    const place = join(this.snapshot(commit), path);
    const target = relative(dirname(place), this.blob(etag));
    if ((await readlink(place).catch(() => undefined)) === target) return;
    await makeFolder(dirname(place));
    const temporary = `${place}.${randomBytes(4).toString('hex')}.incomplete`;
    await symlink(target, temporary).catch(() => copyFile(this.blob(etag), temporary));
    await rename(temporary, place);
  }

  async prepare(): Promise<void> {
    await makeFolder(join(this.folder, 'blobs'));
    await writeFile(join(this.cache, 'CACHEDIR.TAG'), CACHE_TAG, { flag: 'wx' }).catch(() => undefined);
  }

  async #write(path: string, text: string): Promise<void> {
    const place = join(this.folder, path);
    await makeFolder(dirname(place));
    const temporary = `${place}.${randomBytes(4).toString('hex')}.tmp`;
    try {
      await writeFile(temporary, text);
      await rename(temporary, place);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }
}

async function readJson(path: string): Promise<object> {
  try {
    return (JSON.parse(await readText(path)) as object | null) ?? {};
  } catch {
    return {};
  }
}

/** Of a regular file, through links; undefined for anything else. */
async function fileSize(path: string): Promise<number | undefined> {
  return stat(path).then(
    (info) => (info.isFile() ? info.size : undefined),
    () => undefined,
  );
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (info) => info.isDirectory(),
    () => false,
  );
}
