import type { NormalizedConfig } from '../config/normalize.ts';
import { HyperfitError } from '../errors.ts';
import { formatShare } from '../report/format-number.ts';
import { run, type RunEvent, type RunResult } from '../run/run.ts';
import { leaveBy, SIGNAL_EXIT_CODES, StopSignals } from '../run/stop-signals.ts';
import { fetchNamed } from './fetch-named.ts';
import { openLivePage, type OpenFlag } from './live-page.ts';
import type { Output } from './output.ts';
import { Progress, type ProgressState } from './progress.ts';

/** How long a start may take to end after a signal. */
const PATIENCE_MS = 3000;

/** Runs a training with progress on stderr, and with `open` on a page; a signal that stopped it decides the exit code. */
export async function runAndReport(normalized: NormalizedConfig, output: Output, open?: OpenFlag): Promise<RunResult> {
  if (normalized.config.resume && normalized.config.out === null) {
    throw new HyperfitError('ERR_CONFIG', 'expected the run to go on with for `out` beside --resume, got none; give --out');
  }
  await fetchNamed(normalized.config);
  const view = new RunView(normalized, output);
  const page = await openLivePage(open, normalized.config, output);
  const early = new AbortController();
  const signals = new StopSignals((signal) => {
    if (view.hasStep) return view.log(`${signal}: finishing the step and saving; once more ends at once`);
    // Nothing is there to be saved. What cannot be stopped, such as reading from a disk that hangs, is left.
    view.log(`${signal}: ending before the first step`);
    early.abort();
    setTimeout(() => leaveBy(signal), PATIENCE_MS).unref();
  });
  try {
    const result = await run(normalized, {
      signal: early.signal,
      onEvent: (event) => {
        view.show(event);
        page?.live.hear(event);
      },
      onWarning: (message) => view.warn(message),
      onTokens: (progress) => {
        view.count(progress);
        page?.live.count(progress);
      },
      shouldStop: () => signals.received !== undefined,
    });
    page?.live.end(result);
    if (signals.received !== undefined) process.exitCode = SIGNAL_EXIT_CODES[signals.received];
    return result;
  } catch (error) {
    if (early.signal.aborted) process.exit(SIGNAL_EXIT_CODES[signals.received!]);
    page?.live.fail(error);
    throw error;
  } finally {
    view.clear();
    signals.dispose();
    await page?.server.close();
  }
}

/** Turns the events of a run into lines and a bar. */
class RunView {
  readonly #normalized: NormalizedConfig;
  readonly #output: Output;
  readonly #progress = new Progress(process.stderr);
  #hasStep = false;
  #state: ProgressState = {
    step: 0,
    totalSteps: undefined,
    mayEndSooner: false,
    loss: Number.NaN,
    sample: undefined,
    secondsLeft: null,
    seconds: 0,
  };

  constructor(normalized: NormalizedConfig, output: Output) {
    this.#normalized = normalized;
    this.#output = output;
  }

  /** Whether there is anything to save. */
  get hasStep(): boolean {
    return this.#hasStep;
  }

  show(event: RunEvent): void {
    this.#hasStep ||= event.type === 'step';
    if (this.#output.quiet) return;
    switch (event.type) {
      case 'start':
        return this.#begin(event);
      case 'step':
        return this.#step(event);
      case 'epoch':
        return this.log(`epoch ${event.epoch}: mean training loss ${event.meanLoss.toFixed(4)}`);
      case 'evaluation':
        return this.#evaluation(event);
      case 'best':
        return this.log(`best by ${event.criterion} so far: step ${event.step}, kept as ${event.path}`);
      case 'checkpoint':
        return this.log(`saved ${event.path}`);
      case 'note':
        return this.log(event.message);
    }
  }

  log(message: string): void {
    if (!this.#output.quiet) this.#progress.log(message);
  }

  count({ what, done, total }: { what: string; done: number; total: number }): void {
    if (!this.#output.quiet) this.#progress.count(what, done, total);
  }

  warn(message: string): void {
    this.clear();
    this.#output.warn(message);
  }

  clear(): void {
    this.#progress.clear();
  }

  #begin({ folder, step, sequences, stepsPerEpoch, totalSteps }: Extract<RunEvent, { type: 'start' }>): void {
    const { targetLoss } = this.#normalized.config;
    this.#state = { ...this.#state, step, totalSteps: totalSteps ?? undefined, mayEndSooner: targetLoss !== null };
    this.log(`run ${folder}: ${sequences} sequences, ${stepsPerEpoch} steps an epoch${step > 0 ? `, going on after step ${step}` : ''}`);
  }

  #step({ step, loss, seconds, secondsLeft }: Extract<RunEvent, { type: 'step' }>): void {
    const state = this.#state;
    this.#state = { ...state, step, loss, secondsLeft, seconds: state.seconds + seconds };
    this.#progress.update(this.#state);
  }

  #evaluation({ step, ttr, heldOutLoss, answers }: Extract<RunEvent, { type: 'evaluation' }>): void {
    const match = answers?.exactMatch ?? null;
    const written = [
      match === null ? '' : `exact match ${match.matches} of ${match.references}`,
      ttr === null ? '' : `ttr ${ttr.toFixed(3)}`,
    ].filter((part) => part !== '');
    this.#state.sample = written.join('  ') || undefined;
    const ended = (answers ?? null) === null ? '' : `ended ${formatShare(answers!.endedShare, 0)}`;
    const parts = [...written, ended, heldOutLoss === null ? '' : `held-out loss ${heldOutLoss.toFixed(3)}`].filter((part) => part !== '');
    this.log(`step ${step}: ${parts.join('  ')}`);
  }
}
