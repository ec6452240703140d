import { addon } from '../addon.ts';
import type { BatchHandle, NativeDeparture, NativePromptScores, SeatListener } from '../addon-batch-types.ts';
import type { Control } from '../addon-types.ts';
import { CallbackGuard } from '../callbacks.ts';
import { endRow } from '../control.ts';
import { HyperfitError } from '../errors.ts';
import { nativeOptions, type Generator } from './generate.ts';
import { checkOptionIds, normalizeGenerateOptions, type GenerateOptions } from './options.ts';

/** A token of one sequence. The last two are empty unless `topLogProbs` asked for more. */
export interface BatchToken {
  /** Of the token. */
  id: number;
  /** ln p under the model's own distribution; NaN without `tokenStats`. */
  logProb: number;
  /** The most probable ids at this step, the best first. */
  topIds: Int32Array;
  /** Their ln p. */
  topLogProbs: Float32Array;
}

/** A sequence that wants to join. */
export interface BatchRequest {
  /** At least one id. */
  promptIds: Int32Array;
  /** As of `generate`; stop strings, `signal` and `onToken` are the caller's affair. */
  options?: Omit<GenerateOptions, 'stopStrings' | 'signal' | 'onToken' | 'logitsHook'>;
  /** With `tokenStats`: how many of the most probable ids to tell with each token. Default 0. */
  topLogProbs?: number;
  /** Asks for the scores of the prompt's own tokens, with so many of the most probable ids each. */
  promptTopLogProbs?: number | undefined;
  /** Told of each token, on the main thread. What it throws ends the sequence's batch call. */
  onToken: (token: BatchToken) => void;
}

/** How a sequence ended. */
export interface BatchEnd {
  /** Its place in the batch. */
  seat: number;
  /** What ended it. */
  finishReason: NativeDeparture['generation']['finishReason'];
  /** Tokens at which the citation blocker changed the choice. */
  interventions: number;
  /** What went wrong with this sequence alone. */
  failure: Error | null;
}

export interface BatchArrival {
  seat: number;
  prompt: NativePromptScores | null;
  /** Of a sequence that its first token has ended already. */
  end: BatchEnd | null;
}

/** The net below `dispose`. */
const forgotten = new FinalizationRegistry<BatchHandle>((handle) => addon().batchDispose(handle, false));

/**
 * A batch that sequences join and leave while it decodes. A prompt is read alone and rows do not affect each other, so a sequence's ids are
 * those that `generate` gives it alone. Calls run on the addon's compute thread in the order they were made. After weights have been
 * changed, sequences that were under way go on with what they had read before.
 *
 * @example
 * using batch = new RunningBatch(model, 4);
 * await batch.join({ promptIds: Int32Array.of(1, 2, 3), options: { maxNewTokens: 32 }, onToken: ({ id }) => console.log(id) });
 * while (batch.size > 0) await batch.advance(8); // others may join between two calls
 */
export class RunningBatch {
  /** Sequences that fit. */
  readonly seats: number;
  readonly #model: Generator;
  readonly #handle: BatchHandle;
  readonly #control: Control;
  readonly #listeners = new Map<number, BatchRequest['onToken']>();

  /** @throws HyperfitError ERR_CONFIG for `seats` that are no whole number from 1 to 1024, ERR_DISPOSED */
  constructor(model: Generator, seats: number) {
    if (!Number.isInteger(seats) || seats < 1 || seats > 1024) {
      throw new HyperfitError(
        'ERR_CONFIG',
        `expected a whole number from 1 to 1024 for \`seats\`, got ${seats}; on the CPU up to 64 decode together`,
      );
    }
    this.seats = seats;
    this.#model = model;
    this.#handle = addon().batchCreate(model.handle, seats);
    this.#control = new Int32Array(2 + seats);
    forgotten.register(this, this.#handle, this);
  }

  /** Sequences under way, those that are about to join included. */
  get size(): number {
    return this.#listeners.size;
  }

  /** Whether no seat is free. */
  get isFull(): boolean {
    return this.size === this.seats;
  }

  /**
   * Reads a prompt into a free seat and chooses its first token.
   * @throws HyperfitError ERR_CONFIG for options and for a full batch, ERR_DATA for ids outside the vocabulary, ERR_SHAPE beyond the
   * model's positions, ERR_NOT_FINITE, ERR_OUT_OF_MEMORY; the others go on
   */
  async join(request: BatchRequest): Promise<BatchArrival> {
    const { promptIds, options = {}, topLogProbs = 0, promptTopLogProbs = -1, onToken } = request;
    const settings = normalizeGenerateOptions(options);
    if (settings.logitsHook !== undefined) {
      throw new HyperfitError(
        'ERR_CONFIG',
        'expected no `logitsHook` in a running batch, got one; it would hold up the others: use generate() or stream()',
      );
    }
    checkOptionIds(settings, this.#model.config.vocabSize);
    const native = { ...(await nativeOptions(settings, this.#model, [promptIds])), topLogProbs };
    const seat = this.#takeSeat(settings.tokenStats ? onToken : (token) => onToken({ ...token, logProb: Number.NaN }));
    try {
      const lengths = Int32Array.of(promptIds.length);
      const arrival = await this.#listening((listener) =>
        addon().batchJoin(this.#handle, seat, promptIds, lengths, native, promptTopLogProbs, this.#control, listener),
      );
      return { seat, prompt: arrival.prompt, end: arrival.departure && this.#leave(arrival.departure) };
    } catch (error) {
      this.#listeners.delete(seat);
      throw error;
    }
  }

  /**
   * Gives every sequence up to `steps` tokens; comes back sooner when one has ended, or after `interrupt`.
   * @throws HyperfitError for what concerns all of them, such as ERR_OUT_OF_MEMORY; the batch is then of no more use
   */
  async advance(steps: number): Promise<BatchEnd[]> {
    const departures = await this.#listening((listener) => addon().batchAdvance(this.#handle, steps, this.#control, listener));
    endRow(this.#control, this.seats, false);
    return departures.map((departure) => this.#leave(departure));
  }

  /** Lets a running `advance` come back after the present token, so that others can join. */
  interrupt(): void {
    endRow(this.#control, this.seats);
  }

  /** Ends one sequence with the next token, as `cancelled`. */
  end(seat: number): void {
    endRow(this.#control, seat);
  }

  /** Ends the work that was asked for with ERR_DISPOSED, and frees the cache; idempotent. A batch outlives its model's `dispose`. */
  dispose(): void {
    forgotten.unregister(this);
    addon().batchDispose(this.#handle, true);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #takeSeat(onToken: BatchRequest['onToken']): number {
    const seat = Array.from({ length: this.seats }, (_, index) => index).find((index) => !this.#listeners.has(index));
    if (seat === undefined)
      throw new HyperfitError(
        'ERR_CONFIG',
        `expected a free seat in the batch, got ${this.seats} sequences under way; wait for one to end`,
      );
    endRow(this.#control, seat, false);
    this.#listeners.set(seat, onToken);
    return seat;
  }

  #leave({ seat, generation, failure }: NativeDeparture): BatchEnd {
    this.#listeners.delete(seat);
    const { finishReason, interventions } = generation;
    return { seat, finishReason, interventions, failure };
  }

  async #listening<T>(call: (listener: SeatListener) => Promise<T>): Promise<T> {
    const guard = new CallbackGuard();
    const result = await call((seat, id, logProb, topIds, topLogProbs) => {
      const onToken = this.#listeners.get(seat);
      if (onToken !== undefined) guard.call(() => onToken({ id, logProb, topIds, topLogProbs }));
    });
    await guard.settle();
    return result;
  }
}
