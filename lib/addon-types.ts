import type { ModelConfig } from './addon-model-types.ts';
import type { MemoryLimit } from './memory-room.ts';

export type { Activation, LayerRope, ModelConfig, NativeRopeScaling } from './addon-model-types.ts';

/**
 * The whole crossing between TypeScript and C++, on one screen (running batches have their own: addon-batch-types.ts). Numbers, strings,
 * typed arrays and plain objects only. `Promise` results are computed on the addon's one compute thread, in the order of the calls; the
 * caller's typed arrays are copied before the call returns, except `Control`, which C++ keeps reading while it works.
 */

/** A native tensor; see native/binding/tensor_table.h. */
export type TensorHandle = number;
export type ModelHandle = number;
export type OptimizerHandle = number;
export type CitationIndexHandle = number;

/** ATen's ScalarType numbers. */
export const SCALAR_TYPES = { uint8: 0, int32: 3, int64: 4, float16: 5, float32: 6, float64: 7, bool: 11, bfloat16: 15 } as const;
/** Element types of a tensor, by PyTorch's names. */
export type DType = keyof typeof SCALAR_TYPES;
/** Arithmetic of matrix products; weights, moments and losses are float32 always. */
export type ComputeDType = 'float32' | 'bfloat16';

/** How weights are held where products compute in bfloat16; `auto`: matrices that bfloat16 holds exactly stand in it alone. */
export type WeightDType = 'auto' | 'float32' | 'bfloat16';

export type NumericArray = Uint8Array | Int32Array | BigInt64Array | Float32Array | Float64Array | Uint16Array;

/** `control[0]` = 1 cancels (the promise rejects with code "ABORTED"); `control[1 + row]` = 1 ends that row of a generation. */
export type Control = Int32Array;

/** An argument of an operator: tensors as `{handle}`; dtype as its name or ScalarType number; device as a string; lists as arrays. */
export type NativeValue = null | boolean | number | string | { handle: TensorHandle } | readonly NativeValue[];
/** A result: tensors as `{handle}`. */
export type NativeResult = null | boolean | number | string | { handle: TensorHandle } | NativeResult[];

export interface NativeTensorInfo {
  shape: number[];
  dtype: number;
  device: string;
  requiresGrad: boolean;
}

/** A backend of ATen that another library of this process has registered under a name of its own (PrivateUse1). */
export interface OtherBackend {
  type: string;
  deviceCount: number;
}

/** Where the bytes of one tensor stand. `type`: F32 F16 BF16 F64 or a GGML type name (Q8_0, Q4_1, Q4_K, ...). */
export interface TensorSource {
  name: string;
  path: string;
  offset: number;
  byteLength: number;
  type: string;
  /** As stored, before `transposed`. */
  shape: readonly number[];
  /** GGUF of the llama architecture stores rotary rows interleaved per head: how many heads to put back, 0 for none. */
  ropeHeads?: number;
  /** Added to every element: -1 where a file keeps Gemma's norms as 1 + weight. */
  add?: number;
  /** Stored [out, in] where the parameter is [in, out]: GPT-2 in GGUF. */
  transposed?: boolean;
}

/** How a parameter is stored in GGUF: what `TensorSource` says, in the other direction. Elements become (element + add) * scale. */
export interface StoredForm {
  /** F32 F16 BF16 Q8_0 Q4_0 Q4_1 Q5_0 Q5_1 Q4_K Q5_K Q6_K. */
  type: string;
  ropeHeads: number;
  add: number;
  scale: number;
  transposed: boolean;
}

/** Passes read a parameter as it is read back of this form. */
export type ParameterForm = { parameter: string; form: StoredForm };

/** Per predicted position, row-major [batch, sequence]; `loss` is 0 where the target is IGNORE_INDEX. */
export interface NativeTokenStats {
  /** Nats; 0 where the target does not count. */
  loss: Float32Array;
  /** Of the predicted distribution, nats. */
  entropy: Float32Array;
  /** Probability of the most probable id. */
  top1Mass: Float32Array;
  /** Probability of the three most probable ids together. */
  top3Mass: Float32Array;
  /** Probability of the five most probable ids together. */
  top5Mass: Float32Array;
  /** The most probable id. */
  top1Ids: Int32Array;
}

