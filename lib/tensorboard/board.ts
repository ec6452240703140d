import type { HyperparameterValue, Summary } from './event.ts';
import { EventFile } from './event-file.ts';

export interface BoardOptions {
  /** The first step that is done again by a run that goes on. */
  purgeStep?: number | undefined;
  /** Told once when events cannot be written; after it none are. */
  onWarning: (message: string) => void;
}

/** Event files as a thing to watch by: where they cannot be written, training goes on without them. */
export class Board {
  #file: EventFile | undefined;
  readonly #onWarning: (message: string) => void;

  private constructor(onWarning: (message: string) => void) {
    this.#onWarning = onWarning;
  }

  static async open(folder: string, { purgeStep, onWarning }: BoardOptions): Promise<Board> {
    const board = new Board(onWarning);
    try {
      board.#file = await EventFile.open(folder, { purgeStep });
    } catch (error) {
      board.#giveUp(folder, error);
    }
    return board;
  }

  /** Figures that were not measured are left out. */
  scalars(step: number, values: Readonly<Record<string, number | null | undefined>>): void {
    this.show(
      step,
      Object.entries(values).flatMap(([tag, scalar]) => (typeof scalar === 'number' ? [{ tag, scalar }] : [])),
    );
  }

  show(step: number, summaries: readonly Summary[]): void {
    this.#attempt((file) => file.summaries(step, summaries));
  }

  hyperparameters(values: Readonly<Record<string, HyperparameterValue>>): void {
    this.#attempt((file) => file.hyperparameters(values));
  }

  close(): void {
    this.#attempt((file) => file.close());
    this.#file = undefined;
  }

  #attempt(work: (file: EventFile) => void): void {
    const file = this.#file;
    if (file === undefined) return;
    try {
      work(file);
    } catch (error) {
      this.#giveUp(file.path, error);
    }
  }

  #giveUp(path: string, error: unknown): void {
    this.#file = undefined;
    this.#onWarning(
      `no more TensorBoard events are written to ${path}: ${(error as Error).message}; training goes on, and metrics.jsonl has the same figures`,
    );
  }
}

/** Lists and what is not set become words: a hyperparameter is a number, a text or a truth value. */
export function hyperparametersOf(
  settings: Readonly<Record<string, HyperparameterValue | readonly (number | string)[] | null>>,
): Record<string, HyperparameterValue> {
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [name, value === null ? 'none' : typeof value === 'object' ? value.join(',') : value]),
  );
}
