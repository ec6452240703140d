import type { TrainState } from '../checkpoint/train-state.ts';
import type { DataSummary } from '../data/data-summary.ts';
import { HyperfitError } from '../errors.ts';
import type { Model } from '../model/model.ts';
import type { LossFunction } from '../model/model-batch.ts';
import { Optimizer } from '../model/optimizer.ts';
import type { TrainEvent, TrainResult } from './events.ts';
import { loraOptions, normalizeTrainSettings, type TrainOptions, type TrainSettings } from './settings.ts';
import { prepareTrainingData, type TrainingData } from './training-data.ts';
import { Training } from './training.ts';
import { shownOn } from './training-board.ts';

/** What is trained on, with which settings, and who hears of it. */
export interface HyperfitOptions extends TrainOptions {
  /** The text or the ids to hyperfit on. */
  data: TrainingData;
  /** Yours to keep and dispose; without it one is made from `betas`, `eps` and `weightDecay` and goes when training ends. */
  optimizer?: Optimizer | undefined;
  /**
   * Trained on in the place of cross-entropy; see LossFunction. The losses of events, and `targetLoss`, are then its sum over the tokens. A
   * checkpoint knows nothing of it: give the same one to go on.
   */
  loss?: LossFunction | undefined;
  /** Where a checkpoint left off, as `loadCheckpoint` gives it; needs its `optimizer` too. */
  state?: TrainState | undefined;
  /** Stops between forward passes; the run rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Write event files for TensorBoard into this folder. With `state` the steps after it count anew. */
  tensorboard?: string | undefined;
  /** Told, before the first step, what of the data was left out and what in it looks amiss. Default: a warning of the process. */
  onWarning?: ((message: string) => void) | undefined;
}

/**
 * Trains until the first of `epochs`, `maxSteps` and `targetLoss` (mean training loss of an epoch, nats per token). Iterate it for an event
 * per step and per epoch, and `break` when you have seen enough; or await it for the result, after the loop too. Defaults are the paper's
 * (arXiv 2412.04318): AdamW without decay, rate 1e-6, batches of 8, 20 epochs. It measures nothing beyond the training loss; `run` also
 * evaluates, keeps checkpoints and writes a report.
 * @throws HyperfitError ERR_CONFIG at once; ERR_DATA, ERR_TOKENIZER and ERR_CHECKPOINT before the first step; ERR_NOT_FINITE with the step
 *   and its samples, the weights being as before that step; `signal.reason`
 *
 * @example
 * for await (const event of hyperfit(model, { data: 'novel.txt', preset: 'demo' })) {
 *   if (event.type === 'epoch') console.log(event.epoch, event.meanLoss);
 * }
 * const { reason, loss } = await hyperfit(model, { data: ['A sentence.', 'Another one.'], learningRate: 1e-4, targetLoss: 0.1 });
 */
export function hyperfit(model: Model, options: HyperfitOptions): HyperfitRun {
  return new HyperfitRun(model, options);
}

/**
 * A training in progress: an async generator of events that can also be awaited. It begins when it is first asked.
 *
 * @example
 * const training = hyperfit(model, { data: 'novel.txt', preset: 'demo' });
 * for await (const event of training) if (event.type === 'step' && event.loss < 0.2) break;
 * const { reason, step } = await training; // reason is 'stopped'
 */
export class HyperfitRun implements AsyncGenerator<TrainEvent, TrainResult, void>, PromiseLike<TrainResult> {
  /** Complete: options, preset and defaults. */
  readonly settings: TrainSettings;
  readonly #events: AsyncGenerator<TrainEvent, TrainResult, void>;
  readonly #onWarning: (message: string) => void;
  #training: Training | undefined;
  #data: DataSummary | undefined;
  #result: Promise<TrainResult> | undefined;
  /** How it ended, whoever has seen it. */
  #end: { result: TrainResult } | { error: unknown } | undefined;

  /** @throws HyperfitError ERR_CONFIG for options; the rest as `hyperfit`, once events are asked for */
  constructor(model: Model, options: HyperfitOptions) {
    const { data, optimizer, loss, state, signal, tensorboard, onWarning = emitWarning, ...settings } = options;
    requireOneSource(options);
    this.settings = normalizeTrainSettings(settings);
    this.#onWarning = onWarning;
    this.#events = this.#remembered(this.#run(model, { data, optimizer, loss, state, signal, tensorboard }));
  }

