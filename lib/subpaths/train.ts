/**
 * Training: the loop, its settings and presets, checkpoints, and whole runs with evaluation and a report.
 * @module train
 */
export { hyperfit, HyperfitRun, type HyperfitOptions } from '../train/hyperfit.ts';
export type { EpochEvent, StepEvent, TrainEvent, TrainResult } from '../train/events.ts';
export type { TrainOptions, TrainSettings } from '../train/settings.ts';
export type { TrainingData } from '../train/training-data.ts';

export {
  loadCheckpoint,
  saveCheckpoint,
  type Checkpoint,
  type LoadCheckpointOptions,
  type LoadedCheckpoint,
} from '../checkpoint/checkpoint.ts';
export { newestCheckpoint, resolveModelPath, verifyCheckpoint, type CheckpointEntry } from '../checkpoint/checkpoint-list.ts';
export type { TrainState } from '../checkpoint/train-state.ts';

export { run, type RunEvent, type RunHooks, type RunResult } from '../run/run.ts';
export { cardOf } from '../run/run-card.ts';
export { planRun, type RunPlan } from '../run/run-plan.ts';
export { averageWeights } from '../run/average.ts';
export { patchModel, type PatchedMatrix, type PatchOptions, type PatchResult } from '../run/patch.ts';
export { PATCH_RANKS } from '../run/patch-ranks.ts';
export type { UpdateShare } from '../run/update-share.ts';
export { compareRuns, type RunComparison, type RunLine } from '../run/run-differences.ts';
export { filterRuns, sortRuns } from '../run/run-filter.ts';
export { listRuns, type ListedRun, type RunFigures } from '../run/run-list.ts';
export { RUN_STATES, type RunState } from '../run/run-status.ts';

export type { RunConfig } from '../config/fields.ts';
export { presetLayer, type ConfigLayer } from '../config/layers.ts';
export { normalizeConfig, type NormalizedConfig } from '../config/normalize.ts';
export { PRESETS, type PresetName } from '../config/presets.ts';
export { configWarnings, lossFloor } from '../config/warnings.ts';