export interface NativeGenerateOptions {
  maxNewTokens: number;
  minNewTokens: number;
  /** 0 is greedy. */
  temperature: number;
  topK: number;
  topP: number;
  minP: number;
  repetitionPenalty: number;
  noRepeatNgramSize: number;
  /** Whether the prompt's n-grams count (Hugging Face: yes). */
  noRepeatNgramCountsPrompt: boolean;
  stopIds: Int32Array;
  suppressIds: Int32Array;
  /** One per row, so that a row's draws depend neither on the batch nor on its place in it. */
  seeds: Float64Array;
  /** Log-probability and entropy (nats) of each token under the model's own distribution. */
  tokenStats: boolean;
  /** With `tokenStats`, for running batches: how many of the most probable ids to tell of each step. Default 0. */
  topLogProbs?: number;
  /** Added to the logits of these ids before anything else. */
  logitBias?: { ids: Int32Array; values: Float32Array };
  citation?: {
    index: CitationIndexHandle;
    countPrompt: boolean;
    waitForWordEnd: boolean;
    banned: 'all' | 'first';
    sequenceEnd: 'ignore' | 'ban-eos';
  };
}

export interface NativeGeneration {
  ids: Int32Array;
  finishReason: 'stop' | 'length' | 'banned' | 'cancelled';
  logProbs?: Float32Array;
  entropies?: Float32Array;
  /** Steps at which the citation blocker changed the choice. */
  interventions: number;
}

/** W = base + alpha / rank B A, for each matrix named. */
export interface NativeLora {
  rank: number;
  alpha: number;
  /** Of the initial A; B begins at zero. */
  seed: number;
  names: readonly string[];
  /** Matrices are [in, out]. */
  transposed: boolean;
}

export interface NativeAddon {
  // library
  libraryInfo(): {
    torchVersion: string;
    builtFor: string;
    cpuCapability: string;
    bfloat16Kernels: boolean;
    bfloat16Products: boolean;
    tiles: boolean;
    numThreads: number;
    cudaAvailable: boolean;
    cudaDeviceCount: number;
    otherBackend: OtherBackend | null;
  };
  setNumThreads(threads: number): void;
  /**
   * Own kernels (the default), or libtorch's operators, which are their oracle: of every model that is loaded from now on, in the whole
   * process.
   */
  setKernels(enabled: boolean): void;
  /**
   * The file of kernels that were compiled for cards, and what is in it where it is packed, from now on; "" for none: libtorch's operators
   * compute.
   */
  setKernelImages(path: string, unpacked?: Uint8Array): void;
  /**
   * The file in use, how many of its kernels this process has launched, and why the first one that could not be was not ("" where none
   * failed).
   */
  cudaKernels(): { images: string; launches: number; failure: string };
  /** Whether work that comes again is recorded as a graph, on devices that have such: of the whole process, on to begin with. */
  setGraphs(enabled: boolean): void;
  /**
   * How many pieces of work this process has recorded how often one was queued as a whole, how many could not be, and why the first was not
   * ("" where none).
   */
  deviceGraphs(): { recorded: number; replays: number; refusals: number; refusal: string };
  /** Of the cgroups that this process is in: whatever would take more is refused, before the system ends the process. */
  limitMemory(limits: readonly MemoryLimit[]): void;
  memoryStats(): { liveTensors: number; liveTensorBytes: number; liveModels: number };

  // tensors (synchronous, on the calling thread)
  tensorFrom(data: NumericArray, shape: readonly number[], dtype: number, device: string): TensorHandle;
  tensorInfo(tensor: TensorHandle): NativeTensorInfo;
  /**
   * Copies the elements into `out`, whose element type matches the dtype (float16 and bfloat16 as their Uint16 bits or converted to
   * Float32, bool as Uint8).
   */
  tensorRead(tensor: TensorHandle, out: NumericArray): void;
  tensorDispose(tensor: TensorHandle): void;
  /** `object` stands for that tensor, which is freed with it; for handles of 2^52 and more, which are of 4 KiB and more. */
  tensorWatch(tensor: TensorHandle, object: object): void;
  tensorGrad(tensor: TensorHandle): TensorHandle | null;
  tensorSetRequiresGrad(tensor: TensorHandle, requiresGrad: boolean): void;
  /** Lets go of the gradient: `tensorGrad` is null afterwards. */
  tensorZeroGrad(tensor: TensorHandle): void;
  /** Calls any operator; `name` is "aten::add" (the overload is found) or "aten::add.Tensor". */
  tensorCall(name: string, args: readonly NativeValue[], kwargs: Readonly<Record<string, NativeValue>>): NativeResult;
  manualSeed(seed: number): void;
  /** Whether tensor calls on this thread record what backward() needs; gives the former setting. */
  setGradEnabled(enabled: boolean): boolean;

