import { addon } from '../addon.ts';
import { loadCheckpoint, type Checkpoint, type LoadCheckpointOptions } from '../checkpoint/checkpoint.ts';
import { newestCheckpoint, resolveModelPath } from '../checkpoint/checkpoint-list.ts';
import type { TrainState } from '../checkpoint/train-state.ts';
import type { RunConfig } from '../config/fields.ts';
import { given } from '../config/given.ts';
import { HyperfitError } from '../errors.ts';
import { Model } from '../model/model.ts';
import { Optimizer } from '../model/optimizer.ts';
import { quantizedForms } from '../model/quantization.ts';
import type { Change } from '../train/beginning.ts';
import { loraOptions } from '../train/settings.ts';
import { requireAllowed, settingChanges } from './resume-changes.ts';
import { chatDateOf, savedRunFile } from './run-file.ts';
import type { RunFolder } from './run-folder.ts';

/** What a run begins with, or goes on with. */
export interface RunStart {
  model: Model;
  optimizer: Optimizer;
  /** Undefined for a run that begins. */
  state: TrainState | undefined;
  /** Settings, and then data, that a resumed run was allowed to change. */
  changes: readonly Change[];
}

/**
 * Loads the model, and with `resume` the newest complete checkpoint of the run; a run that has none begins again, with a warning.
 * @throws HyperfitError ERR_CONFIG without `model`; whatever loading throws
 */
export async function startRun(
  config: RunConfig,
  folder: RunFolder,
  onWarning: (message: string) => void,
  signal?: AbortSignal,
): Promise<RunStart> {
  useThreads(config);
  const { device, computeDtype, weightDtype, recompute, betas, eps, weightDecay, optim } = config;
  if (computeDtype === 'bfloat16' && device === 'cpu' && !addon().libraryInfo().bfloat16Kernels) {
    onWarning('this CPU has no AVX2: computeDtype bfloat16 will be right but slow; float32 is faster here');
  }
  const loading = { device, computeDtype, weightDtype, recompute, onWarning, ...given({ signal }) };
  if (config.resume) {
    const newest = await newestCheckpoint(folder.checkpoints, onWarning);
    if (newest !== undefined) {
      const changes = await settingChanges(savedRunFile(folder), config);
      requireAllowed(changes, config, 'settings');
      return { ...(await loadRunCheckpoint(newest.path, config, folder, { onWarning, ...given({ signal }) })), changes };
    }
    onWarning(`expected a complete checkpoint in ${folder.checkpoints} to resume from, got none: beginning at step 0`);
  }
  if (config.model === null) throw new HyperfitError('ERR_CONFIG', 'expected the model to hyperfit for `model`, got none; give --model');
  const adapter = config.adapter === null ? undefined : await resolveModelPath(config.adapter, onWarning);
  const model = await Model.load(await resolveModelPath(config.model, onWarning), { ...loading, ...given({ adapter }) });
  // Before anything is measured: not every model can be trained for every type.
  if (config.quantize !== null) quantizedForms(model.config, config.quantize, model.path);
  setChatDate(model, chatDateOf(folder, false));
  return {
    model,
    optimizer: new Optimizer(model, { betas, eps, weightDecay, optim, lora: loraOptions(config) }),
    state: undefined,
    changes: [],
  };
}

/** A checkpoint as its run goes on from it: with the run's threads, device, optimizer and date. */
export async function loadRunCheckpoint(
  path: string,
  config: RunConfig,
  folder: RunFolder,
  hearing: Pick<LoadCheckpointOptions, 'signal' | 'onWarning'>,
): Promise<Checkpoint> {
  useThreads(config);
  const { device, computeDtype, weightDtype, recompute, betas, eps, weightDecay, optim } = config;
  const checkpoint = await loadCheckpoint(path, {
    device,
    computeDtype,
    weightDtype,
    recompute,
    betas,
    eps,
    weightDecay,
    optim,
    lora: loraOptions(config),
    ...hearing,
  });
  setChatDate(checkpoint.model, chatDateOf(folder, true));
  return checkpoint;
}

/** The bits of a step depend on their number. */
function useThreads({ threads }: RunConfig): void {
  if (threads !== null) addon().setNumThreads(threads);
}

/** Templates that write a date write the run's. */
function setChatDate({ tokenizer }: Model, date: Date): void {
  if (tokenizer !== undefined) tokenizer.chatDate = date;
}

/** The end of a run's life in memory; files stay. */
export function endRun({ model, optimizer }: RunStart): void {
  optimizer.dispose();
  model.dispose();
}
