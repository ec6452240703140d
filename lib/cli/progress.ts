import { renderDuration } from '../report/format-duration.ts';

/** What a progress line shows. */
export interface ProgressState {
  step: number;
  /** The step at which training ends at the latest; undefined when only a target loss ends it. */
  totalSteps: number | undefined;
  /** A target loss may end it sooner. */
  mayEndSooner: boolean;
  loss: number;
  /** What the last sample generations were like: their type-token ratio, or how many answers were right. */
  sample: string | undefined;
  /** To `totalSteps`, seconds; null where nobody knows. */
  secondsLeft: number | null;
  /** Spent on steps by this process, seconds. */
  seconds: number;
}

const BAR_WIDTH = 24;

function renderEta({ secondsLeft, mayEndSooner, seconds }: ProgressState): string {
  if (secondsLeft === null) return `${renderDuration(seconds)} elapsed`;
  return `${mayEndSooner ? 'at most ' : ''}${renderDuration(secondsLeft)} left`;
}

/** One line without the bar, for logs. */
export function renderProgressLine(state: ProgressState): string {
  const total = state.totalSteps === undefined ? '' : `/${state.totalSteps}`;
  const sample = state.sample === undefined ? '' : `  ${state.sample}`;
  return `step ${state.step}${total}  loss ${state.loss.toFixed(4)}${sample}  ${renderEta(state)}`;
}

function renderBar(share: number): string {
  const filled = Math.round(Math.min(1, share) * BAR_WIDTH);
  return `[${'#'.repeat(filled)}${'-'.repeat(BAR_WIDTH - filled)}] `;
}

function fit(line: string, columns: number): string {
  return line.slice(0, Math.max(20, columns - 1));
}

/** The line with a bar in front, for terminals. */
export function renderProgressBar(state: ProgressState, columns: number): string {
  const bar = state.totalSteps === undefined ? '' : renderBar(state.step / state.totalSteps);
  return fit(`${bar}${renderProgressLine(state)}`, columns);
}

/** Tokens written so far, with a bar in front. */
export function renderCount(what: string, done: number, total: number, columns: number): string {
  return fit(`${renderBar(done / total)}${what}: ${done} of ${total} tokens`, columns);
}

/** Between plain lines where there is no terminal, seconds. */
const LINE_INTERVAL = 5;
/** Between redraws of a count, milliseconds. */
const REDRAW_INTERVAL = 100;

/** A bar that redraws itself on a terminal, and a plain line now and then elsewhere. */
export class Progress {
  readonly #stream: NodeJS.WriteStream;
  readonly #isLive: boolean;
  #lastLineAt = -Infinity;
  #isDrawn = false;
  #drawnAt = -Infinity;

  constructor(stream: NodeJS.WriteStream, environment: NodeJS.ProcessEnv = process.env) {
    this.#stream = stream;
    const isCi = environment['CI'] !== undefined && environment['CI'] !== '' && environment['CI'] !== 'false';
    this.#isLive = stream.isTTY === true && !isCi && environment['TERM'] !== 'dumb';
  }

  update(state: ProgressState): void {
    if (this.#isLive) {
      this.#stream.write(`\r\x1b[2K${renderProgressBar(state, this.#stream.columns || 80)}`);
      this.#isDrawn = true;
    } else if (performance.now() / 1000 - this.#lastLineAt >= LINE_INTERVAL || state.step === state.totalSteps) {
      this.#lastLineAt = performance.now() / 1000;
      this.#stream.write(`${renderProgressLine(state)}\n`);
    }
  }

  /** Of what takes long between steps; on a terminal only, where a bar replaces itself. */
  count(what: string, done: number, total: number): void {
    if (!this.#isLive || performance.now() - this.#drawnAt < REDRAW_INTERVAL) return;
    this.#stream.write(`\r\x1b[2K${renderCount(what, done, total, this.#stream.columns || 80)}`);
    this.#drawnAt = performance.now();
    this.#isDrawn = true;
  }

  /** A line of text above the bar. */
  log(message: string): void {
    this.clear();
    this.#stream.write(`${message}\n`);
  }

  clear(): void {
    if (this.#isDrawn) this.#stream.write('\r\x1b[2K');
    this.#isDrawn = false;
  }
}