  // files
  /** Reads (maps, dequantises, converts to float32, un-permutes) tensors into memory. */
  tensorsLoad(sources: readonly TensorSource[], device: string): Promise<TensorHandle[]>;
  /** Writes `header` and then each tensor's bytes, flushes to disk, closes. The path must not exist. */
  tensorsSave(path: string, header: Uint8Array, tensors: readonly TensorHandle[]): Promise<void>;
  /**
   * Writes rows `begin` to `end` of what is stored of a tensor (a vector is one row) at byte `offset` of a file that exists; `name` is for
   * messages.
   */
  tensorWriteRows(
    path: string,
    offset: number,
    name: string,
    tensor: TensorHandle,
    form: StoredForm,
    begin: number,
    end: number,
  ): Promise<void>;

  // model
  modelLoad(
    config: ModelConfig,
    sources: readonly TensorSource[],
    device: string,
    computeDtype: ComputeDType,
    weightDtype: WeightDType,
    recompute: boolean,
    control: Control,
  ): Promise<ModelHandle>;
  /** Parked until running work of this model ends; idempotent. */
  /**
   * With `endsWork` what is queued and what runs on it rejects with ERR_DISPOSED; without, as when it was forgotten, that comes to its end.
   */
  modelDispose(model: ModelHandle, endsWork: boolean): void;
  /**
   * Names as in Hugging Face weights, float32; the handles share storage with the model and must be disposed by the caller. What stood in
   * bfloat16 alone gets float32 for good.
   */
  modelParameters(model: ModelHandle): { name: string; tensor: TensorHandle }[];
  /**
   * To be read: a parameter as it is held, float32 or bfloat16, to the last bit what it is; shared storage, but for a sum of LoRA over
   * bfloat16, which is made.
   */
  modelHeldParameter(model: ModelHandle, parameter: string): Promise<TensorHandle>;
  /** As `tensorsSave`, of parameters in this order as float32; what has to be made for it stands one at a time. */
  modelSaveParameters(model: ModelHandle, path: string, header: Uint8Array, parameters: readonly string[]): Promise<void>;
  /**
   * Adds scale B A to a matrix, [in, out] where `transposed`, or to `base` in its place; where that stands in bfloat16 alone it goes on so,
   * and its factors with it.
   */
  modelAddLowRank(
    model: ModelHandle,
    parameter: string,
    a: TensorHandle,
    b: TensorHandle,
    scale: number,
    transposed: boolean,
    base: TensorHandle | null,
  ): Promise<void>;
  /** What passes read, float32: the parameters themselves unless there are stored forms, of which they are then copies. */
  modelForwardParameters(model: ModelHandle): Promise<{ name: string; tensor: TensorHandle }[]>;
  /**
   * From now on passes read parameters as they are read back of these forms; the parameters stay as they are, and gradients go straight
   * through to them. None: passes read the parameters.
   */
  modelSetStoredForms(model: ModelHandle, forms: readonly ParameterForm[]): Promise<void>;
  /** Empty when nothing was added since the last step or modelZeroGradients. */
  modelGradients(model: ModelHandle): { name: string; tensor: TensorHandle }[];
  /**
   * Logits [batch, sequence, vocabulary] and, when asked, hidden states [batch, sequence, hidden] before each layer and after the final
   * norm.
   */
  modelForward(
    model: ModelHandle,
    tokens: Int32Array,
    batch: number,
    sequence: number,
    hiddenStates: boolean,
  ): Promise<{ logits: TensorHandle; hiddenStates: TensorHandle[] }>;
  /** The residual stream after the final norm [batch, sequence, hidden]: `modelForward` without its head. */
  modelLastHiddenState(model: ModelHandle, tokens: Int32Array, batch: number, sequence: number): Promise<TensorHandle>;
  /**
   * Adds the gradient of the *sum* of the losses to the gradients kept since the last step. Targets: [batch, sequence], IGNORE_INDEX to
   * skip.
   */
  modelForwardBackward(
    model: ModelHandle,
    tokens: Int32Array,
    targets: Int32Array,
    batch: number,
    sequence: number,
    control: Control,
  ): Promise<{ lossSum: number; tokenCount: number }>;
  modelZeroGradients(model: ModelHandle): void;
  /** Takes the memory for activations of a training pass of that shape, so that smaller ones need none. */
  modelReserve(model: ModelHandle, batchSize: number, sequenceLength: number): Promise<void>;
  modelTokenStats(
    model: ModelHandle,
    tokens: Int32Array,
    targets: Int32Array,
    batch: number,
    sequence: number,
    control: Control,
  ): Promise<NativeTokenStats>;
  /**
   * `prompts` is every prompt after the other, `lengths` their lengths. `onToken(row, id, logProb)` is called on the main thread as tokens
   * come; `logitsHook` before each, while the compute thread waits.
   */
  modelGenerate(
    model: ModelHandle,
    prompts: Int32Array,
    lengths: Int32Array,
    options: NativeGenerateOptions,
    control: Control,
    onToken: ((row: number, id: number, logProb: number) => void) | null,
    logitsHook: ((row: number, logits: Float32Array, ids: Int32Array) => Float32Array | undefined) | null,
  ): Promise<NativeGeneration[]>;
  /** Share of the weights that differ from those in `sources` (the files of the model one started from). */
  modelChangedShare(model: ModelHandle, sources: readonly TensorSource[]): Promise<number>;
  /**
   * What a training step will hold beside weights, gradients and moments, bytes; `sumsInFloat32`: gradients of matrices need no memory for
   * their product first.
   */
  stepMemory(
    config: ModelConfig,
    device: string,
    computeDtype: ComputeDType,
    batchSize: number,
    sequenceLength: number,
    firstTrainedLayer: number,
    recompute: boolean,
  ): { activationBytes: number; logitBytes: number; attentionBytes: number; graphBytes: number; sumsInFloat32: boolean };
  modelMemory(model: ModelHandle): {
    parameterBytes: number;
    computeBytes: number;
    gradientBytes: number;
    workspaceBytes: number;
    temporaryBytes: number;
    cacheBytes: number;
  };

