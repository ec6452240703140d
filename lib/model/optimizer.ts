import { join } from 'node:path';
import { addon } from '../addon.ts';
import type { NativeLora, OptimizerHandle } from '../addon-types.ts';
import { checkOptions } from '../config/check-options.ts';
import { OPTIMS, type OptimName } from '../config/optims.ts';
import { withControl } from '../control.ts';
import { errorCodeOf, HyperfitError } from '../errors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { disposeAdditions, type LowRankAddition } from './adapter.ts';
import { GGUF_ADAPTER, writeGgufAdapterIfKnown } from './adapter-gguf.ts';
import { writeAdapter } from './adapter-save.ts';
import { shortModelName } from './base-name.ts';
import { normalizeLora, type LoraOptions } from './lora.ts';
import type { ModelBatch } from './model-batch.ts';
import type { Model } from './model.ts';
import { readSafetensorsSources } from './safetensors.ts';
import { ruinedTensor } from './sound-weights.ts';
import { disposeAll, loadTensorFile, saveTensorFile, toTensors } from './tensor-file.ts';

/** Settings of AdamW, named as in torch.optim. */
export interface OptimizerOptions {
  /** Decay rates of the moments. Default [0.9, 0.999]. */
  betas?: readonly [number, number];
  /** Added to the denominator. Default 1e-8. */
  eps?: number;
  /** Decoupled weight decay. Default 0, the paper's. */
  weightDecay?: number;
  /**
   * `adamw` (default) keeps both moments in float32, 8 bytes a weight; `adamw_8bit` in 8 bits by blocks of 256, 2 bytes a weight (Dettmers
   * et al. 2022, arXiv 2110.02861). Not with `lora`, whose moments are small.
   */
  optim?: OptimName;
  /** Train additions of low rank to some matrices and nothing else; without it every parameter is trained. */
  lora?: LoraOptions | undefined;
}

/** Of one step. */
export interface OptimizerStep {
  /** Of this step. */
  learningRate: number;
  /** Multiplies the gradients first: 1 / tokens makes the mean of a summed loss. Default 1. */
  gradScale?: number;
  /** Global L2 norm to clip to; 0 (default) is off. */
  maxGradNorm?: number;
}

/** Of one step with its passes. */
export interface TrainStep extends OptimizerStep {
  /** Cancels before the update; the promise rejects with its reason, and what was gathered is thrown away. */
  signal?: AbortSignal | undefined;
}

/** Of one step within the backward. */
export interface StepInBackward {
  /** Of this step. */
  learningRate: number;
  /** Multiplies the gradients: 1 / tokens makes the mean of a summed loss. Default 1. */
  gradScale?: number;
  /** Cancels before the first weight moves; the promise rejects with its reason. */
  signal?: AbortSignal | undefined;
}

/** The net below `dispose`. */
const forgotten = new FinalizationRegistry<OptimizerHandle>((handle) => addon().optimizerDispose(handle, false));

/**
 * AdamW over all parameters of a model: the update rule of torch.optim.AdamW (Loshchilov and Hutter 2019), moments in float32, 8 bytes a
 * weight, or in 8 bits. With `lora` it moves A and B of W + alpha / rank B A instead; the model's parameters hold the sum after each step,
 * so that the model generates and is saved merged.
 *
 * @example
 * using adamw = new Optimizer(model, { betas: [0.9, 0.99], weightDecay: 0.01 });
 * const { lossSum, tokenCount } = await model.forwardBackward(makeBatch(sequences.slice(0, 8)));
 * const { gradNorm } = await adamw.step({ learningRate: 1e-5, gradScale: 1 / tokenCount, maxGradNorm: 1 });
 * console.log(lossSum / tokenCount, gradNorm);
 */
export class Optimizer {
  readonly #model: Model;
  readonly #handle: OptimizerHandle;
  readonly #optim: OptimName;
  readonly #lora: NativeLora | undefined;
  #disposed = false;

