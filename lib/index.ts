/**
 * Hyperfitting: train a pretrained language model on a handful of sequences to near-zero loss, then decode greedily. Here is what most
 * scripts need; the rest stands by topic: `hyperfit/model`, `/train`, `/data`, `/evaluate`, `/report`, `/compare`, `/study`, `/image`,
 * `/serve`, `/tensor` and `/libtorch`.
 * @module hyperfit
 */
export { errorCodeOf, ERROR_CODES, HyperfitError, isHyperfitError, type ErrorCode } from './errors.ts';
export { doctor, type DoctorReport } from './doctor.ts';

export { Model, type LoadOptions } from './model/model.ts';
export type { LossBatch, LossFunction, ModelBatch } from './model/model-batch.ts';
export type { ComputeDType, ModelConfig, WeightDType } from './addon-types.ts';
export type { SaveOptions } from './model/save-model.ts';
export { Optimizer, type OptimizerOptions } from './model/optimizer.ts';
export type { ChatMessage } from './tokenizer/chat-template.ts';
export type { Tokenizer } from './tokenizer/tokenizer.ts';

export { CitationBlocker, type CitationBlockerOptions } from './generate/citation-blocker.ts';
export type { Generation, TokenEvent } from './generate/generation.ts';
export type { GenerateOptions } from './generate/options.ts';
export type { LogitsHook, LogitsStep } from './generate/logits-hook.ts';
export type { Prompt } from './generate/prompts.ts';

export { hyperfit, type HyperfitOptions, type HyperfitRun } from './train/hyperfit.ts';
export type { EpochEvent, StepEvent, TrainEvent, TrainResult } from './train/events.ts';
export type { TrainOptions } from './train/settings.ts';
export type { TrainingData } from './train/training-data.ts';
export { loadCheckpoint, saveCheckpoint, type Checkpoint } from './checkpoint/checkpoint.ts';

export { IGNORE_INDEX, makeBatch } from './data/batch.ts';
export { loadSequences, type Sequence } from './data/sequences.ts';
export { makeContexts, type Context } from './data/selection.ts';
export { evaluate, type EvaluationOptions, type EvaluationResult } from './evaluate/evaluation.ts';

export { keep, memoryStats, noGrad, scope, Tensor, torch, type DType } from './tensor/index.ts';

export { run, type RunEvent, type RunHooks, type RunResult } from './run/run.ts';
export { exportModel, type ExportOptions, type ExportResult } from './run/export.ts';
export type { RunConfig } from './config/fields.ts';
export { normalizeConfig } from './config/normalize.ts';
export { PRESETS, type PresetName } from './config/presets.ts';
