import { randomBytes } from 'node:crypto';
import { basename, dirname, join, resolve } from 'node:path';
import { HyperfitError } from '../errors.ts';
import { lstat, readdir, readlink, rename, rm } from '../file-system.ts';
import { listCache, readRefs, type CachedRepo } from './cache-list.ts';
import { isCommit, writeHubName, type HubName } from './hub-name.ts';
import { RepoCache } from './repo-cache.ts';

/** What is to be removed. */
export interface Removal {
  name: HubName;
  /** Undefined for the whole repository. */
  commit: string | undefined;
  /** That this frees, partial downloads included. */
  bytes: number;
}

/**
 * What removing `name` from the cache would take away: with a revision that snapshot, without one (`isWhole`) the repository.
 * @throws HyperfitError ERR_CONFIG for what is not in the cache
 */
export async function planRemoval(cache: string, name: HubName, isWhole: boolean): Promise<Removal> {
  const repo = (await listCache(cache)).find(({ kind, id }) => kind === name.kind && id === name.id);
  if (repo === undefined)
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected a model or data set of the cache ${cache}, got ${writeHubName({ ...name, revision: 'main', selector: undefined })}, which is not there; \`hyperfit cache ls\` lists what is`,
    );
  if (isWhole) return { name, commit: undefined, bytes: repo.bytes + repo.partialBytes };
  const revision = repo.revisions.find(
    ({ commit, refs }) =>
      commit === name.revision || refs.includes(name.revision) || (name.revision.length >= 7 && commit.startsWith(name.revision)),
  );
  if (revision === undefined)
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected a revision of ${name.id} that the cache has, got ${name.revision}; it has ${describeRevisions(repo)}`,
    );
  const own = await blobsOfOnly(repo.path, revision.commit);
  const sizes = await Promise.all(
    own.map((blob) =>
      lstat(blob).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return { name, commit: revision.commit, bytes: sizes.reduce((total, size) => total + size, 0) };
}

function describeRevisions({ revisions }: CachedRepo): string {
  return revisions.map(({ commit, refs }) => [commit.slice(0, 8), ...refs].join(' ')).join(', ') || 'none';
}

/**
 * Removes it. A repository disappears from its name at once, before its bytes go; nothing outside the cache is touched, whatever links lead
 * there.
 * @throws HyperfitError ERR_CONFIG for a folder of the cache that is a link to elsewhere
 */
export async function removeFromCache(cache: string, { name, commit }: Removal): Promise<void> {
  const { folder, locks } = new RepoCache(resolve(cache), name);
  const info = await lstat(folder);
  if (info.isSymbolicLink())
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected a folder at ${folder}, got a link to ${await readlink(folder)}, which is outside the cache; remove it yourself`,
    );
  if (commit !== undefined) return removeRevision(folder, commit);
  await removeFolder(folder);
  await rm(locks, { recursive: true, force: true });
}

async function removeRevision(folder: string, commit: string): Promise<void> {
  const blobs = await blobsOfOnly(folder, commit);
  for (const [ref, target] of await readRefs(folder)) if (target === commit) await rm(join(folder, 'refs', ref), { force: true });
  await removeFolder(join(folder, 'snapshots', commit));
  for (const blob of blobs) await rm(blob, { force: true });
  for (const record of [join('.hyperfit', `${commit}.json`), join('trees', `${commit}.json`), join('.no_exist', commit)])
    await rm(join(folder, record), { recursive: true, force: true });
}

/** Renamed first, so that no half of it is ever found under its name. */
async function removeFolder(folder: string): Promise<void> {
  const aside = join(dirname(folder), `.${basename(folder)}.${randomBytes(4).toString('hex')}.removed`);
  await rename(folder, aside);
  await rm(aside, { recursive: true, force: true });
}

/** Blobs of this repository that one snapshot links to and no other. */
async function blobsOfOnly(folder: string, commit: string): Promise<string[]> {
  const own = await linkedBlobs(folder, commit);
  for (const other of (await readdir(join(folder, 'snapshots'))).filter(isCommit)) {
    if (other !== commit) for (const blob of await linkedBlobs(folder, other)) own.delete(blob);
  }
  return [...own];
}

async function linkedBlobs(folder: string, commit: string): Promise<Set<string>> {
  const snapshot = join(folder, 'snapshots', commit);
  const blobs = new Set<string>();
  for (const name of await readdir(snapshot, { recursive: true })) {
    const place = join(snapshot, name);
    const target = await readlink(place).catch(() => undefined);
    const blob = target === undefined ? undefined : resolve(dirname(place), target);
    // A link that leads anywhere else is not followed.
    if (blob !== undefined && dirname(blob) === resolve(folder, 'blobs')) blobs.add(blob);
  }
  return blobs;
}
