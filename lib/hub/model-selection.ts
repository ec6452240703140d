import { posix } from 'node:path';
import { HyperfitError } from '../errors.ts';
import { formatSize } from './bytes.ts';
import { ggufModels, selectGguf } from './gguf-selection.ts';
import type { RepoFile, RepoListing } from './hub-api.ts';
import { writeHubName, type HubName } from './hub-name.ts';

/** What of a repository is needed, and what of it is the model. */
export interface Selection {
  files: RepoFile[];
  /** Below the snapshot: `''` for the folder itself. Several of data. */
  entries: string[];
}

/** Reads a small file of the repository, fetching it if need be. */
export type ReadRepoFile = (file: RepoFile) => Promise<string>;

const WEIGHTS = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';
const ADAPTER = ['adapter_config.json', 'adapter_model.safetensors'];
/** Beside the weights: what hyperfit or transformers reads, and the terms. */
const BESIDE =
  /^((config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab|chat_template|preprocessor_config|processor_config)\.json|merges\.txt|(tokenizer|spiece)\.model|chat_template\.jinja|additional_chat_templates\/[^/]+\.jinja|(license|licence|notice|use_policy|readme)(\.\w+)?)$/i;
const PICKLE = /\.(bin|pt|pth|ckpt|pkl|msgpack|h5)$/;
const MOST_INDEX_BYTES = 64e6;

/**
 * The files of a model: safetensors with configuration and tokenizer, a GGUF file, or an adapter of PEFT. Never a pickle, nor the same
 * weights in another form.
 * @throws HyperfitError ERR_MODEL_FILES, with what there is to choose from, where the repository has none or several
 */
export async function selectModel(listing: RepoListing, name: HubName, read: ReadRepoFile): Promise<Selection> {
  const files = new Map(listing.files.map((file) => [file.path, file]));
  if (name.selector !== undefined) return selectGguf(listing, name, name.selector);
  const weights = files.has('config.json') ? await selectWeights(files, name, read) : undefined;
  if (weights !== undefined) return { files: [...weights, ...besides(listing)], entries: [''] };
  if (ADAPTER.every((path) => files.has(path)))
    return { files: [...ADAPTER.map((path) => files.get(path)!), ...besides(listing)], entries: [''] };
  if (ggufModels(listing).length > 0) return selectGguf(listing, name, undefined);
  throw refuseRepository(listing, name);
}

function besides({ files }: RepoListing): RepoFile[] {
  return files.filter(({ path }) => BESIDE.test(path));
}

/** One file, or the shards of the index; undefined where there is neither. */
async function selectWeights(files: ReadonlyMap<string, RepoFile>, name: HubName, read: ReadRepoFile): Promise<RepoFile[] | undefined> {
  const whole = files.get(WEIGHTS);
  if (whole !== undefined) return [whole];
  const index = files.get(INDEX);
  if (index === undefined) return undefined;
  if ((index.size ?? 0) > MOST_INDEX_BYTES)
    throw refuse(
      name,
      `an index of at most ${formatSize(MOST_INDEX_BYTES)}`,
      `${formatSize(index.size!)}`,
      'that is no index; look at the repository',
    );
  const shards = shardsOf(await read(index), name);
  const missing = shards.filter((path) => !files.has(path));
  if (missing.length > 0)
    throw refuse(
      name,
      `every shard that ${INDEX} names`,
      `none called ${missing.slice(0, 3).join(', ')}`,
      'try another revision, as org/name@commit',
    );
  return [index, ...shards.map((path) => files.get(path)!)];
}

function shardsOf(text: string, name: HubName): string[] {
  let map: unknown;
  try {
    map = (JSON.parse(text) as { weight_map?: unknown } | null)?.weight_map;
  } catch {
    map = undefined;
  }
  const shards = typeof map === 'object' && map !== null ? Object.values(map as Record<string, unknown>) : [];
  if (
    shards.length > 0 &&
    shards.every((path) => typeof path === 'string' && posix.basename(path) === path && path.endsWith('.safetensors'))
  )
    return [...new Set(shards as string[])].sort();
  throw refuse(name, `names of .safetensors files beside it in ${INDEX}`, 'something else', 'try another revision, as org/name@commit');
}

function refuseRepository({ files }: RepoListing, name: HubName): HyperfitError {
  const paths = files.map(({ path }) => path);
  const pickle = paths.find((path) => PICKLE.test(path) && !path.includes('/'));
  const others = paths.filter((path) => path.endsWith('.safetensors'));
  if (others.length > 0)
    return refuse(
      name,
      `${WEIGHTS} (or ${INDEX}) and config.json`,
      others.slice(0, 3).join(', '),
      'look for a repository of the same model in the form of transformers',
    );
  if (pickle !== undefined) {
    return refuse(
      name,
      'safetensors or GGUF weights',
      `${pickle}, a pickle, which can run code and is never read`,
      `look for one with safetensors, or convert it with transformers: AutoModelForCausalLM.from_pretrained("${name.id}").save_pretrained("folder")`,
    );
  }
  if (paths.some((path) => /\.(parquet|jsonl)$/.test(path)))
    return refuse(name, 'a model', 'files of data', `give it as data: --data hf:datasets/${name.id}`);
  return refuse(
    name,
    `config.json with ${WEIGHTS}, or a .gguf file`,
    paths.length === 0 ? 'nothing' : paths.slice(0, 5).join(', '),
    'look at the repository, or take another',
  );
}

function refuse(name: HubName, expected: string, got: string, remedy: string): HyperfitError {
  return new HyperfitError('ERR_MODEL_FILES', `expected ${expected} in ${writeHubName(name)}, got ${got}; ${remedy}`);
}