  /** @throws HyperfitError ERR_CONFIG for betas outside [0, 1), eps or weightDecay below 0, and for LoRA that does not fit; ERR_DISPOSED */
  constructor(model: Model, options: OptimizerOptions = {}) {
    checkOptions(options, ['betas', 'eps', 'weightDecay', 'optim', 'lora'], 'Optimizer');
    const { betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0, optim = 'adamw', lora } = options;
    if (!Array.isArray(betas) || betas.length !== 2)
      throw new HyperfitError(
        'ERR_CONFIG',
        `expected two numbers for \`betas\`, got ${JSON.stringify(betas) ?? String(betas)}; write [0.9, 0.999]`,
      );
    const [beta1, beta2] = betas as readonly [number, number];
    const fits = [beta1, beta2].every((beta) => beta >= 0 && beta < 1) && isFactor(eps) && isFactor(weightDecay);
    if (!fits) {
      throw new HyperfitError(
        'ERR_CONFIG',
        `expected \`betas\` in [0, 1), \`eps\` and \`weightDecay\` finite and of at least 0, got [${betas.join(', ')}], ${eps} and ${weightDecay}`,
      );
    }
    if (!OPTIMS.includes(optim))
      throw new HyperfitError('ERR_CONFIG', `expected ${OPTIMS.join(' or ')} for \`optim\`, got ${String(optim)}`);
    if (optim !== 'adamw' && lora !== undefined)
      throw new HyperfitError(
        'ERR_CONFIG',
        `expected either \`optim\` ${optim} or \`lora\`, got both: moments of LoRA are small; leave one of them out`,
      );
    this.#model = model;
    this.#optim = optim;
    this.#lora = lora === undefined ? undefined : normalizeLora(model.config, lora);
    this.#handle = addon().optimizerCreate(model.handle, {
      beta1,
      beta2,
      eps,
      weightDecay,
      momentsIn8Bits: optim === 'adamw_8bit',
      ...(this.#lora && { lora: this.#lora }),
    });
    forgotten.register(this, this.#handle, this);
  }

  /** Whether it trains additions of low rank, which `saveAdapter` writes. */
  get isLora(): boolean {
    return this.#lora !== undefined;
  }

