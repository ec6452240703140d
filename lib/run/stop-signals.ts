export type StopSignal = 'SIGINT' | 'SIGTERM';

/** Shells' numbers for a process that a signal ended. */
export const SIGNAL_EXIT_CODES: Readonly<Record<StopSignal, number>> = { SIGINT: 130, SIGTERM: 143 };

const SIGNALS: readonly StopSignal[] = ['SIGINT', 'SIGTERM'];

/**
 * The first SIGINT or SIGTERM only sets `received`, for the loop to finish its step, save and leave; the second ends the process
 * at once.
 */
export class StopSignals {
  #received: StopSignal | undefined;
  readonly #onFirst: (signal: StopSignal) => void;
  readonly #listen = (signal: StopSignal): void => {
    if (this.#received !== undefined) process.exit(SIGNAL_EXIT_CODES[signal]);
    this.#received = signal;
    this.#onFirst(signal);
  };

  constructor(onFirst: (signal: StopSignal) => void = () => {}) {
    this.#onFirst = onFirst;
    for (const signal of SIGNALS) process.on(signal, this.#listen);
  }

  get received(): StopSignal | undefined {
    return this.#received;
  }

  dispose(): void {
    for (const signal of SIGNALS) process.off(signal, this.#listen);
  }
}
