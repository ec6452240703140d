import type { Control } from './addon-types.ts';

/**
 * Runs native work that can be cancelled: an aborted `signal` raises the flag that C++ reads between layers and tokens,
 * and the promise then rejects with `signal.reason`, as every other AbortSignal API does.
 */
export async function withControl<T>(signal: AbortSignal | undefined, rows: number, run: (control: Control) => Promise<T>): Promise<T> {
  signal?.throwIfAborted();
  const control = new Int32Array(1 + rows);
  const raise = () => cancel(control);
  signal?.addEventListener('abort', raise, { once: true });
  try {
    return await run(control);
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ABORTED' && signal?.aborted) throw signal.reason;
    throw error;
  } finally {
    signal?.removeEventListener('abort', raise);
  }
}

/** Ends one row of a running generation; the others go on. */
export function endRow(control: Control, row: number): void {
  Atomics.store(control, 1 + row, 1);
}

/** Ends all that runs under `control`, as an abort does. */
export function cancel(control: Control): void {
  Atomics.store(control, 0, 1);
}

/**
 * Calls what users hand in, so that nothing of theirs ends the process: what a callback throws, or what a promise of its rejects with, is kept for
 * the call that it belongs to. After the first failure nothing is called any more.
 */
export class CallbackGuard {
  #failure: { error: unknown } | undefined;
  readonly #promises = new Set<Promise<void>>();
  readonly #onFailure: () => void;

  constructor(onFailure: () => void = () => {}) {
    this.#onFailure = onFailure;
  }

  call(callback: () => unknown): void {
    if (this.#failure !== undefined) return;
    try {
      const result = callback();
      if (typeof (result as { then?: unknown } | null | undefined)?.then === 'function') this.#watch(result as PromiseLike<unknown>);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** @throws what a callback has thrown */
  throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Waits for the promises of callbacks. @throws what the first that failed threw */
  async settle(): Promise<void> {
    while (this.#promises.size > 0) await Promise.all(this.#promises);
    this.throwIfFailed();
  }

  #watch(result: PromiseLike<unknown>): void {
    const watched: Promise<void> = Promise.resolve(result).then(
      () => {},
      (error: unknown) => this.#fail(error),
    ).finally(() => this.#promises.delete(watched));
    this.#promises.add(watched);
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    this.#onFailure();
  }
}
