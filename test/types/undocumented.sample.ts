// Read by documented.test.ts, which has to find what is missing here.
export interface Bare {
  silent: number;
  /** Spoken of. */
  spoken: number;
}

/** Spoken of. */
export class Spoken {
  silent = 1;
  #hidden = 2;

  /** Spoken of. */
  get sum(): number {
    return this.silent + this.#hidden;
  }

  [Symbol.dispose](): void {}
}

export function bare(): void {}

/** Spoken of. */
export function spoken(): void {}

export type Name = string;
