import { HyperfitError } from '../errors.ts';
import type { RepoFile, RepoListing } from './hub-api.ts';
import { writeHubName, type HubName } from './hub-name.ts';
import type { Selection } from './model-selection.ts';

/** Best first: the same rows often lie there in several forms. */
const FORMS: readonly RegExp[] = [
  /\.parquet$/i,
  /\.(jsonl|ndjson)(\.gz)?$/i,
  /\.json(\.gz)?$/i,
  /\.csv(\.gz)?$/i,
  /\.tsv(\.gz)?$/i,
  /\.(txt|text|md|markdown)(\.gz)?$/i,
  /\.(epub|docx)$/i,
];
/** About the data, or of it in other programs' words. */
const ASIDE =
  /(^|\/)(\.|readme|license|licence|notice|dataset_infos?\.json|dataset_dict\.json|state\.json|croissant|requirements\.txt|citation)/i;

/** As `datasets` of Hugging Face finds them in the names of files and folders. */
const SPLITS: Readonly<Record<string, readonly string[]>> = {
  train: ['train', 'training'],
  validation: ['validation', 'valid', 'dev', 'val'],
  test: ['test', 'testing', 'eval', 'evaluation'],
};

/**
 * The files of a data set: those of its `train` split, or of the split, folder or file that the name selects, in the best form.
 * @throws HyperfitError ERR_DATA, with what there is to choose from
 */
export function selectData(listing: RepoListing, name: HubName): Selection {
  const files = listing.files.filter(({ path }) => !ASIDE.test(path) && FORMS.some((form) => form.test(path)));
  const { selector } = name;
  const exact = selector === undefined ? undefined : listing.files.find(({ path }) => path === selector);
  if (exact !== undefined) return take([exact]);
  if (files.length === 0) {
    const got = listing.files.map(({ path }) => path).filter((path) => !path.startsWith('.'));
    throw refuse(
      name,
      '.parquet, .jsonl, .json, .csv, .tsv or .txt files',
      got.length === 0 ? 'nothing' : got.slice(0, 5).join(', '),
      `its parquet copy may be there: hf:datasets/${name.id}@refs/convert/parquet`,
    );
  }
  const { within, split } = readSelector(files, name);
  const ofSplit = within.filter(({ path }) => splitOf(path) === split);
  const chosen = ofSplit.length > 0 ? ofSplit : withoutSplits(within, split, name);
  return take(bestForm(oneFolder(chosen, name, split)));
}

/** A split, a folder, or a folder and a split. */
function readSelector(files: readonly RepoFile[], name: HubName): { within: readonly RepoFile[]; split: string } {
  const selector = name.selector?.replace(/\/$/, '');
  if (selector === undefined) return { within: files, split: 'train' };
  const beneath = (folder: string): RepoFile[] => files.filter(({ path }) => path.startsWith(`${folder}/`));
  const [, folder, last] = /^(?:(.*)\/)?([^/]+)$/.exec(selector)!;
  const canonical = canonicalSplit(last!);
  const inFolder = folder === undefined ? files : beneath(folder);
  if (canonical !== undefined && inFolder.some(({ path }) => splitOf(path) === canonical)) return { within: inFolder, split: canonical };
  const whole = beneath(selector);
  if (whole.length > 0) return { within: whole, split: 'train' };
  throw refuse(name, 'a split, a folder or a file that it has after the colon', selector, `it has ${choices(files).join(', ')}`);
}

/** Data without a split called train are taken whole where no other split is named either. */
function withoutSplits(files: readonly RepoFile[], split: string, name: HubName): readonly RepoFile[] {
  const named = new Set(files.map(({ path }) => splitOf(path)).filter((found) => found !== undefined));
  if (named.size === 0) return files;
  throw refuse(name, `a split called ${split}`, [...named].join(', '), `give one, as hf:datasets/${name.id}:${[...named][0]!}`);
}

/** Folders side by side, each with such files, are different data: languages, sizes, tasks. */
function oneFolder(files: readonly RepoFile[], name: HubName, split: string): readonly RepoFile[] {
  const folders = new Set(files.map(({ path }) => configOf(path)));
  if (folders.size === 1) return files;
  // What lies at the top is the data set's own.
  const top = files.filter(({ path }) => configOf(path) === '');
  if (top.length > 0) return top;
  const names = [...folders].sort();
  throw refuse(
    name,
    'one of its parts',
    'none',
    `give one, as hf:datasets/${name.id}:${names[0]!}${split === 'train' ? '' : `/${split}`}. It has ${names.slice(0, 40).join(', ')}`,
  );
}

/** The folder of a file, without what only says split or `data`. */
function configOf(path: string): string {
  return path
    .split('/')
    .slice(0, -1)
    .filter((part) => part !== 'data' && canonicalSplit(part) === undefined)
    .join('/');
}

function bestForm(files: readonly RepoFile[]): readonly RepoFile[] {
  const form = FORMS.find((candidate) => files.some(({ path }) => candidate.test(path)))!;
  return files.filter(({ path }) => form.test(path));
}

function take(files: readonly RepoFile[]): Selection {
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : 1));
  return { files: sorted, entries: sorted.map(({ path }) => path) };
}

function canonicalSplit(word: string): string | undefined {
  return Object.keys(SPLITS).find((split) => SPLITS[split]!.includes(word.toLowerCase()));
}

/** `train` of data/train-00000-of-00004.parquet; the word nearest to the end counts. */
function splitOf(path: string): string | undefined {
  const words = path.split(/[-_./ \d]+/).reverse();
  return words.map(canonicalSplit).find((split) => split !== undefined);
}

function choices(files: readonly RepoFile[]): string[] {
  const splits = new Set(files.map(({ path }) => splitOf(path)).filter((split) => split !== undefined));
  const folders = new Set(files.map(({ path }) => configOf(path)).filter((folder) => folder !== ''));
  return [...splits, ...folders, ...(splits.size + folders.size === 0 ? files.slice(0, 10).map(({ path }) => path) : [])].slice(0, 40);
}

function refuse(name: HubName, expected: string, got: string, remedy: string): HyperfitError {
  return new HyperfitError('ERR_DATA', `expected ${expected} in ${writeHubName(name)}, got ${got}; ${remedy}`);
}
