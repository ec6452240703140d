/**
 * Watches what users hand in, so that nothing of theirs ends the process: what a callback throws, or what a promise of its rejects with, is
 * kept for the call that it belongs to.
 */
export class CallbackGuard {
  #failure: { error: unknown } | undefined;
  readonly #promises = new Set<Promise<void>>();
  readonly #onFailure: () => void;

  constructor(onFailure: () => void = () => {}) {
    this.#onFailure = onFailure;
  }

  /** Calls `callback`, from where nothing may be thrown; after a first failure nothing is called any more. */
  call(callback: () => unknown): void {
    if (this.#failure !== undefined) return;
    try {
      this.watch(callback());
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Keeps the failure of `result`, where that is a promise. */
  watch(result: unknown): void {
    if (typeof (result as { then?: unknown } | null | undefined)?.then !== 'function') return;
    const watched: Promise<void> = Promise.resolve(result)
      .then(
        () => {},
        (error: unknown) => this.#fail(error),
      )
      .finally(() => this.#promises.delete(watched));
    this.#promises.add(watched);
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

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    this.#onFailure();
  }
}

/**
 * Does `work` with callbacks that may be async functions: what one of them throws or rejects with rejects the whole, at its next call or at
 * the end. Values that are no functions pass as they are.
 */
export async function withHooks<Hooks extends object, T>(hooks: Hooks, work: (safe: Hooks) => Promise<T>): Promise<T> {
  const guard = new CallbackGuard();
  const safe = Object.entries(hooks).map(([name, hook]) => [name, typeof hook === 'function' ? watched(hook as Callback, guard) : hook]);
  let result: T;
  try {
    result = await work(Object.fromEntries(safe) as Hooks);
  } catch (error) {
    await guard.settle().catch(() => {}); // what failed first is told
    throw error;
  }
  await guard.settle();
  return result;
}

type Callback = (...args: unknown[]) => unknown;

function watched(hook: Callback, guard: CallbackGuard): Callback {
  return (...args) => {
    guard.throwIfFailed();
    const result = hook(...args);
    guard.watch(result);
    return result;
  };
}