  /** Where training stands, to be saved with the weights; undefined before the first event. */
  get state(): TrainState | undefined {
    return this.#training?.state;
  }

  /** What became of the data: how much of it trains, and what was left out; undefined before the first event. */
  get data(): DataSummary | undefined {
    return this.#data;
  }

  /**
   * Runs what is left of the training, and gives its result; after a loop that ended, the same result. After `break` it is where training
   * stood, its `reason` `stopped`. After an error, an abort or `throw` it rejects with that.
   */
  get result(): Promise<TrainResult> {
    this.#result ??= this.#finish();
    return this.#result;
  }

  /** The next event, after computing up to it. */
  next(): Promise<IteratorResult<TrainEvent, TrainResult>> {
    return this.#events.next();
  }

  /** Ends the training where it stands. */
  return(value: TrainResult | PromiseLike<TrainResult>): Promise<IteratorResult<TrainEvent, TrainResult>> {
    return this.#events.return(value);
  }

  /** Ends the training with an error. */
  throw(error: unknown): Promise<IteratorResult<TrainEvent, TrainResult>> {
    this.#end ??= { error };
    return this.#events.throw(error);
  }

  /** What `await` calls: the result, after running what is left. */
  then<A = TrainResult, B = never>(
    onResult?: ((value: TrainResult) => A | PromiseLike<A>) | null,
    onError?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.result.then(onResult, onError);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#events.return(undefined as unknown as TrainResult);
  }

  async *#run(
    model: Model,
    {
      data,
      optimizer: given,
      loss,
      state,
      signal,
      tensorboard,
    }: Pick<HyperfitOptions, 'data' | 'optimizer' | 'loss' | 'state' | 'signal' | 'tensorboard'>,
  ): AsyncGenerator<TrainEvent, TrainResult, void> {
    await model.setQuantization(this.settings.quantize);
    const { sequences, summary, warnings } = await prepareTrainingData(data, model, this.settings);
    this.#data = summary;
    for (const message of warnings) this.#onWarning(message);
    const { betas, eps, weightDecay, optim } = this.settings;
    const optimizer = given ?? new Optimizer(model, { betas, eps, weightDecay, optim, lora: loraOptions(this.settings) });
    try {
      this.#training = new Training({ model, optimizer, sequences, settings: this.settings, loss, state, signal });
      return yield* shownOn(tensorboard, this.#training, { settings: this.settings, onWarning: this.#onWarning });
    } finally {
      if (given === undefined) optimizer.dispose();
    }
  }

  /** The events, and how they ended. */
  async *#remembered(events: AsyncGenerator<TrainEvent, TrainResult, void>): AsyncGenerator<TrainEvent, TrainResult, void> {
    try {
      const result = yield* events;
      this.#end = { result };
      return result;
    } catch (error) {
      this.#end = { error };
      throw error;
    }
  }

  async #finish(): Promise<TrainResult> {
    while ((await this.#events.next()).done !== true);
    if (this.#end === undefined) return this.#stopped();
    if ('error' in this.#end) throw this.#end.error;
    return this.#end.result;
  }

  #stopped(): TrainResult {
    const { step, epoch, lastEpochLoss } = this.state ?? { step: 0, epoch: 0, lastEpochLoss: null };
    return { reason: 'stopped', step, epochs: epoch, loss: lastEpochLoss };
  }
}

function emitWarning(message: string): void {
  process.emitWarning(message, 'HyperfitWarning');
}

/** Settings that would be ignored, or a resume that would not be one, are refused. */
function requireOneSource({ optimizer, loss, state, betas, eps, weightDecay, loraRank }: HyperfitOptions): void {
  if (loss !== undefined && typeof loss !== 'function')
    throw new HyperfitError('ERR_CONFIG', `expected a function from logits and batch to a tensor for \`loss\`, got ${typeof loss}`);
  if (optimizer !== undefined && [betas, eps, weightDecay, loraRank].some((value) => value !== undefined)) {
    throw new HyperfitError(
      'ERR_CONFIG',
      'expected `betas`, `eps`, `weightDecay` and LoRA where the optimizer is made, got them beside `optimizer`; give them to it instead',
    );
  }
  if (state !== undefined && optimizer === undefined) {
    throw new HyperfitError(
      'ERR_CONFIG',
      'expected the `optimizer` of the checkpoint beside `state`, got none; take both from loadCheckpoint()',
    );
  }
}
