import { addon } from '../addon.ts';
import type { ComputeDType, ModelConfig, ModelHandle, NativeTokenStats, ParameterForm, TensorSource } from '../addon-types.ts';
import { withControl } from '../control.ts';
import { checkOptions } from '../config/check-options.ts';
import type { DeviceName } from '../config/device-name.ts';
import type { QuantizeType } from '../config/quantize-types.ts';
import { HyperfitError } from '../errors.ts';
import { withFetch } from '../hub/fetch-scope.ts';
import { generate } from '../generate/generate.ts';
import type { Generation, TokenEvent } from '../generate/generation.ts';
import type { GenerateOptions } from '../generate/options.ts';
import type { Prompt } from '../generate/prompts.ts';
import { streamTokens } from '../generate/stream.ts';
import { Tensor } from '../tensor/tensor.ts';
import type { ChatMessage, RenderChatOptions } from '../tokenizer/chat-template.ts';
import { Tokenizer } from '../tokenizer/tokenizer.ts';
import { mergeAdapter } from './adapter.ts';
import { exportGguf, type ExportedGguf, type ExportGgufOptions } from './export-gguf.ts';
import { forwardBackwardByLoss } from './custom-loss.ts';
import type { ForwardBackwardOptions, ModelBatch } from './model-batch.ts';
import type { LoadOptions } from './load-options.ts';
import type { ModelFiles } from './model-files.ts';
import { openModel, type OpenedModel } from './open-model.ts';
import { quantizedForms } from './quantization.ts';
import { saveModel, type SavedModel, type SaveOptions } from './save-model.ts';
import { requireSameFiles, type FileStamps } from './source-stamps.ts';
import { toTensors } from './tensor-file.ts';

export type { LoadOptions } from './load-options.ts';

/** The net below `dispose`: frees what was forgotten, once the work it was asked for is done. */
const forgotten = new FinalizationRegistry<ModelHandle>((handle) => addon().modelDispose(handle, false));

type TokensOnly = Omit<ModelBatch, 'targets'>;

/**
 * A pretrained language model in native memory: 4 bytes a weight, 16 while it trains, 2 where `weightDtype` says so. Long calls run on the
 * addon's compute thread one after another, so the event loop stays free and a second call waits its turn. Disposing ends its work with
 * ERR_DISPOSED, as it answers every later call. One that is dropped is freed when it is collected.
 *
 * @example
 * using mine = await Model.load('HuggingFaceTB/SmolLM2-135M-Instruct');
 * const [generation] = await mine.generate(['It was a dark'], { maxNewTokens: 48 });
 * console.log(generation?.text);
 */
export class Model {
  /** @internal */
  readonly handle: ModelHandle;
  /** What it was loaded from. */
  readonly files: ModelFiles;
  /** Undefined when the model came without tokenizer files, or with such as cannot be read; then only ids can be used. */
  readonly tokenizer: Tokenizer | undefined;
  readonly #tokenizerError: HyperfitError | undefined;
  readonly #companions: ReadonlyMap<string, Buffer>;
  readonly #stamps: FileStamps;
  /** Where its weights are and its passes run. */
  readonly device: DeviceName;
  /** Arithmetic of its matrix products. */
  readonly computeDtype: ComputeDType;
  /** Whether the backward computes activations again. */
  readonly recompute: boolean;
  #quantization: QuantizeType | null = null;

  private constructor({ handle, files, tokenizer, companions, stamps, device, computeDtype, recompute }: OpenedModel) {
    this.handle = handle;
    this.files = files;
    this.tokenizer = tokenizer instanceof Tokenizer ? tokenizer : undefined;
    this.#tokenizerError = tokenizer instanceof HyperfitError ? tokenizer : undefined;
    this.#companions = companions;
    this.#stamps = stamps;
    this.device = device;
    this.computeDtype = computeDtype;
    this.recompute = recompute;
    forgotten.register(this, handle, this);
  }

