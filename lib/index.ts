/**
 * Hyperfitting: train a pretrained language model on a handful of sequences to near-zero loss, then decode greedily.
 * @module hyperfit
 */
export { errorCodeOf, ERROR_CODES, HyperfitError, isHyperfitError, type ErrorCode } from './errors.ts';

export { Model, type LoadOptions, type ModelBatch } from './model/model.ts';
export type { ExportedGguf, ExportGgufOptions, ExportProgress } from './model/export-gguf.ts';
export type { GgufFileType } from './model/gguf-mix.ts';
export type { SavedModel, SaveOptions } from './model/save-model.ts';
export type { Rounding, SaveDType } from './model/save-weights.ts';
export { renderModelCard, type CardSection, type ModelCard } from './model/model-card.ts';
export type { LoraOptions } from './model/lora.ts';
export { Optimizer, type OptimizerOptions, type OptimizerStep } from './model/optimizer.ts';
export { initializeModel, type InitializeOptions } from './model/initialize.ts';
export type { ModelFiles } from './model/model-files.ts';
export type { ComputeDType, DType, ModelConfig, NativeTokenStats as TokenStats } from './addon-types.ts';

export { withFetch, type FetchEvent, type FetchHooks } from './hub/fetch-scope.ts';
export { fetchByName, type FetchedRepo, type FetchRepoOptions } from './hub/locate.ts';

export * from './tensor/index.ts';

export type { ChatMessage, RenderChatOptions } from './tokenizer/chat-template.ts';
export type { Tokenizer } from './tokenizer/tokenizer.ts';
export * from './image/index.ts';
export { CitationBlocker, type CitationBlockerOptions } from './generate/citation-blocker.ts';
export type { Generation, TokenEvent } from './generate/generation.ts';
export type { GenerateOptions } from './generate/options.ts';
export type { Prompt } from './generate/prompts.ts';

export { hyperfit, type HyperfitOptions, type HyperfitRun } from './train/hyperfit.ts';
export type { EpochEvent, StepEvent, TrainEvent, TrainResult } from './train/events.ts';
export type { TrainOptions, TrainSettings } from './train/settings.ts';
export type { TrainingData } from './train/training-data.ts';

export { loadCheckpoint, saveCheckpoint, type Checkpoint, type LoadCheckpointOptions } from './checkpoint/checkpoint.ts';
export { newestCheckpoint, resolveModelPath, verifyCheckpoint, type CheckpointEntry } from './checkpoint/checkpoint-list.ts';
export type { TrainState } from './checkpoint/train-state.ts';

export * from './data/index.ts';
export * from './evaluate/index.ts';
export * from './report/index.ts';

export { loadImageSequences, type ImageSequenceOptions } from './run/image-data.ts';
export { completeImages, type CompletionOptions } from './run/image-completion.ts';
export { inspectData, type DataInspection, type InspectedSequence, type NamedToken, type SpecialTokens } from './run/data-inspection.ts';
export type { Mark } from './run/marks.ts';
export { averageWeights } from './run/average.ts';
export { patchModel, PATCH_RANKS, type PatchedMatrix, type PatchOptions, type PatchResult } from './run/patch.ts';
export { cardOf } from './run/run-card.ts';
export { run, type RunEvent, type RunHooks, type RunResult } from './run/run.ts';
export * from './compare/index.ts';
export * from './study/index.ts';
export { exportModel, type ExportOptions, type ExportResult, type GateMode } from './run/export.ts';
export { GATE_MARGINS, renderGate, type GateFigures, type GateResult } from './run/export-gate.ts';
export { renderModelfile, type Modelfile } from './run/modelfile.ts';
export type { UpdateShare } from './run/update-share.ts';
export { normalizeConfig, type NormalizedConfig } from './config/normalize.ts';
export { presetLayer, type ConfigLayer } from './config/layers.ts';
export { PRESETS, type PresetName } from './config/presets.ts';
export { configWarnings, lossFloor } from './config/warnings.ts';
export type { RunConfig } from './config/fields.ts';

export { doctor, renderDoctor, type DoctorReport } from './doctor.ts';
export * from './libtorch/index.ts';
