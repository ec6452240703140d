import type { TrainState } from '../checkpoint/train-state.ts';
import { given } from '../config/given.ts';
import { batches, makeBatch, rowIds, targetCount, type IndexedBatch, type Row } from '../data/batch.ts';
import { epochOrder, parseOrder, type Order } from '../data/order.ts';
import { errorCodeOf, HyperfitError } from '../errors.ts';
import { ruinedPlace } from '../model/ruined-place.ts';
import { requireSoundWeights } from '../model/sound-weights.ts';
import type { Model } from '../model/model.ts';
import type { LossFunction, ModelBatch } from '../model/model-batch.ts';
import type { Optimizer } from '../model/optimizer.ts';
import type { StepEvent, TrainEvent, TrainResult } from './events.ts';
import { initialState, requireSameData } from './beginning.ts';
import { Pace } from './pace.ts';
import { learningRateAt, type TrainSettings } from './settings.ts';

export interface TrainingParts {
  model: Model;
  optimizer: Optimizer;
  sequences: readonly Row[];
  settings: TrainSettings;
  /** In the place of cross-entropy. */
  loss?: LossFunction | undefined;
  /** Where to go on from; without it, training begins. */
  state?: TrainState | undefined;
  signal?: AbortSignal | undefined;
}

/** What one step found and did. */
interface Update {
  lossSum: number;
  tokenCount: number;
  gradNorm: number;
}

/** The loop itself: steps through epochs until a limit, and knows at every moment where it stands. */
export class Training {
  readonly #parts: TrainingParts;
  readonly #order: Order;
  #state: TrainState;
  #pace: Pace | undefined;

  /** @throws HyperfitError ERR_CHECKPOINT when `state` comes from other data or another order */
  constructor(parts: TrainingParts) {
    this.#parts = parts;
    this.#order = parseOrder(parts.settings.order);
    if (parts.settings.stepInBackward && parts.loss !== undefined) {
      throw new HyperfitError('ERR_CONFIG', 'expected either `stepInBackward` or a `loss` of your own, got both; leave one of them out');
    }
    const begin = initialState(parts);
    if (parts.state !== undefined) requireSameData(parts.state, begin);
    this.#state = { ...(parts.state ?? begin) };
  }

  /** A copy, to be saved beside the weights. */
  get state(): TrainState {
    return { ...this.#state };
  }

  /** The step at which a limit ends the training at the latest; null where only a target loss does. */
  get totalSteps(): number | null {
    const { epochs, maxSteps } = this.#parts.settings;
    const limits = [maxSteps, epochs === null ? null : epochs * this.#stepsPerEpoch].filter((limit) => limit !== null);
    return limits.length === 0 ? null : Math.min(...limits);
  }

  get #stepsPerEpoch(): number {
    const { sequences, settings } = this.#parts;
    return Math.ceil(sequences.length / settings.batchSize);
  }

  async *events(): AsyncGenerator<TrainEvent, TrainResult, void> {
    try {
      // A checkpoint of a pass's last step was saved before the pass was closed.
      if (this.#state.position > 0 && this.#state.position >= this.#stepsPerEpoch) yield this.#endEpoch();
      for (;;) {
        const ended = this.#endReason();
        if (ended !== undefined) return await this.#result(ended);
        yield* this.#epoch();
      }
    } catch (error) {
      await this.#discardGradients();
      throw error;
    }
  }

  /** Ragged batches would take memory anew with each that is longer than all before. */
  async #reserve(): Promise<void> {
    const { model, sequences, settings } = this.#parts;
    const rows = Math.ceil(Math.min(settings.batchSize, sequences.length) / settings.gradientAccumulationSteps);
    const longest = sequences.reduce((most, row) => Math.max(most, rowIds(row).length), 1);
    if (longest <= model.config.maxPositionEmbeddings) await model.reserve(rows, longest); // others are refused by their step
  }

  /** A step cut short leaves gradients behind that must not leak into the next one. */
  async #discardGradients(): Promise<void> {
    try {
      await this.#parts.model.zeroGradients();
    } catch {
      // The model is disposed, and the error on its way says so.
    }
  }