  /** Updates made so far. */
  get stepCount(): number {
    const { step, tensors } = addon().optimizerState(this.#handle);
    disposeAll(toTensors(tensors).values());
    return step;
  }

  /**
   * Scales the gathered gradients, clips them, moves the weights, and clears the gradients.
   * @returns `gradNorm`: the global L2 norm after scaling, before clipping
   * @throws HyperfitError ERR_NOT_FINITE when the norm is not finite; ERR_CONFIG without gradients, and for settings that are negative or
   *   not finite; ERR_DISPOSED when the optimizer or its model is. Nothing has changed then
   */
  async step(settings: OptimizerStep): Promise<{ gradNorm: number }> {
    checkOptions(settings, ['learningRate', 'gradScale', 'maxGradNorm'], 'step');
    const { learningRate, gradScale = 1, maxGradNorm = 0 } = settings;
    requireFactors({ learningRate, gradScale, maxGradNorm });
    addon().modelMemory(this.#model.handle); // of a disposed model says so, where the step would miss its gradients
    return this.#naming(() => addon().optimizerStep(this.#handle, { learningRate, gradScale, maxGradNorm }));
  }

  /**
   * `forwardBackward` of each batch, added up, and `step`, in one call: a device is told of the whole before anything of it is read, so
   * that it never waits for the host in between. The bits are those of the calls one by one.
   * @returns `lossSums`: nats, of each batch; `gradNorm` as of `step`. Where a loss is not finite, weights and moments stay as they are,
   * what was gathered is thrown
   *   away, and on the CPU the losses of later batches are missing
   * @throws HyperfitError as `forwardBackward` and `step`; ERR_SHAPE without a batch
   *
   * @example
   * const batches = [makeBatch(sequences.slice(0, 4)), makeBatch(sequences.slice(4, 8))];
   * const tokens = batches.reduce((sum, batch) => sum + targetCount(batch), 0);
   * const { lossSums, gradNorm } = await optimizer.trainStep(batches, { learningRate: 1e-5, gradScale: 1 / tokens, maxGradNorm: 1 });
   */
  async trainStep(batches: readonly ModelBatch[], settings: TrainStep): Promise<{ lossSums: number[]; gradNorm: number }> {
    checkOptions(settings, ['learningRate', 'gradScale', 'maxGradNorm', 'signal'], 'trainStep');
    const { learningRate, gradScale = 1, maxGradNorm = 0, signal } = settings;
    requireFactors({ learningRate, gradScale, maxGradNorm });
    return this.#naming(() =>
      withControl(signal, 0, (control) =>
        addon().optimizerTrainStep(this.#handle, batches, { learningRate, gradScale, maxGradNorm }, control),
      ),
    );
  }

  /**
   * `forwardBackward` and `step` in one: each weight moves as soon as its gradient is whole, so that gradients stand in memory a layer at a
   * time instead of all at once (LOMO, Lv et al. 2023, arXiv 2306.09782; `optimizer_in_bwd` in torchtune). The bits are those of the two
   * without clipping, which needs all gradients first. With LoRA gradients of the matrices stand so, and A and B move at the end.
   * @returns `lossSum` in nats over `tokenCount` targets, before the step, and `gradNorm` as of `step`
   * @throws HyperfitError ERR_CONFIG after a `forwardBackward` that no step followed, and for settings that are negative or not finite;
   *   ERR_DATA, ERR_SHAPE, ERR_OUT_OF_MEMORY as of `forwardBackward`; ERR_NOT_FINITE for a loss that is not finite, which changes nothing,
   *   and for a gradient that is not: weights of the layers above have moved then, with LoRA none
   *
   * @example
   * const batch = makeBatch(sequences.slice(0, 8));
   * const { lossSum } = await optimizer.stepInBackward(batch, { learningRate: 1e-5, gradScale: 1 / targetCount(batch) });
   */
  async stepInBackward(batch: ModelBatch, settings: StepInBackward): Promise<{ lossSum: number; tokenCount: number; gradNorm: number }> {
    checkOptions(settings, ['learningRate', 'gradScale', 'signal'], 'stepInBackward');
    const { learningRate, gradScale = 1, signal } = settings;
    requireFactors({ learningRate, gradScale });
    const { tokens, targets, batchSize, sequenceLength } = batch;
    return withControl(signal, 0, (control) =>
      addon().optimizerStepInBackward(this.#handle, tokens, targets, batchSize, sequenceLength, { learningRate, gradScale }, control),
    );
  }

  /** A refusal of NaN and infinity says whose gradient it is. */
  async #naming<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw errorCodeOf(error) === 'ERR_NOT_FINITE' ? this.#named(error as HyperfitError) : error;
    }
  }

  #named(error: HyperfitError): HyperfitError {
    const gradients = this.#model.gradients();
    const name = ruinedTensor(gradients);
    disposeAll(gradients.values());
    return name === undefined
      ? error
      : new HyperfitError('ERR_NOT_FINITE', error.message.replace(';', `, from NaN or infinity in the gradient of ${name};`), {
          cause: error,
        });
  }

  /**
   * Share of weights that differ from those the model was loaded with. Near zero after many steps means that updates are
   * lost to rounding.
   */
  async changedShare(): Promise<number> {
    return this.#model.changedShare();
  }

