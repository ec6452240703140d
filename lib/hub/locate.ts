import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { errorCodeOf, HyperfitError } from '../errors.ts';
import { selectData } from './data-selection.ts';
import { presentFetching, type Fetching } from './fetch-scope.ts';
import { askListing, type RepoListing } from './hub-api.ts';
import { parseHubName, writeHubName, type HubName, type RepoKind } from './hub-name.ts';
import { missingCode } from './hub-refusal.ts';
import { selectModel, type Selection } from './model-selection.ts';
import { RepoCache } from './repo-cache.ts';
import { fetchFiles, fetchText, planFetch, type FetchPlan, type RepoAtCommit } from './repo-fetch.ts';

export interface LocateOptions {
  onWarning?: ((message: string) => void) | undefined;
}

/** Files of a repository that are on disk. */
export interface Located {
  name: HubName;
  commit: string;
  /** Absolute; the folder of the snapshot, a .gguf file in it, or files of data. */
  paths: string[];
}

/**
 * Where the model of `path` is on disk. What is there already stands for itself; a name of the hub (`org/name`, `org/name@revision`,
 * `hf:org/name:Q4_K_M`) for the cache that Python's huggingface_hub shares. What the cache lacks is fetched, what it has whole is taken
 * without asking anybody.
 * @throws HyperfitError ERR_FETCH, ERR_MODEL_FILES, ERR_CONFIG
 */
export async function locateModel(path: string, options: LocateOptions = {}): Promise<string> {
  const name = nameOf(path, 'model');
  return name === undefined ? path : (await locate(name, options)).paths[0]!;
}

/**
 * The files of a data path: the path itself, or those of a data set of the hub (`org/name`, `hf:datasets/org/name@revision:split`), by way
 * of the same cache.
 * @throws HyperfitError ERR_FETCH, ERR_DATA, ERR_CONFIG
 */
export async function locateData(path: string, options: LocateOptions = {}): Promise<string[]> {
  const name = nameOf(path, 'dataset');
  return name === undefined ? [path] : (await locate(name, options)).paths;
}

function nameOf(path: string, kind: RepoKind): HubName | undefined {
  return existsSync(path) ? undefined : parseHubName(path, kind);
}

/** Takes what the cache has whole; asks the hub for the rest. */
async function locate(name: HubName, options: LocateOptions): Promise<Located> {
  const fetching = presentFetching();
  const onWarning = options.onWarning ?? ((message: string) => fetching.tell({ type: 'note', name: name.id, message }));
  const cache = new RepoCache(fetching.settings.cache, name);
  const commit = await cache.commitOf(name.revision);
  const known = commit === undefined ? undefined : await cache.listing(commit);
  const whole = known && (await takeWhole({ name, listing: known, cache, fetching }));
  if (whole !== undefined) return whole;
  if (!fetching.settings.isOffline) {
    try {
      return await fetchRepo({ ...name, revision: commit ?? name.revision }, fetching, { ref: name.revision });
    } catch (error) {
      const present = commit === undefined ? undefined : await takePresent(name, commit, cache, fetching);
      if (present === undefined || errorCodeOf(error) === undefined) throw error;
      onWarning(
        `the hub was not asked whether the cache has all of ${writeHubName(name)} (${(error as Error).message}); taking what is there`,
      );
      return present;
    }
  }
  const present = commit === undefined ? undefined : await takePresent(name, commit, cache, fetching);
  if (present !== undefined) return present;
  throw new HyperfitError(
    'ERR_FETCH',
    `expected ${writeHubName(name)} in the cache ${cache.cache}, because HF_HUB_OFFLINE is set, got ${commit === undefined ? 'nothing of it' : 'only a part of it'}; unset HF_HUB_OFFLINE and run \`hyperfit fetch ${writeHubName(name)}\` where there is a network`,
  );
}

/** Undefined where a file that the selection wants is not in the snapshot. */
async function takeWhole(repo: RepoAtCommit): Promise<Located | undefined> {
  const { cache, listing } = repo;
  try {
    const selection = await select(repo, async (file) =>
      (await cache.has(listing.commit, file)) ? fetchText(repo, file) : Promise.reject(new AbsentError()),
    );
    for (const file of selection.files) if (!(await cache.has(listing.commit, file))) return undefined;
    return located(repo, selection);
  } catch (error) {
    if (error instanceof AbsentError) return undefined;
    throw error;
  }
}

class AbsentError extends Error {}

/** Where nobody said what the repository holds, what is in the snapshot has to do. */
async function takePresent(name: HubName, commit: string, cache: RepoCache, fetching: Fetching): Promise<Located | undefined> {
  return takeWhole({ name, listing: await cache.present(commit), cache, fetching }).catch(() => undefined);
}

async function select(repo: RepoAtCommit, read: (file: RepoListing['files'][number]) => Promise<string>): Promise<Selection> {
  return repo.name.kind === 'dataset' ? selectData(repo.listing, repo.name) : selectModel(repo.listing, repo.name, read);
}

