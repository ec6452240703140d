/** A part of a page, by the id of its element, as HTML whose every text is escaped. */
export interface PagePart {
  id: string;
  html: string;
}

/**
 * What a page shows, in parts that change. Whoever follows gets all of them, then those that changed; one who reads slowly gets the newest,
 * not each.
 */
export class PageParts {
  readonly #parts = new Map<string, { html: string; version: number }>();
  readonly #waiting = new Set<() => void>();
  #version = 0;
  #followers = 0;
  #onFirst = (): void => {};
  /** Settles when somebody follows for the first time. */
  readonly followed = new Promise<void>((resolve) => (this.#onFirst = resolve));
  #isClosed = false;

  /** How many follow. */
  get followers(): number {
    return this.#followers;
  }

  set(id: string, html: string): void {
    if (this.#isClosed || this.#parts.get(id)?.html === html) return;
    this.#version += 1;
    this.#parts.set(id, { html, version: this.#version });
    this.#wake();
  }

  /** Nothing changes any more. */
  close(): void {
    this.#isClosed = true;
    this.#wake();
  }

  /** Ends when the parts are closed, or with `signal`. */
  async *follow(signal: AbortSignal): AsyncGenerator<PagePart, void, void> {
    this.#followers += 1;
    this.#onFirst();
    const wake = (): void => this.#wake();
    signal.addEventListener('abort', wake);
    try {
      for (let seen = 0; !signal.aborted;) {
        const news = [...this.#parts].filter(([, { version }]) => version > seen);
        seen = this.#version;
        for (const [id, { html }] of news) yield { id, html };
        if (this.#version > seen || signal.aborted) continue;
        if (this.#isClosed) return;
        await new Promise<void>((resolve) => this.#waiting.add(resolve));
      }
    } finally {
      signal.removeEventListener('abort', wake);
      this.#followers -= 1;
    }
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}
