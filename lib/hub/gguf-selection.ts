import { posix } from 'node:path';
import { HyperfitError } from '../errors.ts';
import { formatSize } from './bytes.ts';
import type { RepoFile, RepoListing } from './hub-api.ts';
import { writeHubName, type HubName } from './hub-name.ts';
import type { Selection } from './model-selection.ts';

/** A GGUF model of a repository, in one file or in parts. */
export interface GgufModel {
  /** The first part's. */
  path: string;
  parts: RepoFile[];
  /** `Q4_K_M`; the name of the file where it has none that is known. */
  label: string;
}

const PART = /-(\d{5})-of-(\d{5})(?=\.gguf$)/i;
const QUANTISATION = /(?:^|[-_.\/])((?:UD-)?(?:IQ\d\w*|Q\d\w*|TQ\d\w*|BF16|F16|F32|FP16|FP32|MXFP4\w*))(?=(?:-\d{5}-of-\d{5})?\.gguf$)/i;
/** Of pictures, and tables of importance: no models of text. */
const ASIDE = /(^|[-_.\/])(mmproj|imatrix)/i;

/** All GGUF models; of models in parts those that are whole. */
export function ggufModels({ files }: RepoListing): GgufModel[] {
  const groups = new Map<string, RepoFile[]>();
  for (const file of files) {
    if (!/\.gguf$/i.test(file.path) || ASIDE.test(file.path)) continue;
    const key = file.path.replace(PART, '');
    groups.set(key, [...(groups.get(key) ?? []), file]);
  }
  return [...groups.values()].flatMap((group) => {
    const parts = group.sort((a, b) => (a.path < b.path ? -1 : 1));
    const { path } = parts[0]!;
    const count = Number(PART.exec(path)?.[2] ?? 1);
    return parts.length === count ? [{ path, parts, label: QUANTISATION.exec(path)?.[1]?.toUpperCase() ?? posix.basename(path) }] : [];
  });
}

/**
 * The GGUF model that `selector` means: a quantisation, or a file. Without one, the only one there is.
 * @throws HyperfitError ERR_MODEL_FILES that lists what there is
 */
export function selectGguf(listing: RepoListing, name: HubName, selector: string | undefined): Selection {
  const models = ggufModels(listing);
  const fitting = selector === undefined ? models : choose(models, selector);
  const [only] = fitting;
  if (only !== undefined && fitting.length === 1) {
    // Terms travel with weights.
    const terms = listing.files.filter(({ path }) => /^(license|licence|notice|use_policy|readme)(\.\w+)?$/i.test(path));
    return { files: [...only.parts, ...terms], entries: [only.path] };
  }
  const plain = writeHubName({ ...name, selector: undefined });
  if (models.length === 0)
    throw new HyperfitError(
      'ERR_MODEL_FILES',
      `expected a .gguf file in ${plain} for :${selector}, got none; leave :${selector} out for a repository of safetensors`,
    );
  const wanted =
    selector === undefined ? 'one of the quantisations' : fitting.length === 0 ? 'a quantisation or a file that it has' : 'one file';
  const got =
    selector === undefined ? 'none' : fitting.length === 0 ? `:${selector}` : `:${selector}, which ${fitting.length} files are called`;
  const names = fitting.length > 1 && selector !== undefined ? fitting.map(({ path }) => path) : models.map(written);
  throw new HyperfitError(
    'ERR_MODEL_FILES',
    `expected ${wanted} of ${plain}, got ${got}; give one, as hf:${name.id}:${example(models, fitting, selector)}. It has ${names.slice(0, 40).join(', ')}`,
  );
}

/** By its path, by its quantisation, or by its name without the folder. */
function choose(models: readonly GgufModel[], selector: string): GgufModel[] {
  const wanted = selector.toLowerCase();
  const tests: ((model: GgufModel) => boolean)[] = [
    ({ parts }) => parts.some(({ path }) => path === selector),
    ({ parts }) => parts.some(({ path }) => posix.basename(path).toLowerCase() === wanted),
    ({ label }) => label.toLowerCase() === wanted,
    ({ path }) => posix.dirname(path).toLowerCase() === wanted,
  ];
  return tests.map((test) => models.filter(test)).find((found) => found.length > 0) ?? [];
}

function written({ label, parts }: GgufModel): string {
  const bytes = parts.reduce((total, { size }) => total + (size ?? 0), 0);
  return bytes === 0 ? label : `${label} (${formatSize(bytes)})`;
}

function example(models: readonly GgufModel[], fitting: readonly GgufModel[], selector: string | undefined): string {
  if (selector !== undefined && fitting.length > 1) return fitting[0]!.path;
  return (models.find(({ label }) => label === 'Q8_0') ?? models[0]!).label;
}
