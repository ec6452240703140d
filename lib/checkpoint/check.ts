import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { addon } from '../addon.ts';
import type { TensorSource } from '../addon-types.ts';
import { HyperfitError } from '../errors.ts';
import { readdir } from '../file-system.ts';
import { Model } from '../model/model.ts';
import { readSafetensorsSources } from '../model/safetensors.ts';
import { requireSoundWeights, ruinedTensor } from '../model/sound-weights.ts';
import { disposeAll } from '../model/tensor-file.ts';
import { Tensor } from '../tensor/tensor.ts';
import { brokenness, CHECKPOINTS_FOLDER } from './checkpoint-list.ts';
import { OPTIMIZER_NAME } from './checkpoint.ts';
import { MANIFEST_NAME, readManifest } from './manifest.ts';
import { loadState, STATE_NAME } from './train-state.ts';

/** What is known of one checkpoint. */
export interface CheckpointCheck {
  path: string;
  /** Null where it keeps weights alone, as the best ones do, or does not say. */
  step: number | null;
  /** Of all files that its manifest names; null without a manifest. */
  bytes: number | null;
  files: number | null;
  /** What is wrong with it; empty for a sound one. */
  problems: string[];
  /** A run can go on from it: it is sound, and has moments and a state. */
  isResumable: boolean;
}

/** How deep to look: names and sizes; hashes too; or weights and moments as well, which are loaded and looked at. */
export type CheckDepth = 'sizes' | 'hashes' | 'values';

/**
 * Checkpoints in `path`: a run, its folder of checkpoints, or one checkpoint. Newest first, the best ones last.
 * @throws HyperfitError ERR_CHECKPOINT where there are none
 */
export async function findCheckpoints(path: string): Promise<string[]> {
  if (existsSync(join(path, MANIFEST_NAME)) || isName(basename(path))) return [path];
  const inner = join(path, CHECKPOINTS_FOLDER);
  const folder = existsSync(inner) ? inner : path;
  const names = await readdir(folder).catch((cause: unknown) => {
    throw new HyperfitError(
      'ERR_CHECKPOINT',
      `expected a run or a checkpoint at ${path}: ${(cause as Error).message}; give the folder of one`,
      { cause },
    );
  });
  const found = [
    ...names
      .filter((name) => name.startsWith('step-') && isName(name))
      .sort()
      .reverse(),
    ...names.filter((name) => name.startsWith('best-') && isName(name)).sort(),
  ];
  if (found.length === 0)
    throw new HyperfitError(
      'ERR_CHECKPOINT',
      `expected checkpoints in ${folder}, got none; the run has saved nothing yet, or this is no run`,
    );
  return found.map((name) => join(folder, name));
}

/** Also those that a dying process left half written or half replaced. */
const isName = (name: string): boolean => /^(step-\d{6,}|best-by-[a-z]+)(\.partial|\.replaced)?$/.test(name);

/** Looks at one checkpoint; what is wrong with it is in `problems`, never thrown. */
export async function checkCheckpoint(path: string, depth: CheckDepth): Promise<CheckpointCheck> {
  const files = await readManifest(path).then(
    (manifest) => Object.values(manifest.files),
    () => null,
  );
  const problem = await brokenness(path, depth === 'sizes');
  const problems = problem === undefined ? [] : [problem];
  const hasMoments = existsSync(join(path, OPTIMIZER_NAME)) || existsSync(join(path, STATE_NAME));
  const step = hasMoments && problems.length === 0 ? await noting(problems, async () => (await loadState(path)).step) : undefined;
  if (depth === 'values' && problems.length === 0) {
    await noting(problems, () => checkWeights(path, step ?? 0));
    if (hasMoments) await noting(problems, () => checkMoments(join(path, OPTIMIZER_NAME)));
  }
  return {
    path,
    step: step ?? null,
    bytes: files?.reduce((sum, { size }) => sum + size, 0) ?? null,
    files: files?.length ?? null,
    problems,
    isResumable: problems.length === 0 && hasMoments && !/\.(partial|replaced)$/.test(path),
  };
}

async function noting<T>(problems: string[], look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    problems.push((error as Error).message);
    return undefined;
  }
}

async function checkWeights(path: string, step: number): Promise<void> {
  const model = await Model.load(path);
  try {
    await requireSoundWeights(model, step);
  } finally {
    model.dispose();
  }
}

/** Both moments of each parameter, of one shape and finite. */
async function checkMoments(path: string): Promise<void> {
  const sources = await readSafetensorsSources(path);
  const shapes = new Map(sources.map(({ name, shape }) => [name, `${shape}`]));
  const lonely = sources.find(({ name }) => momentsOf(name).some((other) => shapes.get(other) !== shapes.get(name)));
  if (lonely !== undefined)
    throw new HyperfitError('ERR_CHECKPOINT', `expected two moments of one shape for each parameter in ${path}, got one of ${lonely.name}`);
  const ruined = await ruinedIn(sources);
  if (ruined !== undefined)
    throw new HyperfitError('ERR_NOT_FINITE', `expected finite moments in ${path}, got NaN or infinity in ${ruined}`);
}

function momentsOf(name: string): string[] {
  const [, part, parameter] = /^exp_avg(?:_sq)?(_absmax)?\.(.*)$/.exec(name) ?? [];
  return parameter === undefined ? [] : [`exp_avg${part ?? ''}.${parameter}`, `exp_avg_sq${part ?? ''}.${parameter}`];
}

async function ruinedIn(sources: readonly TensorSource[]): Promise<string | undefined> {
  const handles = await addon().tensorsLoad([...sources], 'cpu');
  const tensors = new Map(handles.map((handle, index) => [sources[index]!.name, Tensor.fromHandle(handle)]));
  try {
    return ruinedTensor(tensors);
  } finally {
    disposeAll(tensors.values());
  }
}
