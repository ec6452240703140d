import { StreamDecoder } from '../tokenizer/stream-decoder.ts';
import type { TokenEvent } from './generation.ts';
import { generate, type Generator } from './generate.ts';
import type { GenerateOptions } from './options.ts';
import type { Prompt } from './prompts.ts';
import { findStopString, heldBack } from './stop-strings.ts';

/**
 * One continuation, token by token. Leaving the loop (`break`) ends the native work before the loop is left.
 * @throws HyperfitError as `generate`
 */
export async function* streamTokens(model: Generator, prompt: Prompt, options: GenerateOptions = {}): AsyncGenerator<TokenEvent, void, void> {
  const queue = new TokenQueue();
  const left = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, left.signal]) : left.signal;
  const onToken: GenerateOptions['onToken'] = (row, id, logProb) => {
    options.onToken?.(row, id, logProb);
    queue.push({ id, logProb });
  };
  const work = generate(model, [prompt], { ...options, signal, onToken }).then(
    () => queue.close(),
    (error: unknown) => queue.close(error),
  );
  try {
    yield* readable(queue, model, options.stopStrings ?? []);
  } finally {
    left.abort();
    await work;
  }
}

async function* readable(queue: TokenQueue, { tokenizer }: Generator, stopStrings: readonly string[]): AsyncGenerator<TokenEvent, void, void> {
  const decoder = tokenizer && new StreamDecoder(tokenizer);
  let waiting = '';
  for await (const { id, logProb } of queue) {
    waiting += (await decoder?.push(id)) ?? '';
    const stop = findStopString(waiting, stopStrings);
    const ready = stop >= 0 ? stop : waiting.length - heldBack(waiting, stopStrings);
    yield { id, text: waiting.slice(0, ready), logProb };
    if (stop >= 0) return;
    waiting = waiting.slice(ready);
  }
}

interface QueuedToken {
  id: number;
  logProb: number;
}

/** Tokens that have come and were not read yet. */
class TokenQueue implements AsyncIterable<QueuedToken> {
  #tokens: QueuedToken[] = [];
  #wake: (() => void) | undefined;
  #closed = false;
  #error: unknown;

  push(token: QueuedToken): void {
    this.#tokens.push(token);
    this.#wake?.();
  }

  close(error?: unknown): void {
    this.#closed = true;
    this.#error = error;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<QueuedToken, void, void> {
    for (;;) {
      yield* this.#tokens.splice(0);
      if (this.#tokens.length > 0) continue;
      if (this.#closed) break;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    if (this.#error !== undefined) throw this.#error;
  }
}
