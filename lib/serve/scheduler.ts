import type { Generator } from '../generate/generate.ts';
import { RunningBatch, type BatchEnd } from '../generate/running-batch.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { ApiError } from './api-error.ts';
import { FairQueue } from './fair-queue.ts';
import { Sequence, type SequenceRequest } from './sequence.ts';

/** Tokens of every sequence in one call, after which other work of the process has its turn: a training step, another model. */
const SLICE = 32;
const LONGEST_WAIT = 60;

export interface SchedulerOptions {
  /** Sequences that decode together. */
  seats: number;
  /** Sequences that may wait for a seat. */
  maxQueue: number;
}

/** One model's queue and the batch that empties it: a sequence joins as soon as a seat is free, while the others decode. */
export class Scheduler {
  readonly #model: Generator;
  readonly #tokenizer: Tokenizer;
  readonly #options: SchedulerOptions;
  readonly #queue = new FairQueue<Sequence>();
  readonly #seated = new Map<number, Sequence>();
  #batch: RunningBatch;
  #work: Promise<void> | undefined;
  #joining: Sequence | undefined;
  #closed = false;
  #seconds = 1;

  constructor(model: Generator, tokenizer: Tokenizer, options: SchedulerOptions) {
    this.#model = model;
    this.#tokenizer = tokenizer;
    this.#options = options;
    this.#batch = new RunningBatch(model, options.seats);
  }

  /** Sequences that decode, and that wait. */
  get load(): { active: number; waiting: number } {
    return { active: this.#batch.size, waiting: this.#queue.size };
  }

  /**
   * The continuations of one request of `client`, in the order given.
   * @throws ApiError 429 when too many wait, 503 while the server ends
   */
  submit(client: string, requests: readonly SequenceRequest[]): Sequence[] {
    if (this.#closed)
      throw new ApiError(503, 'the server is ending; try another, or this one later', {
        code: 'server_ending',
        headers: { 'retry-after': '5' },
      });
    this.#requireRoom(requests.length);
    const sequences = requests.map((request) => new Sequence(request, this.#tokenizer));
    this.#queue.add(client, sequences);
    this.#batch.interrupt();
    this.#work ??= this.#run().finally(() => (this.#work = undefined));
    return sequences;
  }

  /** Ends a sequence whose reader has left. */
  cancel(sequence: Sequence): void {
    if (sequence.isOver) return;
    this.#queue.remove(sequence);
    sequence.end({ finishReason: 'cancelled', failure: null });
    this.#giveUpSeat(sequence);
  }

  /** Refuses what is new, lets what is under way end within `graceMs`, cancels the rest, and frees the batch. */
  async close(graceMs: number): Promise<void> {
    this.#closed = true;
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([this.#work, new Promise((resolve) => (timer = setTimeout(resolve, graceMs)))]);
    clearTimeout(timer);
    for (let waiting = this.#queue.take(); waiting !== undefined; waiting = this.#queue.take()) waiting.fail(ENDING);
    for (const sequence of [...this.#seated.values(), ...(this.#joining ? [this.#joining] : [])]) {
      sequence.fail(ENDING);
      this.#giveUpSeat(sequence);
    }
    await this.#work;
    this.#batch.dispose();
  }

  /**
   * Refuses a request that would never fit, before anything is made of its texts.
   * @throws ApiError 400
   */
  requireFit(count: number): void {
    const { seats, maxQueue } = this.#options;
    if (count <= maxQueue + seats) return;
    throw new ApiError(400, `expected at most ${maxQueue + seats} texts in one request, got ${count}; send them in several requests`, {
      code: 'too_many_prompts',
    });
  }

  #requireRoom(count: number): void {
    const { seats, maxQueue } = this.#options;
    this.requireFit(count);
    const free = seats - this.#batch.size;
    if (this.#queue.size + count <= maxQueue + free) return;
    const seconds = Math.min(LONGEST_WAIT, Math.max(1, Math.ceil((this.#seconds * (this.#queue.size + 1)) / seats)));
    throw new ApiError(
      429,
      `expected at most ${maxQueue} texts waiting, got ${this.#queue.size} and ${count} more; try again in ${seconds} s`,
      {
        code: 'rate_limit_exceeded',
        headers: { 'retry-after': String(seconds) },
      },
    );
  }

  async #run(): Promise<void> {
    for (;;) {
      await this.#admit();
      if (this.#seated.size === 0 && this.#queue.size === 0) return;
      try {
        for (const end of await this.#batch.advance(SLICE)) this.#leave(end);
      } catch (error) {
        this.#failAll(error);
      }
    }
  }

  async #admit(): Promise<void> {
    while (!this.#batch.isFull) {
      const sequence = this.#queue.take();
      if (sequence === undefined) return;
      await this.#join(sequence);
    }
  }

  async #join(sequence: Sequence): Promise<void> {
    const { promptIds, options, topLogProbs, promptTopLogProbs } = sequence.request;
    this.#joining = sequence;
    const started = performance.now();
    try {
      const arrival = await this.#batch.join({
        promptIds,
        options,
        topLogProbs,
        promptTopLogProbs,
        onToken: (token) => {
          sequence.receive(token);
          if (sequence.isStopped) this.#giveUpSeat(sequence);
        },
      });
      if (arrival.prompt !== null) sequence.tellPrompt(arrival.prompt);
      if (arrival.end !== null) return sequence.end(arrival.end);
      this.#seated.set(arrival.seat, sequence);
      if (sequence.isStopped || sequence.isOver) this.#batch.end(arrival.seat);
      this.#started.set(sequence, started);
    } catch (error) {
      sequence.fail(error);
    } finally {
      this.#joining = undefined;
    }
  }

  readonly #started = new WeakMap<Sequence, number>();

  #leave(end: BatchEnd): void {
    const sequence = this.#seated.get(end.seat);
    this.#seated.delete(end.seat);
    if (sequence === undefined) return;
    sequence.end(end);
    const seconds = (performance.now() - (this.#started.get(sequence) ?? performance.now())) / 1000;
    this.#seconds += (seconds - this.#seconds) / 8;
  }

  #giveUpSeat(sequence: Sequence): void {
    for (const [seat, seated] of this.#seated) {
      if (seated === sequence) this.#batch.end(seat);
    }
  }

  /** What goes wrong with the batch as a whole, such as memory for its cache, leaves an empty one. */
  #failAll(error: unknown): void {
    for (const sequence of this.#seated.values()) sequence.fail(error);
    this.#seated.clear();
    this.#batch.dispose();
    this.#batch = new RunningBatch(this.#model, this.#options.seats);
  }
}

const ENDING = new ApiError(503, 'the server has ended before the text was complete', { code: 'server_ending' });
