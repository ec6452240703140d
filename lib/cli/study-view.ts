import type { StudyHooks, StudyProgress } from '../study/study-in-progress.ts';
import { renderDuration } from '../report/format-duration.ts';
import type { Output } from './output.ts';

/** Between redraws on a terminal, milliseconds. */
const REDRAW_INTERVAL = 200;
/** Between plain lines elsewhere, milliseconds. */
const LINE_INTERVAL = 15000;
/** Of all work, before the time left is guessed. */
const LEAST_SHARE = 0.01;

/** `cell 3/12 train-s0: step 40/160, loss 1.203  4:10 left`. */
export function renderStudyProgress({ number, cells, cell, work, doneCost, leftCost, seconds }: StudyProgress): string {
  // The first moments are spent on loading and say nothing of the speed.
  const isKnown = doneCost > LEAST_SHARE * (doneCost + leftCost);
  const left = isKnown ? `${renderDuration((seconds / doneCost) * leftCost)} left` : `${renderDuration(seconds)} elapsed`;
  return `cell ${number}/${cells} ${cell}: ${work}  ${left}`;
}

/** Lines and a redrawn one on stderr. */
export class StudyView {
  readonly #output: Output;
  readonly #stream = process.stderr;
  readonly #isLive = process.stderr.isTTY === true && process.env['TERM'] !== 'dumb' && !process.env['CI'];
  #lastAt = performance.now();
  #isDrawn = false;

  constructor(output: Output) {
    this.#output = output;
  }

  get hooks(): StudyHooks {
    return {
      onProgress: (progress) => this.#progress(progress),
      onCell: (event) => this.#cell(event),
      onWarning: (message) => {
        this.clear();
        this.#output.warn(message);
      },
    };
  }

  #progress(progress: StudyProgress): void {
    if (this.#output.quiet || performance.now() - this.#lastAt < (this.#isLive ? REDRAW_INTERVAL : LINE_INTERVAL)) return;
    this.#lastAt = performance.now();
    const line = renderStudyProgress(progress);
    this.#stream.write(this.#isLive ? `\r\x1b[2K${line.slice(0, (this.#stream.columns || 80) - 1)}` : `${line}\n`);
    this.#isDrawn = this.#isLive;
  }

  #cell({ type, cell, number, cells, seconds }: Parameters<NonNullable<StudyHooks['onCell']>>[0]): void {
    if (type === 'started') return;
    this.clear();
    const how = { skipped: 'done before', shared: 'done before by a study that shares', finished: `done in ${renderDuration(seconds)}` }[
      type
    ];
    this.#output.log(`cell ${number}/${cells} ${cell}: ${how}`);
  }

  clear(): void {
    if (this.#isDrawn) this.#stream.write('\r\x1b[2K');
    this.#isDrawn = false;
  }
}