  /**
   * Reads a Hugging Face model folder or a GGUF file, or a model of the Hugging Face hub by name: `org/name`, `org/name@revision`,
   * `hf:org/name:Q4_K_M`. A name that is not in the cache, which Python's huggingface_hub shares, is fetched; see docs/models.md. Weights
   * become float32, also those of a quantised file.
   * @param path - folder, `.gguf` file, run, checkpoint, or name
   * @throws HyperfitError ERR_FETCH where a name cannot be fetched; ERR_MODEL_FILES, ERR_SAFETENSORS, ERR_GGUF, ERR_TOKENIZER for files
   *   that are missing or damaged; ERR_UNSUPPORTED_MODEL for what hyperfit does not compute; ERR_DEVICE; ERR_OUT_OF_MEMORY; ERR_CONFIG for
   *   options; and ERR_LIBTORCH_NOT_FOUND, ERR_LIBTORCH_VERSION, ERR_LIBTORCH_LOAD; `signal.reason`
   *
   * @example
   * const small = await Model.load('HuggingFaceTB/SmolLM2-135M-Instruct', { computeDtype: 'bfloat16', onFetch: console.error });
   * const quantised = await Model.load('hf:org/name-GGUF:Q8_0');
   * const mine = await Model.load('runs/novel'); // the newest checkpoint of a run
   */
  static async load(path: string, options: LoadOptions = {}): Promise<Model> {
    return Model.loadWithBases(path, options, new Map());
  }

  /** @internal `load`, with some weights from elsewhere: those that a checkpoint of LoRA keeps beside what it merged. */
  static async loadWithBases(path: string, options: LoadOptions, bases: ReadonlyMap<string, TensorSource>): Promise<Model> {
    const opened = await openModel(path, options, bases);
    const { quantize } = opened;
    const { adapter, onFetch, signal } = options;
    const model = new Model(opened);
    try {
      if (quantize !== null) await model.setQuantization(quantize);
      if (adapter !== undefined) await withFetch({ onFetch, signal }, () => model.loadAdapter(adapter));
    } catch (error) {
      model.dispose();
      throw error;
    }
    return model;
  }

  /**
   * Adds a LoRA adapter in PEFT's form to the weights, which then are what PEFT's `merge_and_unload` makes of the two.
   * @param path - the folder with adapter_config.json and adapter_model.safetensors, or a checkpoint of a LoRA run
   * @throws HyperfitError ERR_MODEL_FILES, ERR_SAFETENSORS for files that cannot be read or are of another model; ERR_UNSUPPORTED_MODEL, by
   *   name, for settings of PEFT that hyperfit does not have. The weights are then as they were
   */
  async loadAdapter(path: string): Promise<void> {
    await mergeAdapter(this, path);
  }

  /** What it was loaded from. */
  get path(): string {
    return this.files.path;
  }

  /** Its architecture. */
  get config(): ModelConfig {
    return this.files.config;
  }

  /**
   * What is worth knowing of how its files were read: tensors passed over, keys that count otherwise than one would think, defaults of
   * `generate` in transformers.
   */
  get notes(): readonly string[] {
    return this.files.notes;
  }

  /** Ids that end a text. */
  get eosTokenIds(): readonly number[] {
    return this.files.eosTokenIds;
  }

