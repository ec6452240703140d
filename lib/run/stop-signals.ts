export type StopSignal = 'SIGINT' | 'SIGTERM';

/** Shells' numbers for a process that a signal ended. */
export const SIGNAL_EXIT_CODES: Readonly<Record<StopSignal, number>> = { SIGINT: 130, SIGTERM: 143 };

const SIGNALS: readonly StopSignal[] = ['SIGINT', 'SIGTERM'];

/**
 * Ends the process at once, by the signal itself: an exit would wait for what the file system was asked for, on a disk that hangs for ever.
 * Shells tell it with the same number.
 */
export function leaveBy(signal: StopSignal): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

/**
 * The first SIGINT or SIGTERM only sets `received`, for the loop to finish its step, save and leave; the second ends the process
 * at once.
 */
export class StopSignals {
  #received: StopSignal | undefined;
  readonly #onFirst: (signal: StopSignal) => void;
  readonly #listen = (signal: StopSignal): void => {
    if (this.#received !== undefined) return leaveBy(signal);
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
