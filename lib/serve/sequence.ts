import type { NativePromptScores } from '../addon-batch-types.ts';
import type { BatchEnd, BatchToken } from '../generate/running-batch.ts';
import type { GenerateOptions } from '../generate/options.ts';
import { RowText } from '../generate/row-text.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { EventQueue } from '../generate/event-queue.ts';

export interface SequenceRequest {
  promptIds: Int32Array;
  options: Omit<GenerateOptions, 'stopStrings' | 'signal' | 'onToken'>;
  stopStrings: readonly string[];
  topLogProbs: number;
  promptTopLogProbs: number | undefined;
}

/** A token and where its text begins in that of its choice. */
export interface TokenRecord extends BatchToken {
  offset: number;
}

export type SequenceEvent =
  | { type: 'prompt'; scores: NativePromptScores }
  /** Text that nothing can change any more, with the tokens that brought it. */
  | { type: 'text'; text: string; tokens: TokenRecord[] }
  | { type: 'end'; finishReason: BatchEnd['finishReason']; tokens: number };

/** One continuation on its way from the queue through a seat of the batch to its reader. */
export class Sequence {
  readonly request: SequenceRequest;
  readonly #text: RowText;
  readonly #events = new EventQueue<SequenceEvent>();
  #waiting: TokenRecord[] = [];
  #told = 0;
  #isOver = false;
  #isPromptTold: boolean;

  constructor(request: SequenceRequest, tokenizer: Tokenizer) {
    this.request = request;
    this.#isPromptTold = request.promptTopLogProbs === undefined;
    this.#text = new RowText(tokenizer, request.promptIds, request.stopStrings);
  }

  /** For one reader. Ends after the event `end`; throws what the batch threw. */
  get events(): AsyncIterable<SequenceEvent> {
    return this.#events;
  }

  /** Whether a stop string has come, so that the seat can be given back. */
  get isStopped(): boolean {
    return this.#text.isStopped;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Comes before all text, though the first token may have been received by then. */
  tellPrompt(scores: NativePromptScores): void {
    this.#events.push({ type: 'prompt', scores });
    this.#isPromptTold = true;
    this.#tellReady();
  }

  receive(token: BatchToken): void {
    if (this.#text.isStopped || this.#isOver) return;
    this.#waiting.push({ ...token, offset: this.#text.text.length });
    this.#text.push(token.id);
    this.#tellReady();
  }

  end({ finishReason, failure }: Pick<BatchEnd, 'finishReason' | 'failure'>): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (failure !== null) return this.#events.close({ error: failure });
    this.#tell(this.#text.text.length);
    this.#events.push({ type: 'end', finishReason: this.#text.isStopped ? 'stop' : finishReason, tokens: this.#text.length });
    this.#events.close();
  }

  /** Everything under way fails with one error. */
  fail(error: unknown): void {
    this.#isOver = true;
    this.#events.close({ error });
  }

  #tellReady(): void {
    if (!this.#isPromptTold) return;
    if (!this.#text.isWaiting || this.#text.ready > this.#told) this.#tell(this.#text.ready);
  }

  #tell(ready: number): void {
    const text = this.#text.text.slice(this.#told, ready);
    const tokens = this.#waiting;
    if (text === '' && tokens.length === 0) return;
    this.#told = ready;
    this.#waiting = [];
    this.#events.push({ type: 'text', text, tokens });
  }
}