  /**
   * The tokenizer, where text has to be read or written.
   * @throws HyperfitError ERR_TOKENIZER when the model came without one, or with one that cannot be read
   */
  requireTokenizer(): Tokenizer {
    if (this.tokenizer) return this.tokenizer;
    if (this.#tokenizerError) throw this.#tokenizerError;
    throw new HyperfitError(
      'ERR_TOKENIZER',
      `expected tokenizer.json beside the weights of ${this.path}, got none; add that file, or work with token ids`,
    );
  }

  /** The Jinja source of the chat template; undefined for a model that was taught no dialogues. */
  get chatTemplate(): string | undefined {
    return this.files.chatTemplate;
  }

  /**
   * A dialogue as text by the model's chat template, by default ending where the assistant answers; what transformers'
   * `apply_chat_template` gives.
   * @throws HyperfitError ERR_TOKENIZER without template or tokenizer, ERR_DATA for messages that the template refuses
   */
  renderChat(messages: readonly ChatMessage[], options: RenderChatOptions = {}): string {
    return this.requireTokenizer().renderChat(messages, options);
  }

  /**
   * The ids of a rendered dialogue, to be given to `generate`. The template writes every special token, so none is added.
   * @throws HyperfitError as `renderChat`
   *
   * @example
   * const ids = await model.encodeChat([{ role: 'user', content: 'Who are you?' }]);
   * const [answer] = await model.generate([ids]);
   */
  async encodeChat(messages: readonly ChatMessage[], options: RenderChatOptions = {}): Promise<Int32Array> {
    return this.requireTokenizer().encodeChat(messages, options);
  }

  /**
   * Parameters by their Hugging Face names, float32, sharing memory with the model: what you write there, the next pass reads. Dispose
   * each. What was held in bfloat16 alone (`weightDtype`) has float32 from then on.
   *
   * @example
   * const weights = model.parameters();
   * const norm = scope(() => weights.get('model.norm.weight')!.square().sum().item());
   * for (const weight of weights.values()) weight.dispose();
   */
  parameters(): Map<string, Tensor> {
    return toTensors(addon().modelParameters(this.handle));
  }

  /** @internal One parameter to be read, exactly as it is held: float32, or bfloat16 where that alone is. Dispose it. */
  async heldParameter(name: string): Promise<Tensor> {
    return Tensor.fromHandle(await addon().modelHeldParameter(this.handle, name));
  }

  /** The type whose rounding passes run on; null where they run on the parameters themselves. */
  get quantization(): QuantizeType | null {
    return this.#quantization;
  }

  /**
   * From now on every pass (training, evaluation, generation) runs on the weights that `exportGguf` would write as `type` and that would be
   * read back, to the bit. The parameters stay float32, and gradients go straight through the rounding to them (the straight-through
   * estimator, arXiv 1308.3432). `save` writes the float32 weights, and config.json names the type. null goes back to passes on the
   * parameters.
   * @throws HyperfitError ERR_CONFIG for another type, ERR_UNSUPPORTED_MODEL for a model that llama.cpp does not compute
   */
  async setQuantization(type: QuantizeType | null): Promise<void> {
    await this.setStoredForms(type === null ? [] : quantizedForms(this.config, type, this.path));
    this.#quantization = type;
  }

  /** @internal Any forms, without a name. */
  async setStoredForms(forms: readonly ParameterForm[]): Promise<void> {
    await addon().modelSetStoredForms(this.handle, forms);
    this.#quantization = null;
  }

  /**
   * Parameters as passes read them, float32, rounded where `setQuantization` says so: only to be read, until the next pass. Dispose each.
   */
  async forwardParameters(): Promise<Map<string, Tensor>> {
    return toTensors(await addon().modelForwardParameters(this.handle));
  }

  /**
   * Gradients by parameter name, float32, each of its parameter's shape, sharing memory with the model. They are *sums* over the tokens
   * since the last optimizer step. Empty before the first `forwardBackward`. Dispose each.
   * While an optimizer of this model lives, passes compute the gradients of what optimizers train and of nothing else: with LoRA, of its
   * matrices; without any optimizer, all.
   */
  gradients(): Map<string, Tensor> {
    return toTensors(addon().modelGradients(this.handle));
  }

  /**
   * One pass without gradients.
   * @param batch - `tokens`: ids, row-major [batchSize, sequenceLength], padded on the right
   * @param options - `hiddenStates`: also the residual stream before each layer and after the final norm, each [batchSize, sequenceLength,
   *   hiddenSize]. Default false
   * @returns `logits` [batchSize, sequenceLength, vocabSize], float32 on the model's device; dispose what you are given
   * @throws HyperfitError ERR_DATA for ids outside the vocabulary, ERR_SHAPE for sizes that do not fit or exceed the model's positions,
   *   ERR_OUT_OF_MEMORY
   *
   * @example
   * const { logits } = await model.forward({ tokens: Int32Array.of(1, 2, 3), batchSize: 1, sequenceLength: 3 });
   * console.log(logits.shape); // [1, 3, model.config.vocabSize]
   */
  async forward(batch: TokensOnly, options: { hiddenStates?: boolean } = {}): Promise<{ logits: Tensor; hiddenStates: Tensor[] }> {
    checkOptions(options, ['hiddenStates'], 'forward');
    const { hiddenStates = false } = options;
    const { tokens, batchSize, sequenceLength } = batch;
    const result = await addon().modelForward(this.handle, tokens, batchSize, sequenceLength, hiddenStates);
    return { logits: Tensor.fromHandle(result.logits), hiddenStates: result.hiddenStates.map((handle) => Tensor.fromHandle(handle)) };
  }

  /**
   * What the head reads: the residual stream after the final norm, float32 [batchSize, sequenceLength, hiddenSize]. As the last of
   * `forward`'s hidden states, without the work of the head. Throws as `forward`.
   */
  async lastHiddenState({ tokens, batchSize, sequenceLength }: TokensOnly): Promise<Tensor> {
    return Tensor.fromHandle(await addon().modelLastHiddenState(this.handle, tokens, batchSize, sequenceLength));
  }

  /**
   * One pass with gradients: adds the gradient of the *summed* loss to those gathered since the last optimizer step. Give the step
   * `gradScale: 1 / tokens`, with the tokens of all micro-batches together, and accumulation is exact for ragged batches too.
   * @param options - `loss`: computed from the logits in the place of cross-entropy, see LossFunction; `signal` cancels between layers
   * @returns `lossSum` in nats, and `tokenCount`, the targets that count
   * @throws HyperfitError ERR_SHAPE; ERR_DATA for ids outside the vocabulary; ERR_OUT_OF_MEMORY; of a `loss` of yours ERR_SHAPE for several
   *   elements, ERR_NOT_FINITE, and ERR_CONFIG where it does not depend on the logits; `signal.reason` when cancelled
   *
   * @example
   * const { lossSum, tokenCount } = await model.forwardBackward(makeBatch(sequences));
   * await optimizer.step({ learningRate: 1e-4, gradScale: 1 / tokenCount });
   * console.log('nats per token:', lossSum / tokenCount);
   */
  async forwardBackward(batch: ModelBatch, options: ForwardBackwardOptions = {}): Promise<{ lossSum: number; tokenCount: number }> {
    checkOptions(options, ['signal', 'loss'], 'forwardBackward');
    const { signal, loss } = options;
    if (loss !== undefined) return forwardBackwardByLoss(this, batch, loss, signal);
    const { tokens, targets, batchSize, sequenceLength } = batch;
    return withControl(signal, 0, (control) =>
      addon().modelForwardBackward(this.handle, tokens, targets, batchSize, sequenceLength, control),
    );
  }

  /** Forgets the gathered gradients. */
  async zeroGradients(): Promise<void> {
    await addon().modelZeroGradients(this.handle);
  }

  /** @internal Takes the memory for activations of training passes up to that shape, where taking it bit by bit would cost: on a card. */
  async reserve(batchSize: number, sequenceLength: number): Promise<void> {
    if (this.device !== 'cpu') await addon().modelReserve(this.handle, batchSize, sequenceLength);
  }

  /**
   * Without gradients, for each position: loss and entropy in nats, the probability of the 1, 3 and 5 most probable tokens, and the most
   * probable id, each row-major [batchSize, sequenceLength]. Throws as `forward`; `signal.reason` when cancelled.
   */
  async tokenStats(batch: ModelBatch, options: { signal?: AbortSignal } = {}): Promise<NativeTokenStats> {
    checkOptions(options, ['signal'], 'tokenStats');
    const { tokens, targets, batchSize, sequenceLength } = batch;
    return withControl(options.signal, 0, (control) =>
      addon().modelTokenStats(this.handle, tokens, targets, batchSize, sequenceLength, control),
    );
  }

  /**
   * Continues every prompt, in the order given: greedily unless `temperature` is above 0. A prompt gives the same ids alone and in any
   * batch (on a CUDA device: but for scores that lie within rounding of each other).
   * @param prompts - texts, or lists of token ids as they stand
   * @throws HyperfitError ERR_CONFIG for options; ERR_DATA for prompts that are empty or hold ids outside the vocabulary; ERR_SHAPE where
   *   prompt and `maxNewTokens` exceed the model's positions; ERR_TOKENIZER for text without a tokenizer; ERR_NOT_FINITE for damaged
   *   weights; ERR_OUT_OF_MEMORY; `signal.reason`, and what a callback of yours throws
   *
   * @example
   * const [one, two] = await model.generate(['It was a dark', 'Call me'], { maxNewTokens: 64, noRepeatNgramSize: 4 });
   * console.log(one?.text, two?.finishReason);
   */
  async generate(prompts: readonly Prompt[], options: GenerateOptions = {}): Promise<Generation[]> {
    return generate(this, prompts, options);
  }

  /**
   * One continuation, token by token. The texts of the events, put together, are the `text` that `generate` gives. `break` ends the work.
   * Throws as `generate`, when it is iterated.
   *
   * @example
   * for await (const { text } of model.stream('It was a dark', { maxNewTokens: 64 })) process.stdout.write(text);
   */
  stream(prompt: Prompt, options: GenerateOptions = {}): AsyncGenerator<TokenEvent, void, void> {
    return streamTokens(this, prompt, options);
  }

  /**
   * Share of weights, 0 to 1, that differ from those in `files` (default: those this model was loaded from). Near zero after many steps
   * means that updates are lost to rounding.
   * @throws HyperfitError ERR_MODEL_FILES when the files it was loaded from have been replaced since, by `save` with `overwrite` or by
   *   somebody else
   */
  async changedShare(files: ModelFiles = this.files): Promise<number> {
    if (files === this.files) await requireSameFiles(this.#stamps);
    return addon().modelChangedShare(this.handle, files.sources);
  }

  /**
   * Bytes held in native memory, by purpose: float32 weights, what bfloat16 products read (for weights in bfloat16 alone, the only copy),
   * gradients, activations, what operations have needed for a moment, and the cache of keys and values.
   */
  memoryUsage(): {
    parameterBytes: number;
    computeBytes: number;
    gradientBytes: number;
    workspaceBytes: number;
    temporaryBytes: number;
    cacheBytes: number;
  } {
    return addon().modelMemory(this.handle);
  }

  /**
   * Writes a folder that transformers loads and that generates as the original did: config.json, generation_config.json, model.safetensors
   * (by `dtype`, or parted by `maxShardSize` with its index), the tokenizer's files, what else of the original's folder transformers reads,
   * and README.md, a model card. It stands whole or not at all. A README.md of somebody else stays.
   * @throws HyperfitError ERR_CHECKPOINT when a model is there already or the disk is full; ERR_CONFIG for the options; ERR_NOT_FINITE for
   *   weights that `dtype` cannot hold
   *
   * @example
   * await model.save('my-model');
   * const { bytes, rounding } = await model.save('my-model-bf16', { dtype: 'bfloat16', maxShardSize: '2GB' });
   */
  async save(folder: string, options: SaveOptions = {}): Promise<SavedModel> {
    const { files, config, tokenizer, handle } = this;
    return saveModel({ files, config, tokenizer, handle, companions: this.#companions, quantization: this.#quantization }, folder, options);
  }

  /**
   * Writes the model as a GGUF file for llama.cpp, Ollama and LM Studio. `exportModel` does more: it decodes from what was written before
   * it gets its name.
   * @throws HyperfitError ERR_CONFIG for options; ERR_UNSUPPORTED_MODEL and ERR_TOKENIZER for what llama.cpp does not have; ERR_CHECKPOINT
   *   for files that are there, and for a full disk; ERR_NOT_FINITE; `signal.reason`
   */
  async exportGguf(path: string, options: ExportGgufOptions = {}): Promise<ExportedGguf> {
    return exportGguf(this, path, options);
  }

  /**
   * Ends the work that was asked for, running or queued, with ERR_DISPOSED, and frees the weights; a step is done whole or not at all.
   * Idempotent.
   */
  dispose(): void {
    forgotten.unregister(this);
    addon().modelDispose(this.handle, true);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
