import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { HyperfitError } from '../errors.ts';

/** Models and data sets live in repositories of their own. */
export type RepoKind = 'model' | 'dataset';

/** What a name of the hub says: `hf:org/name@revision:selector`. */
export interface HubName {
  kind: RepoKind;
  /** `org/name`, or `name` for the few of the oldest repositories. */
  id: string;
  /** A branch, a tag or a commit; `main` where none was given. */
  revision: string;
  /** Of a model a quantisation or a .gguf file, of data a split, a folder or a file. */
  selector: string | undefined;
}

const SEGMENT = /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?$/;
const COMMIT = /^[0-9a-f]{40}$/;
/** What a person pastes in place of a name. */
const ADDRESS = /^(?:https?:\/\/)?(?:www\.)?(?:huggingface\.co|hf\.co)\//;
const FILE =
  /\.(txt|text|md|markdown|jsonl|ndjson|json|csv|tsv|parquet|epub|docx|pdf|html?|gz|zip|gguf|safetensors|bin|pt|pth|ckpt|png|idx|npy)$/i;

/** Whether a repository may be called so. */
export function isRepoId(id: string): boolean {
  const segments = id.split('/');
  return (
    segments.length <= 2 &&
    segments.every((segment) => SEGMENT.test(segment) && !segment.includes('--') && !segment.includes('..')) &&
    !id.endsWith('.git')
  );
}

/** A branch, a tag, `refs/pr/1` or a commit, in a form that can be a part of an address and of a path. */
export function isRevision(revision: string): boolean {
  return (
    revision.length <= 200 &&
    revision.split('/').every((part) => /^[\w][\w.+-]*$/.test(part) && !part.includes('..') && !part.endsWith('.lock'))
  );
}

export function isCommit(revision: string): boolean {
  return COMMIT.test(revision);
}

/**
 * A file of a repository, below it: no way leads out. Names come from the server and become paths.
 */
export function isSafePath(path: string): boolean {
  if (path.length === 0 || path.length > 1000 || /[\0-\x1f\x7f\\]/.test(path)) return false;
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..' && Buffer.byteLength(part) <= 255);
}

/**
 * What `text` names on the hub: `hf:org/name`, an address of huggingface.co, or `org/name` where nothing of that path is on disk. `kind` is
 * what a name without `datasets/` means. Undefined for what is a path.
 * @throws HyperfitError ERR_CONFIG for a name that begins with hf: and cannot be one
 */
export function parseHubName(text: string, kind: RepoKind): HubName | undefined {
  const isExplicit = text.startsWith('hf:') || ADDRESS.test(text);
  if (!isExplicit && !couldBeName(text)) return undefined;
  const address = ADDRESS.test(text);
  const name = splitName(text.replace(/^hf:(\/\/)?/, '').replace(ADDRESS, ''), address, kind);
  const isKnown =
    name !== undefined && isRepoId(name.id) && isRevision(name.revision) && (name.selector === undefined || isSafePath(name.selector));
  if (isKnown && (isExplicit || name.id.includes('/'))) return name;
  if (!isExplicit) return undefined;
  throw new HyperfitError(
    'ERR_CONFIG',
    `expected a name as hf:org/name, hf:org/name@revision, hf:org/name:Q4_K_M or hf:datasets/org/name:train for \`${kind === 'model' ? 'model' : 'data'}\`, got ${JSON.stringify(text)}; correct it`,
  );
}

function splitName(text: string, isAddress: boolean, kind: RepoKind): HubName | undefined {
  const isDataset = text.startsWith('datasets/');
  const rest = text.replace(/^(datasets|models)\//, '').replace(/\/$/, '');
  const parts = /^([^@:]+)(?:@([^:]+))?(?::(.+))?$/.exec(rest);
  if (parts === null) return undefined;
  const [, id = '', revision = 'main', selector] = parts;
  const page = isAddress ? /^([^/]+\/[^/]+)\/(?:tree|blob|resolve)\/([^/?]+)(?:\/([^?]+))?/.exec(id) : null;
  const where = page === null ? { id, revision, selector } : { id: page[1]!, revision: page[2]!, selector: page[3] ?? selector };
  return { kind: isDataset ? 'dataset' : kind, ...where };
}

/** `org/name`, unless it looks like a file, or a folder of that first name is here: then it is a path that is missing. */
function couldBeName(text: string): boolean {
  const [id = ''] = text.split(/[@:]/);
  const isOfTwo = id.replace(/^datasets\//, '').split('/').length === 2;
  return isOfTwo && !FILE.test(id) && !/^[.~/]/.test(id) && !existsSync(join(process.cwd(), id.split('/')[0]!));
}

/** As one writes it to fetch it. */
export function writeHubName({ kind, id, revision, selector }: HubName): string {
  const isPlain = kind === 'model' && id.includes('/') && selector === undefined;
  return `${isPlain ? '' : 'hf:'}${kind === 'dataset' ? 'datasets/' : ''}${id}${revision === 'main' ? '' : `@${revision}`}${selector === undefined ? '' : `:${selector}`}`;
}

/**
 * What to add to the remedy for the missing path `text`: which name of the hub it may have been meant for. Begins with a comma, or is
 * empty.
 */
export function nameHint(text: string, kind: RepoKind = 'model'): string {
  if (FILE.test(text) || /^[.~/]/.test(text) || !isRepoId(text)) return '';
  const name = `hf:${kind === 'dataset' ? 'datasets/' : ''}${text}`;
  return `, or write ${name} for the repository of that name on the Hugging Face hub (\`hyperfit fetch ${name}\` fetches it)`;
}
