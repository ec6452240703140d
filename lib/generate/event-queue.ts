/** Events that have come and were not read yet; one reader. */
export class EventQueue<T> implements AsyncIterable<T> {
  #events: T[] = [];
  #wake: (() => void) | undefined;
  #closed = false;
  /** Apart from its value: people throw undefined too. */
  #failure: { error: unknown } | undefined;

  push(event: T): void {
    if (this.#closed) return;
    this.#events.push(event);
    this.#wake?.();
  }

  /** Nothing comes any more; with `failure` its reader is told why. */
  close(failure?: { error: unknown }): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#failure = failure;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    for (;;) {
      yield* this.#events.splice(0);
      if (this.#events.length > 0) continue;
      if (this.#closed) break;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