  /** What `save` writes, by name, sharing memory with the optimizer; dispose each. */
  state(): Map<string, Tensor> {
    return toTensors(addon().optimizerState(this.#handle).tensors);
  }

  /** Bytes that `save` writes. */
  get stateBytes(): number {
    return this.#bytes((dtype) => (dtype === 'uint8' ? 1 : 4));
  }

  /** @internal Bytes that it holds, gradients left out. */
  get heldBytes(): number {
    return this.#bytes((dtype) => ({ uint8: 1, bfloat16: 2 })[dtype] ?? 4);
  }

  #bytes(ofElement: (dtype: string) => number): number {
    const tensors = [...this.state().values()];
    const bytes = tensors.reduce((sum, { shape, dtype }) => sum + shape.reduce((product, size) => product * size, ofElement(dtype)), 0);
    disposeAll(tensors);
    return bytes;
  }

  /**
   * Writes the moments (`exp_avg.<name>`, `exp_avg_sq.<name>`, in 8 bits `exp_avg_absmax.<name>` too; of LoRA also `base.<name>`, A and B)
   * as safetensors.
   * @throws HyperfitError ERR_CHECKPOINT
   */
  async save(path: string): Promise<void> {
    const tensors = this.state();
    try {
      await saveTensorFile(path, tensors);
    } finally {
      disposeAll(tensors.values());
    }
  }

  /**
   * Writes A and B as a PEFT adapter of the model that training began with (adapter_model.safetensors and adapter_config.json), and for
   * llama.cpp, where it has such a model, as adapter.gguf beside.
   * @param options - `baseModel`: what the adapter is for, a name of the Hugging Face hub or a path. Default: where the model was loaded
   * from
   * @throws HyperfitError ERR_CONFIG when it trains all weights, ERR_CHECKPOINT
   */
  async saveAdapter(folder: string, { baseModel = this.#model.path }: { baseModel?: string | undefined } = {}): Promise<void> {
    const additions = this.#additions();
    try {
      await writeAdapter(folder, additions, { config: this.#model.config, baseModel });
      await writeGgufAdapterIfKnown(join(folder, GGUF_ADAPTER), additions, this.#model.config, `adapter for ${shortModelName(baseModel)}`);
    } finally {
      disposeAdditions(additions);
    }
  }

  #additions(): LowRankAddition[] {
    const lora = this.#lora;
    if (lora === undefined)
      throw new HyperfitError(
        'ERR_CONFIG',
        'expected an optimizer with `lora` to save an adapter of, got one that trains all weights; save the model, or make a patch of it (hyperfit patch)',
      );
    const state = this.state();
    const additions = lora.names.map((parameter): LowRankAddition => {
      const module = parameter.replace(/\.weight$/, '');
      return {
        parameter,
        scale: lora.alpha / lora.rank,
        a: state.get(`${module}.lora_A.weight`)!,
        b: state.get(`${module}.lora_B.weight`)!,
      };
    });
    const kept = new Set(additions.flatMap(({ a, b }) => [a, b]));
    disposeAll([...state.values()].filter((tensor) => !kept.has(tensor)));
    return additions;
  }

  /** Takes the moments from a file that `save` wrote, and goes on after update `step`. @throws HyperfitError ERR_CHECKPOINT */
  async load(path: string, step: number): Promise<void> {
    const saved: OptimName = (await readSafetensorsSources(path)).some(({ type }) => type === 'U8') ? 'adamw_8bit' : 'adamw';
    if (saved !== this.#optim)
      throw new HyperfitError(
        'ERR_CHECKPOINT',
        `expected moments of ${this.#optim} in ${path}, got those of ${saved}; give \`optim: '${saved}'\``,
      );
    const tensors = this.state();
    try {
      await loadTensorFile(path, tensors, this.#model.device);
      await addon().optimizerSetStep(this.#handle, step);
    } finally {
      disposeAll(tensors.values());
    }
  }

  /** Refuses the steps that wait with ERR_DISPOSED, and frees the moments; a step that has begun is done. Idempotent. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    forgotten.unregister(this);
    addon().optimizerDispose(this.#handle, true);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function requireFactors(values: Readonly<Record<string, unknown>>): void {
  const unfit = Object.entries(values).filter(([, value]) => !isFactor(value));
  if (unfit.length === 0) return;
  throw new HyperfitError(
    'ERR_CONFIG',
    unfit.map(([name, value]) => `expected a finite number of at least 0 for \`${name}\`, got ${String(value)}`).join('; '),
  );
}

/** Also as a float32, which is what the kernels multiply by. */
function isFactor(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && Number.isFinite(Math.fround(value));
}