function located({ name, listing, cache }: RepoAtCommit, { entries }: Selection): Located {
  return { name, commit: listing.commit, paths: entries.map((entry) => join(cache.snapshot(listing.commit), entry)) };
}

/** What of a repository is fetched. */
export interface FetchRepoOptions {
  /** The branch or tag to remember the commit by; default the revision of the name. */
  ref?: string | undefined;
  /** Patterns of files to fetch in place of those that hyperfit needs, as `*.json`. */
  include?: readonly string[] | undefined;
  /** Only say what it would take. */
  dryRun?: boolean | undefined;
}

/** A repository in the cache. */
export interface FetchedRepo extends Located {
  /** With sizes, as the hub lists them. */
  files: FetchPlan['files'];
  /** Of all files. */
  bytes: number;
  /** Of those that were not in the cache. */
  fetchedBytes: number;
}

/**
 * Asks the hub what a repository holds at a revision, and fetches what is needed and not in the cache yet.
 * @throws HyperfitError as `askListing`, `selectModel`, `selectData` and `fetchFiles`
 */
export async function fetchRepo(
  name: HubName,
  fetching: Fetching,
  { ref = name.revision, include, dryRun = false }: FetchRepoOptions = {},
): Promise<FetchedRepo> {
  const cache = new RepoCache(fetching.settings.cache, name);
  const listing = await askListing(name, fetching);
  const repo: RepoAtCommit = { name: { ...name, revision: ref }, listing, cache, fetching };
  const selection = include === undefined ? await select(repo, (file) => fetchText(repo, file)) : matching(repo, include);
  const plan = await planFetch(repo, selection.files);
  if (!dryRun) {
    await fetchFiles(repo, plan);
    await remember(repo, ref);
    if (plan.missingBytes > 0)
      fetching.tell({ type: 'done', name: name.id, path: cache.snapshot(listing.commit), bytes: plan.missingBytes });
  }
  return { ...located(repo, selection), files: plan.files, bytes: plan.bytes, fetchedBytes: plan.missingBytes };
}

/** What cannot be written beside files that are all here, as on a disk that only reads, is found out anew the next time. */
async function remember({ cache, listing }: RepoAtCommit, ref: string): Promise<void> {
  await cache.keepListing(listing).catch(() => undefined);
  await cache.keepCommit(ref, listing.commit).catch(() => undefined);
}

function matching({ name, listing }: RepoAtCommit, include: readonly string[]): Selection {
  const patterns = include.map(asPattern);
  const files = listing.files.filter(({ path }) => patterns.some((pattern) => pattern.test(path)));
  if (files.length > 0) return { files, entries: [''] };
  throw new HyperfitError(
    missingCode(name.kind),
    `expected files of ${writeHubName(name)} that fit ${include.join(' or ')}, got none; it has ${listing.files
      .slice(0, 20)
      .map(({ path }) => path)
      .join(', ')}`,
  );
}

/** As Python's fnmatch, by which `hf download --include` goes: `*` passes over folders. */
function asPattern(glob: string): RegExp {
  const source = [...glob].map((sign) => (sign === '*' ? '.*' : sign === '?' ? '.' : sign.replace(/[.+^${}()|[\]\\]/g, '\\$&'))).join('');
  return new RegExp(`^${source}$`);
}

/**
 * Fetches a model or a data set by name, whatever the cache has of it; see `FetchRepoOptions`. `kind` is what a name without `datasets/`
 * means.
 * @throws HyperfitError ERR_CONFIG for what is no name, and when HF_HUB_OFFLINE is set; and as `fetchRepo`
 *
 * @example
 * const { paths } = await fetchByName('HuggingFaceTB/SmolLM2-135M-Instruct');
 * const text = await fetchByName('roneneldan/TinyStories', { kind: 'dataset' });
 */
export async function fetchByName(
  text: string,
  options: FetchRepoOptions & { kind?: RepoKind; revision?: string | undefined } = {},
): Promise<FetchedRepo> {
  const { kind = 'model', revision, ...rest } = options;
  const fetching = presentFetching();
  const parsed = parseHubName(/^hf:|:\/\//.test(text) ? text : `hf:${text}`, kind)!;
  const name = revision === undefined ? parsed : requireRevision({ ...parsed, revision });
  if (fetching.settings.isOffline)
    throw new HyperfitError('ERR_CONFIG', `expected a network to fetch ${writeHubName(name)}, got HF_HUB_OFFLINE; unset it`);
  return fetchRepo(name, fetching, rest);
}

function requireRevision(name: HubName): HubName {
  return parseHubName(
    `hf:${name.kind === 'dataset' ? 'datasets/' : ''}${name.id}@${name.revision}${name.selector === undefined ? '' : `:${name.selector}`}`,
    name.kind,
  )!;
}