  // optimizer
  /** AdamW of every parameter, or with `lora` of additions of low rank to the matrices that it names. */
  optimizerCreate(
    model: ModelHandle,
    options: { beta1: number; beta2: number; eps: number; weightDecay: number; momentsIn8Bits: boolean; lora?: NativeLora },
  ): OptimizerHandle;
  /** `endsWork` as of `modelDispose`. */
  optimizerDispose(optimizer: OptimizerHandle, endsWork: boolean): void;
  /**
   * Scales the gradients by `gradScale`, clips their global norm to `maxGradNorm` (0: no clipping), updates, clears.
   * A norm that is not finite changes nothing and rejects with ERR_NOT_FINITE.
   */
  optimizerStep(
    optimizer: OptimizerHandle,
    options: { learningRate: number; gradScale: number; maxGradNorm: number },
  ): Promise<{ gradNorm: number }>;
  /**
   * Passes of several batches and the update in one call, of which nothing is read before all of it is queued. A loss that is not finite
   * changes no weight, clears, and stands in `lossSums`, of which later ones may be missing then; a norm that is not finite as of
   * `optimizerStep`.
   */
  optimizerTrainStep(
    optimizer: OptimizerHandle,
    batches: readonly { tokens: Int32Array; targets: Int32Array; batchSize: number; sequenceLength: number }[],
    options: { learningRate: number; gradScale: number; maxGradNorm: number },
    control: Control,
  ): Promise<{ lossSums: number[]; gradNorm: number }>;
  /**
   * A training pass and its update in one: each weight moves as soon as its gradient is whole, and gradients stand a layer at a time; A
   * and B of LoRA move at its end. ERR_CONFIG where gradients are gathered; ERR_NOT_FINITE.
   */
  optimizerStepInBackward(
    optimizer: OptimizerHandle,
    tokens: Int32Array,
    targets: Int32Array,
    batchSize: number,
    sequenceLength: number,
    options: { learningRate: number; gradScale: number },
    control: Control,
  ): Promise<{ lossSum: number; tokenCount: number; gradNorm: number }>;
  /**
   * exp_avg.<name> and exp_avg_sq.<name>, sharing storage; `step` apart. In 8 bits also exp_avg_absmax.<name> and exp_avg_sq_absmax.<name>.
   * With LoRA also base.<name>, lora_A and lora_B; see native/engine/lora.h.
   */
  optimizerState(optimizer: OptimizerHandle): { step: number; tensors: { name: string; tensor: TensorHandle }[] };
  /** After the state was written to; LoRA sums it up into the model's parameters. */
  optimizerSetStep(optimizer: OptimizerHandle, step: number): Promise<void>;

  // citation blocker
  citationIndexCreate(
    sequences: Int32Array,
    lengths: Int32Array,
    options: {
      matchLength: number;
      matchUnit: 'token' | 'word';
      /** [vocabulary], 1 where a token starts a word or is punctuation. */
      startsWord: Uint8Array;
      /** [vocabulary], the id that stands for a token when matching; the identity when nothing is folded. */
      canonicalIds: Int32Array;
      eosTokenIds: Int32Array;
    },
  ): Promise<CitationIndexHandle>;
  citationIndexDispose(index: CitationIndexHandle): void;
  /** Token ids forbidden after `history` (for tests and for explaining a ban). */
  citationIndexBanned(
    index: CitationIndexHandle,
    history: Int32Array,
    waitForWordEnd: boolean,
    banned: 'all' | 'first',
    sequenceEnd: 'ignore' | 'ban-eos',
  ): Int32Array;
  noRepeatNgramBanned(history: Int32Array, ngramSize: number): Int32Array;
}
