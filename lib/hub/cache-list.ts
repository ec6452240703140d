import { join } from 'node:path';
import { lstat, readdir, realpath, stat } from '../file-system.ts';
import { readText } from '../regular-file.ts';
import type { HubName } from './hub-name.ts';
import { isCommit, isRepoId } from './hub-name.ts';

/** A repository in the cache. */
export interface CachedRepo extends Pick<HubName, 'kind' | 'id'> {
  path: string;
  /** On disk, of all its revisions; what they share counts once. */
  bytes: number;
  /** Of downloads that did not end. */
  partialBytes: number;
  revisions: CachedRevision[];
  /** When a file of it was written last, ISO 8601. */
  modifiedAt: string;
}

export interface CachedRevision {
  commit: string;
  /** Branches and tags that stood for it when they were fetched. */
  refs: string[];
  files: number;
  bytes: number;
}

const FOLDER = /^(model|dataset)s--(.+)$/;

/** The models and data sets in the cache, in the order of their names; folders of others, such as of spaces, are left alone. */
export async function listCache(cache: string): Promise<CachedRepo[]> {
  const repos: CachedRepo[] = [];
  for (const folder of (await readdir(cache).catch(() => [] as string[])).sort()) {
    const [, kind, rest] = FOLDER.exec(folder) ?? [];
    const id = rest?.replace('--', '/');
    if (
      id === undefined ||
      !isRepoId(id) ||
      !(await stat(join(cache, folder)).then(
        (info) => info.isDirectory(),
        () => false,
      ))
    )
      continue;
    repos.push(await readRepo(join(cache, folder), { kind: kind as HubName['kind'], id }));
  }
  return repos;
}

async function readRepo(path: string, name: Pick<HubName, 'kind' | 'id'>): Promise<CachedRepo> {
  const refs = await readRefs(path);
  const commits = (await readdir(join(path, 'snapshots')).catch(() => [] as string[])).filter(isCommit).sort();
  const blobs = new Map<string, number>();
  const revisions: CachedRevision[] = [];
  for (const commit of commits) revisions.push(await readRevision(path, commit, refs, blobs));
  const partial = await sizesIn(join(path, 'blobs'), (file) => file.endsWith('.incomplete'));
  // Blobs that no snapshot links to any more take room too.
  for (const [file, { bytes }] of await sizesIn(join(path, 'blobs'), (name) => !name.endsWith('.incomplete'))) blobs.set(file, bytes);
  const times = [...(await sizesIn(join(path, 'blobs'), () => true)).values()].map(({ time }) => time);
  return {
    ...name,
    path,
    bytes: sum(blobs.values()),
    partialBytes: sum([...partial.values()].map(({ bytes }) => bytes)),
    revisions,
    modifiedAt: new Date(Math.max((await stat(path)).mtimeMs, ...times)).toISOString(),
  };
}

async function readRevision(
  path: string,
  commit: string,
  refs: ReadonlyMap<string, string>,
  blobs: Map<string, number>,
): Promise<CachedRevision> {
  const folder = join(path, 'snapshots', commit);
  const files = new Map<string, number>();
  for (const name of await readdir(folder, { recursive: true })) {
    const place = join(folder, name);
    const info = await stat(place).catch(() => undefined);
    if (info?.isFile() !== true) continue;
    files.set(place, info.size);
    blobs.set(await realpath(place), info.size);
  }
  return {
    commit,
    refs: [...refs].filter(([, target]) => target === commit).map(([ref]) => ref),
    files: files.size,
    bytes: sum(files.values()),
  };
}

/** Branches and tags, which may have slashes. */
export async function readRefs(path: string): Promise<Map<string, string>> {
  const folder = join(path, 'refs');
  const names = (await readdir(folder, { recursive: true }).catch(() => [] as string[])).sort();
  const read = names.map(async (name) => [name, (await readText(join(folder, name)).catch(() => '')).trim()] as const);
  return new Map((await Promise.all(read)).filter(([, commit]) => isCommit(commit)));
}

/** Of the files in a folder, by their real paths. */
async function sizesIn(folder: string, isWanted: (name: string) => boolean): Promise<Map<string, { bytes: number; time: number }>> {
  const found = new Map<string, { bytes: number; time: number }>();
  for (const name of (await readdir(folder).catch(() => [] as string[])).filter(isWanted)) {
    const path = join(folder, name);
    const info = await stat(path).catch(() => lstat(path).catch(() => undefined));
    if (info?.isFile() === true) found.set(await realpath(path), { bytes: info.size, time: info.mtimeMs });
  }
  return found;
}

function sum(values: Iterable<number>): number {
  return [...values].reduce((total, value) => total + value, 0);
}
