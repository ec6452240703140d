import { addon } from '../addon.ts';
import type { ComputeDType, ModelConfig, ModelHandle, NativeTokenStats, ParameterForm } from '../addon-types.ts';
import { withControl } from '../control.ts';
import { checkOptions } from '../config/check-options.ts';
import { chooseComputeDtype } from '../compute-dtype.ts';
import type { DeviceName } from '../config/device-name.ts';
import type { QuantizeType } from '../config/quantize-types.ts';
import { chooseDevice } from '../device.ts';
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
import { readCompanions } from './companions.ts';
import { exportGguf, type ExportedGguf, type ExportGgufOptions } from './export-gguf.ts';
import { forwardBackwardByLoss } from './custom-loss.ts';
import type { ForwardBackwardOptions, ModelBatch } from './model-batch.ts';
import type { LoadOptions } from './load-options.ts';
import { openModelFiles, type ModelFiles } from './model-files.ts';
import { quantizedForms, trainedType } from './quantization.ts';
import { saveModel, type SavedModel, type SaveOptions } from './save-model.ts';
import { requireSameFiles, stampFiles, type FileStamps } from './source-stamps.ts';
import { toTensors } from './tensor-file.ts';
import { tokenizerOrError } from './tokenizer-or-error.ts';

export type { LoadOptions } from './load-options.ts';

/** What a model came with beside its weights. */
interface Beside {
  stamps: FileStamps;
  tokenizer: Tokenizer | HyperfitError | undefined;
  /** By name. */
  companions: ReadonlyMap<string, Buffer>;
}

type TokensOnly = Omit<ModelBatch, 'targets'>;

