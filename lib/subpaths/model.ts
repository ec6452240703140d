/**
 * Models and what goes with them: loading by path or name, generation, tokenizers, optimizers, saving, GGUF files and Modelfiles.
 * @module model
 */
export { Model, type LoadOptions } from '../model/model.ts';
export type { ForwardBackwardOptions, LossBatch, LossFunction, ModelBatch } from '../model/model-batch.ts';
export { estimateTrainingMemory, type MemoryEstimate, type MemoryLine, type MemoryOptions } from '../model/memory-estimate.ts';
export { Optimizer, type OptimizerOptions, type OptimizerStep, type StepInBackward, type TrainStep } from '../model/optimizer.ts';
export type { LoraOptions } from '../model/lora.ts';
export type { ModelFiles } from '../model/model-files.ts';
export type { ComputeDType, DType, ModelConfig, NativeTokenStats as TokenStats, WeightDType } from '../addon-types.ts';
export { initializeModel, type InitializeOptions } from '../model/initialize.ts';
export type { SavedModel, SaveOptions } from '../model/save-model.ts';
export type { Rounding } from '../model/save-weights.ts';
export type { SaveDType } from '../model/save-dtypes.ts';
export { renderModelCard, type CardSection, type ModelCard } from '../model/model-card.ts';
export type { ExportedGguf, ExportGgufOptions, ExportProgress } from '../model/export-gguf.ts';
export type { GgufFileType } from '../model/gguf-mix.ts';

export { CitationBlocker, type CitationBlockerOptions } from '../generate/citation-blocker.ts';
export type { Generation, TokenEvent } from '../generate/generation.ts';
export type { GenerateOptions } from '../generate/options.ts';
export type { LogitsHook, LogitsStep } from '../generate/logits-hook.ts';
export type { Prompt } from '../generate/prompts.ts';
export type { ChatMessage, RenderChatOptions } from '../tokenizer/chat-template.ts';
export type { Tokenizer } from '../tokenizer/tokenizer.ts';

export { withFetch, type FetchEvent, type FetchHooks } from '../hub/fetch-scope.ts';
export { fetchByName, type FetchedRepo, type FetchRepoOptions } from '../hub/locate.ts';

export { exportModel, type ExportOptions, type ExportResult, type GateMode } from '../run/export.ts';
export { GATE_MARGINS, renderGate, type GateFigures, type GateResult } from '../run/export-gate.ts';
export { renderModelfile, type Modelfile } from '../run/modelfile.ts';