  async *#epoch(): AsyncGenerator<TrainEvent, void, void> {
    const { sequences, settings } = this.#parts;
    const order = epochOrder(this.#order, sequences.length, { seed: settings.seed, epoch: this.#state.epoch });
    for (const batch of batches(sequences, { batchSize: settings.batchSize, order, start: this.#state.position })) {
      if (this.#reachedMaxSteps()) return;
      yield await exclusively(this.#parts.model, () => this.#step(batch));
    }
    yield this.#endEpoch();
  }

  async #step(batch: IndexedBatch): Promise<StepEvent> {
    const { settings, signal } = this.#parts;
    signal?.throwIfAborted();
    const started = performance.now();
    const step = this.#state.step + 1;
    if (this.#pace === undefined) await this.#reserve();
    this.#pace ??= new Pace(this.#state.step, started);
    const learningRate = learningRateAt(step, settings);
    const { lossSum, tokenCount, gradNorm } = await this.#update(batch, step, learningRate);
    this.#advance(lossSum, tokenCount);
    const ended = performance.now();
    const { totalSteps } = this;
    return {
      type: 'step',
      step,
      epoch: this.#state.epoch + 1,
      loss: lossSum / tokenCount,
      gradNorm,
      learningRate,
      tokens: tokenCount,
      seconds: (ended - started) / 1000,
      totalSteps,
      secondsLeft: this.#pace.secondsLeft(step, totalSteps, ended),
    };
  }

  #update(batch: IndexedBatch, step: number, learningRate: number): Promise<Update> {
    if (this.#parts.loss !== undefined) return this.#stepByOwnLoss(batch, step, learningRate);
    return this.#parts.settings.stepInBackward
      ? this.#stepInBackward(batch, step, learningRate)
      : this.#stepAfter(batch, step, learningRate);
  }

  /** All gradients first, then all weights: in one call, so that a device never waits between them. */
  async #stepAfter({ indices }: IndexedBatch, step: number, learningRate: number): Promise<Update> {
    const { model, optimizer, settings, signal } = this.#parts;
    const parts = split(indices, settings.gradientAccumulationSteps);
    const batches = parts.map((part) => this.#batchOf(part));
    const tokenCount = sum(batches.map(targetCount));
    const { lossSums, gradNorm } = await named(
      { step, indices },
      () => optimizer.trainStep(batches, { learningRate, gradScale: 1 / tokenCount, maxGradNorm: settings.maxGradNorm, signal }),
      (words) => withPlace(words, model, this.#batchOf(indices)),
    );
    const ruined = lossSums.findIndex((lossSum) => !Number.isFinite(lossSum));
    if (ruined >= 0)
      throw notFinite({ step, indices: parts[ruined]! }, await withPlace(`a loss of ${lossSums[ruined]}`, model, batches[ruined]!));
    return { lossSum: sum(lossSums), tokenCount, gradNorm };
  }

  /** The same with a loss that JavaScript computes. */
  async #stepByOwnLoss({ indices }: IndexedBatch, step: number, learningRate: number): Promise<Update> {
    const { model, optimizer, settings } = this.#parts;
    const { lossSum, tokenCount } = await this.#accumulate(indices, step);
    const { gradNorm } = await named(
      { step, indices },
      () => optimizer.step({ learningRate, gradScale: 1 / tokenCount, maxGradNorm: settings.maxGradNorm }),
      (words) => withPlace(words, model, this.#batchOf(indices)),
    );
    return { lossSum, tokenCount, gradNorm };
  }

  async #stepInBackward({ indices }: IndexedBatch, step: number, learningRate: number): Promise<Update> {
    const { model, optimizer, signal } = this.#parts;
    const batch = this.#batchOf(indices);
    const gradScale = 1 / targetCount(batch);
    return named(
      { step, indices, stands: 'earlier checkpoints are as they were, the weights in memory may have moved in part' },
      () => optimizer.stepInBackward(batch, { learningRate, gradScale, signal }),
      (words) => withPlace(words, model, batch),
    );
  }

  #batchOf(indices: Int32Array): ModelBatch {
    return makeBatch(Array.from(indices, (index) => this.#parts.sequences[index]!));
  }

  /** Sums losses and gradients over the forward passes of one step: exact for sequences of any lengths. */
  async #accumulate(indicesOfStep: Int32Array, step: number): Promise<Omit<Update, 'gradNorm'>> {
    const { model, loss, settings, signal } = this.#parts;
    const found = { lossSum: 0, tokenCount: 0 };
    for (const indices of split(indicesOfStep, settings.gradientAccumulationSteps)) {
      const micro = this.#batchOf(indices);
      const part = await named({ step, indices }, () => model.forwardBackward(micro, given({ signal, loss })));
      if (!Number.isFinite(part.lossSum)) throw notFinite({ step, indices }, await withPlace(`a loss of ${part.lossSum}`, model, micro));
      found.lossSum += part.lossSum;
      found.tokenCount += part.tokenCount;
    }
    return found;
  }

  #advance(lossSum: number, tokenCount: number): void {
    const state = this.#state;
    state.step += 1;
    state.position += 1;
    state.epochLossSum += lossSum;
    state.epochTokenCount += tokenCount;
  }

  #endEpoch(): TrainEvent {
    const { step, epoch, epochLossSum, epochTokenCount } = this.#state;
    const meanLoss = epochLossSum / epochTokenCount;
    Object.assign(this.#state, { epoch: epoch + 1, position: 0, epochLossSum: 0, epochTokenCount: 0, lastEpochLoss: meanLoss });
    return { type: 'epoch', step, epoch: epoch + 1, meanLoss };
  }

  #reachedMaxSteps(): boolean {
    const { maxSteps } = this.#parts.settings;
    return maxSteps !== null && this.#state.step >= maxSteps;
  }

  #endReason(): TrainResult['reason'] | undefined {
    const { epochs, targetLoss } = this.#parts.settings;
    const { epoch, position, lastEpochLoss } = this.#state;
    if (targetLoss !== null && position === 0 && lastEpochLoss !== null && lastEpochLoss < targetLoss) return 'targetLoss';
    if (epochs !== null && epoch >= epochs) return 'epochs';
    return this.#reachedMaxSteps() ? 'maxSteps' : undefined;
  }

  async #result(reason: TrainResult['reason']): Promise<TrainResult> {
    const { step, epoch, lastEpochLoss } = this.#state;
    await requireSoundWeights(this.#parts.model, step);
    return { reason, step, epochs: epoch, loss: lastEpochLoss };
  }
}

const stepsUnderWay = new WeakMap<Model, Promise<unknown>>();

/** Gathering gradients and applying them belong together: two trainings of one model take turns step by step. */
async function exclusively<T>(model: Model, step: () => Promise<T>): Promise<T> {
  const turn = (stepsUnderWay.get(model) ?? Promise.resolve()).then(step, step);
  stepsUnderWay.set(model, turn);
  return turn;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** At most `count` parts of nearly equal length, in order. */
function split(indices: Int32Array, count: number): Int32Array[] {
  const size = Math.ceil(indices.length / count);
  const parts: Int32Array[] = [];
  for (let at = 0; at < indices.length; at += size) parts.push(indices.subarray(at, at + size));
  return parts;
}

/** A step, and what stands when it is refused. */
interface StepPlace {
  step: number;
  indices: Int32Array;
  stands?: string;
}

function notFinite(
  { step, indices, stands = 'the weights and earlier checkpoints are as before this step' }: StepPlace,
  what: string,
  cause?: unknown,
): HyperfitError {
  const remedy = `lower learningRate, set maxGradNorm, or look at these samples; ${stands}`;
  return new HyperfitError(
    'ERR_NOT_FINITE',
    `expected a finite loss and gradient at step ${step}, got ${what} on samples ${Array.from(indices).join(', ')}; ${remedy}`,
    { cause },
  );
}

/** Adds the step and its samples to a native refusal of NaN and infinity; other errors pass. */
async function named<T>(place: StepPlace, work: () => Promise<T>, explain = async (words: string): Promise<string> => words): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (errorCodeOf(error) !== 'ERR_NOT_FINITE') throw error;
    throw notFinite(place, await explain((error as Error).message), error);
  }
}

/** `words`, with the tensor that holds NaN or infinity where one is found. */
async function withPlace(words: string, model: Model, batch: ModelBatch): Promise<string> {
  const place = await ruinedPlace(model, batch).catch(() => undefined);
  return place === undefined ? words : `${words}, with NaN or infinity in ${place},`;
}