/**
 * A pretrained language model in native memory. Long calls run on the addon's compute thread one after another: a second
 * call waits its turn. A disposed model answers ERR_DISPOSED; disposing while work runs waits for that work.
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
  #quantization: QuantizeType | null = null;

  private constructor(handle: ModelHandle, files: ModelFiles, { tokenizer, companions, stamps }: Beside, device: DeviceName, computeDtype: ComputeDType) {
    this.handle = handle;
    this.files = files;
    this.tokenizer = tokenizer instanceof Tokenizer ? tokenizer : undefined;
    this.#tokenizerError = tokenizer instanceof HyperfitError ? tokenizer : undefined;
    this.#companions = companions;
    this.#stamps = stamps;
    this.device = device;
    this.computeDtype = computeDtype;
  }

  /**
   * Reads a Hugging Face model folder or a GGUF file, or a model of the Hugging Face hub by name: `org/name`, `org/name@revision`, `hf:org/name:Q4_K_M`. One that is
   * not in the cache, which Python's huggingface_hub shares, is fetched; see docs/models.md. Weights become float32.
   * @throws HyperfitError ERR_FETCH, ERR_MODEL_FILES, ERR_UNSUPPORTED_MODEL, ERR_SAFETENSORS, ERR_GGUF, ERR_TOKENIZER, ERR_DEVICE,
   * ERR_OUT_OF_MEMORY, and those of finding libtorch
   */
  static async load(path: string, options: LoadOptions = {}): Promise<Model> {
    checkOptions(options, ['device', 'computeDtype', 'adapter', 'quantize', 'signal', 'onWarning', 'onFetch'], 'Model.load');
    const { adapter, signal, onWarning, onFetch } = options;
    const device = chooseDevice(options.device);
    const computeDtype = chooseComputeDtype(options.computeDtype);
    const files = await withFetch({ onFetch, signal }, () => openModelFiles(path, { onWarning }));
    const { quantize = trainedType(files) } = options;
    if (quantize !== null) quantizedForms(files.config, quantize, files.path);
    for (const note of files.notes) onWarning?.(note);
    const tokenizer = await tokenizerOrError(files);
    const companions = files.format === 'huggingface' ? await readCompanions(files.path) : new Map<string, Buffer>();
    const stamps = await stampFiles(files);
    const handle = await withControl(signal, 0, (control) => addon().modelLoad(files.config, files.sources, device, computeDtype, control));
    const model = new Model(handle, files, { tokenizer, companions, stamps }, device, computeDtype);
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
   * Adds a LoRA adapter in PEFT's form to the weights, which then are what PEFT's `merge_and_unload` makes of the two. `path` is the folder with
   * adapter_config.json and adapter_model.safetensors, or a checkpoint of a LoRA run.
   * @throws HyperfitError ERR_MODEL_FILES, ERR_SAFETENSORS for files that cannot be read or are of another model; ERR_UNSUPPORTED_MODEL, by name, for
   * settings of PEFT that hyperfit does not have; the weights are then as they were
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

  /** What is worth knowing of how its files were read: tensors passed over, keys that count otherwise than one would think, defaults of `generate` in transformers. */
  get notes(): readonly string[] {
    return this.files.notes;
  }

  /** Ids that end a text. */
  get eosTokenIds(): readonly number[] {
    return this.files.eosTokenIds;
  }

  /** @throws HyperfitError ERR_TOKENIZER when the model came without one */
  requireTokenizer(): Tokenizer {
    if (this.tokenizer) return this.tokenizer;
    if (this.#tokenizerError) throw this.#tokenizerError;
    throw new HyperfitError('ERR_TOKENIZER', `expected tokenizer.json beside the weights of ${this.path}, got none; add that file, or work with token ids`);
  }

  /** The Jinja source of the chat template; undefined for a model that was taught no dialogues. */
  get chatTemplate(): string | undefined {
    return this.files.chatTemplate;
  }

  /**
   * A dialogue as text by the chat template, by default ending where the assistant answers; as transformers' apply_chat_template.
   * @throws HyperfitError ERR_TOKENIZER without template or tokenizer, ERR_DATA for messages that the template refuses
   */
  renderChat(messages: readonly ChatMessage[], options: RenderChatOptions = {}): string {
    return this.requireTokenizer().renderChat(messages, options);
  }

  /** The ids of a rendered dialogue, to be given to `generate`. Throws as `renderChat`. */
  async encodeChat(messages: readonly ChatMessage[], options: RenderChatOptions = {}): Promise<Int32Array> {
    return this.requireTokenizer().encodeChat(messages, options);
  }

  /** Parameters by Hugging Face name, sharing memory with the model; dispose each. */
  parameters(): Map<string, Tensor> {
    return toTensors(addon().modelParameters(this.handle));
  }

  /** The type whose rounding passes run on; null where they run on the parameters themselves. */
  get quantization(): QuantizeType | null {
    return this.#quantization;
  }

  /**
   * From now on every pass, of training, evaluation or generation, runs on the weights that `exportGguf` writes as `type` and that are read back, to the bit, while the
   * parameters stay float32: gradients go straight through the rounding to them. `save` writes them, and config.json names the type. null goes back to passes on them.
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

  /** Parameters as passes read them, float32, rounded where `setQuantization` says so: only to be read, until the next pass. Dispose each. */
  async forwardParameters(): Promise<Map<string, Tensor>> {
    return toTensors(await addon().modelForwardParameters(this.handle));
  }

  /** Gradients by parameter name, sharing memory with the model; empty before the first `forwardBackward`. */
  gradients(): Map<string, Tensor> {
    return toTensors(addon().modelGradients(this.handle));
  }

  /**
   * Logits [batchSize, sequenceLength, vocabSize]; with `hiddenStates` also the residual stream before each layer and after
   * the final norm, each [batchSize, sequenceLength, hiddenSize].
   */
  async forward(batch: TokensOnly, options: { hiddenStates?: boolean } = {}): Promise<{ logits: Tensor; hiddenStates: Tensor[] }> {
    checkOptions(options, ['hiddenStates'], 'forward');
    const { hiddenStates = false } = options;
    const { tokens, batchSize, sequenceLength } = batch;
    const result = await addon().modelForward(this.handle, tokens, batchSize, sequenceLength, hiddenStates);
    return { logits: Tensor.fromHandle(result.logits), hiddenStates: result.hiddenStates.map((handle) => Tensor.fromHandle(handle)) };
  }

  /**
   * What the head reads: the residual stream after the final norm, float32 [batchSize, sequenceLength, hiddenSize]. As the last
   * of `forward`'s hidden states, without the work of the head. Throws as `forward`.
   */
  async lastHiddenState({ tokens, batchSize, sequenceLength }: TokensOnly): Promise<Tensor> {
    return Tensor.fromHandle(await addon().modelLastHiddenState(this.handle, tokens, batchSize, sequenceLength));
  }

  /**
   * Adds the gradient of the *summed* loss to the gradients gathered since the last optimizer step. Divide by the token
   * count of all micro-batches there (`gradScale`), and accumulation is exact for ragged batches.
   * `loss` computes another one from the logits; see LossFunction.
   * @throws HyperfitError ERR_SHAPE, ERR_DATA for ids outside the vocabulary; `signal.reason` when cancelled; with `loss` as `forwardBackwardByLoss`
   */
  async forwardBackward(batch: ModelBatch, options: ForwardBackwardOptions = {}): Promise<{ lossSum: number; tokenCount: number }> {
    checkOptions(options, ['signal', 'loss'], 'forwardBackward');
    const { signal, loss } = options;
    if (loss !== undefined) return forwardBackwardByLoss(this, batch, loss, signal);
    const { tokens, targets, batchSize, sequenceLength } = batch;
    return withControl(signal, 0, (control) => addon().modelForwardBackward(this.handle, tokens, targets, batchSize, sequenceLength, control));
  }

  /** Forgets the gathered gradients. */
  async zeroGradients(): Promise<void> {
    await addon().modelZeroGradients(this.handle);
  }

  /** Loss, entropy, top-k mass and most probable id at each position, without gradients. Throws as `forwardBackward`. */
  async tokenStats(batch: ModelBatch, options: { signal?: AbortSignal } = {}): Promise<NativeTokenStats> {
    checkOptions(options, ['signal'], 'tokenStats');
    const { tokens, targets, batchSize, sequenceLength } = batch;
    return withControl(options.signal, 0, (control) => addon().modelTokenStats(this.handle, tokens, targets, batchSize, sequenceLength, control));
  }

  /** Continues every prompt, in the order given; see GenerateOptions. */
  async generate(prompts: readonly Prompt[], options: GenerateOptions = {}): Promise<Generation[]> {
    return generate(this, prompts, options);
  }

  /** One continuation, token by token; `break` ends it. */
  stream(prompt: Prompt, options: GenerateOptions = {}): AsyncGenerator<TokenEvent, void, void> {
    return streamTokens(this, prompt, options);
  }

  /**
   * Share of weights that differ from those in `files` (default: those this model was loaded from).
   * @throws HyperfitError ERR_MODEL_FILES when the files it was loaded from have been replaced since, by `save` with `overwrite` or by somebody else
   */
  async changedShare(files: ModelFiles = this.files): Promise<number> {
    if (files === this.files) await requireSameFiles(this.#stamps);
    return addon().modelChangedShare(this.handle, files.sources);
  }

  /** Bytes held, by purpose. */
  memoryUsage(): { parameterBytes: number; computeBytes: number; gradientBytes: number; workspaceBytes: number; cacheBytes: number } {
    return addon().modelMemory(this.handle);
  }

  /**
   * Writes a folder that transformers loads and that generates as the original did: config.json, generation_config.json, model.safetensors (by `dtype`, or
   * parted by `maxShardSize` with its index), the tokenizer's files, what else of the original's folder transformers reads, and README.md, a model card.
   * A README.md of somebody else stays.
   * @throws HyperfitError ERR_CHECKPOINT when a model is there already or the disk is full; ERR_CONFIG for the options; ERR_NOT_FINITE for weights that `dtype` cannot hold
   */
  async save(folder: string, options: SaveOptions = {}): Promise<SavedModel> {
    const { files, config, tokenizer } = this;
    return saveModel({ files, config, tokenizer, companions: this.#companions, quantization: this.#quantization, parameters: () => this.parameters() }, folder, options);
  }

  /** Writes the model as a GGUF file for llama.cpp, Ollama and LM Studio; see `ExportGgufOptions`. Throws as `exportGguf`. */
  async exportGguf(path: string, options: ExportGgufOptions = {}): Promise<ExportedGguf> {
    return exportGguf(this, path, options);
  }

  /** Frees the weights, once running work has ended; idempotent. */
  dispose(): void {
    addon().modelDispose(this.handle);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
