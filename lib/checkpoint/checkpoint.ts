import { join } from 'node:path';
import { makeFolder } from '../folders.ts';
import { ADAPTER_FOLDER } from '../model/adapter-files.ts';
import type { DeviceName } from '../config/device-name.ts';
import type { ComputeDType, TensorSource, WeightDType } from '../addon-types.ts';
import { checkOptions } from '../config/check-options.ts';
import type { OptimName } from '../config/optims.ts';
import { given } from '../config/given.ts';
import { requireSoundMoments, requireSoundWeights } from '../model/sound-weights.ts';
import type { LoraOptions } from '../model/lora.ts';
import { Model } from '../model/model.ts';
import { Optimizer } from '../model/optimizer.ts';
import { readSafetensorsSources } from '../model/safetensors.ts';
import { saveError, writeFolder } from './atomic-folder.ts';
import { checkpointName, resolveModelPath, rotateCheckpoints } from './checkpoint-list.ts';
import { modelBytes, requireDiskSpace } from './disk-space.ts';
import { loadState, saveState, type TrainState } from './train-state.ts';

export const OPTIMIZER_NAME = 'optimizer.safetensors';
/** What it calls a matrix of the original that LoRA adds to. */
const BASE = 'base.';

/** A training that can be gone on with: `hyperfit(model, { data, optimizer, state })`. */
export interface Checkpoint {
  /** The weights. */
  model: Model;
  /** The moments, of the same weights. */
  optimizer: Optimizer;
  /** Step, epoch and place within it. */
  state: TrainState;
}

/** One read from disk; `using checkpoint = await loadCheckpoint(path)` disposes optimizer and model at the end of the block. */
export interface LoadedCheckpoint extends Checkpoint, Disposable {}

/**
 * Saves weights, moments and position as `folder/step-000250`, a Hugging Face model folder with more files in it: 12 bytes a weight. It
 * appears complete or not at all, and older ones go only after it stands.
 * @param options - `keepLast`: how many complete checkpoints stay, this one included, default 2. `baseModel`: what LoRA's adapter, in
 *   `adapter/`, is for, default where the model was loaded from
 * @returns the path of the checkpoint
 * @throws HyperfitError ERR_CHECKPOINT when the disk is full or refuses, ERR_NOT_FINITE for weights that are ruined; older checkpoints are
 *   then untouched
 *
 * @example
 * const training = hyperfit(model, { data: 'novel.txt', maxSteps: 200, optimizer });
 * for await (const event of training) {
 *   if (event.type === 'step' && event.step % 50 === 0) await saveCheckpoint('checkpoints', { model, optimizer, state: training.state! });
 * }
 */
export async function saveCheckpoint(
  folder: string,
  { model, optimizer, state }: Checkpoint,
  { keepLast = 2, baseModel }: SaveCheckpointOptions = {},
): Promise<string> {
  await requireSoundWeights(model, state.step);
  requireSoundMoments(optimizer, state.step);
  await makeFolder(folder).catch((cause: unknown) => {
    throw saveError(folder, cause);
  });
  await requireDiskSpace(folder, modelBytes(model) + optimizer.stateBytes);
  const path = join(folder, checkpointName(state.step));
  await writeFolder(path, async (partial) => {
    await model.save(partial);
    await optimizer.save(join(partial, OPTIMIZER_NAME));
    await saveAdapterWithin(partial, optimizer, baseModel);
    await saveState(partial, state);
  });
  await rotateCheckpoints(folder, path, keepLast);
  return path;
}

export interface SaveCheckpointOptions {
  keepLast?: number;
  baseModel?: string | undefined;
}

/** What LoRA has trained as a PEFT adapter in `folder/adapter`, beside the merged weights; nothing where all weights are trained. */
export async function saveAdapterWithin(folder: string, optimizer: Optimizer, baseModel: string | undefined): Promise<void> {
  if (optimizer.isLora) await optimizer.saveAdapter(join(folder, ADAPTER_FOLDER), { baseModel });
}

/** How `loadCheckpoint` computes; those of the optimizer as at the beginning of the run. */
export interface LoadCheckpointOptions {
  /** `cpu`, `cuda` or `cuda:N`. Default: `HYPERFIT_DEVICE`, or else `cpu`. */
  device?: DeviceName;
  /** Arithmetic of the matrix products. Default: `HYPERFIT_COMPUTE_DTYPE`, or else `float32`. */
  computeDtype?: ComputeDType;
  /** How matrices are held, as in `Model.load`. Default: `HYPERFIT_WEIGHT_DTYPE`, or else `auto`. */
  weightDtype?: WeightDType;
  /** Activations are computed again in the backward, as in `Model.load`. Default false. */
  recompute?: boolean;
  /** Of the optimizer, as at the beginning of the run; defaults as in `Optimizer`. */
  betas?: readonly [number, number];
  /** Of AdamW. Default 1e-8. */
  eps?: number;
  /** Of AdamW. Default 0. */
  weightDecay?: number;
  /** Whose moments: `adamw` (default) or `adamw_8bit`. */
  optim?: OptimName;
  /** Additions of low rank, where the run trained such. */
  lora?: LoraOptions | undefined;
  /** Ends the work; the promise rejects with its reason. */
  signal?: AbortSignal;
  /** Hears the model's notes. */
  onWarning?: (message: string) => void;
}

/**
 * Loads a checkpoint, or the newest complete one of a run folder. The caller disposes `optimizer`, then `model`, or says `using`.
 * @throws HyperfitError ERR_CHECKPOINT when no complete one is there; ERR_CONFIG for options; and as `Model.load`
 *
 * @example
 * using saved = await loadCheckpoint('checkpoints');
 * await hyperfit(saved.model, { data: 'novel.txt', maxSteps: 400, optimizer: saved.optimizer, state: saved.state });
 */
export async function loadCheckpoint(path: string, options: LoadCheckpointOptions = {}): Promise<LoadedCheckpoint> {
  checkOptions(
    options,
    ['device', 'computeDtype', 'weightDtype', 'recompute', 'betas', 'eps', 'weightDecay', 'optim', 'lora', 'signal', 'onWarning'],
    'loadCheckpoint',
  );
  const folder = await resolveModelPath(path);
  const state = await loadState(folder);
  const { betas, eps, weightDecay, optim, lora, ...loading } = options;
  const moments = join(folder, OPTIMIZER_NAME);
  const model = await Model.loadWithBases(folder, loading, lora === undefined ? new Map() : await originalMatrices(moments));
  let optimizer: Optimizer | undefined;
  try {
    optimizer = new Optimizer(model, given({ betas, eps, weightDecay, optim, lora }));
    await optimizer.load(moments, state.step);
    return { model, optimizer, state, [Symbol.dispose]: disposeBoth.bind(undefined, optimizer, model) };
  } catch (error) {
    optimizer?.dispose();
    model.dispose();
    throw error;
  }
}

/** The matrices that LoRA adds to, by name: bfloat16 may hold them where it does not hold the sums in the checkpoint's weights. */
async function originalMatrices(path: string): Promise<Map<string, TensorSource>> {
  const sources = await readSafetensorsSources(path);
  return new Map(
    sources
      .filter(({ name }) => name.startsWith(BASE))
      .map((source) => [source.name.slice(BASE.length), { ...source, name: source.name.slice(BASE.length) }]),
  );
}

function disposeBoth(optimizer: Optimizer, model: Model): void {
  optimizer.dispose();
  model.dispose();
}
