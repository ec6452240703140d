import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { renderCurves } from '../report/curves.ts';
import { renderFooter } from '../report/footer.ts';
import { renderFacts, renderTiles, renderTitle } from '../report/header.ts';
import { renderFindings } from '../report/report.ts';
import { withoutFolders } from '../run/base-names.ts';
import type { RunEvent, RunResult } from '../run/run-events.ts';
import { runFolder, type RunFolder } from '../run/run-folder.ts';
import { readReportData } from '../run/run-report.ts';
import { newestSamples, originalSamples } from '../run/samples.ts';
import { PageParts } from './page-parts.ts';
import { renderSamples } from './samples-part.ts';
import { renderStatus, type LiveStatus } from './status-part.ts';

/** Least time between looks at the files of a run, milliseconds. */
const REFRESH_INTERVAL = 500;
/** Looking takes at most about this share of the time, however long a run's log is. */
const REFRESH_SHARE = 0.05;

const ENDINGS: Readonly<Record<RunResult['reason'], string>> = {
  epochs: 'all epochs done',
  maxSteps: 'all steps done',
  targetLoss: 'the target loss is reached',
  stopped: 'go on with --resume',
};

/** A run as its page shows it while it goes: events say how it stands, and its files, which are written at once, say the rest. */
export class LiveRun {
  readonly parts = new PageParts();
  #status: LiveStatus = {
    state: 'starting',
    note: 'loading the model and the data',
    step: 0,
    totalSteps: null,
    secondsLeft: null,
    mayEndSooner: false,
    loss: null,
  };
  #folder: RunFolder | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isChanged = true;
  #lookTook = 0;

  constructor({ mayEndSooner = false } = {}) {
    this.#status.mayEndSooner = mayEndSooner;
    this.parts.set('title', renderTitle({ title: 'A hyperfit run' }));
    this.parts.set('status', renderStatus(this.#status));
  }

  hear(event: RunEvent): void {
    if (event.type === 'start') {
      this.#folder = runFolder(event.folder);
      this.#say({ state: 'running', step: event.step, totalSteps: event.totalSteps, note: '' });
    } else if (event.type === 'step') {
      const { step, totalSteps, secondsLeft, loss } = event;
      this.#say({ step, totalSteps, secondsLeft, loss, note: '' });
    } else if (event.type === 'note') {
      this.#say({ note: withoutFolders(event.message) });
    } else {
      this.#schedule();
    }
  }

  /** Tokens of a comparison, which takes long and makes no steps. */
  count({ what, done, total }: { what: string; done: number; total: number }): void {
    this.#say({ note: `${what}: ${done} of ${total} tokens` });
  }

  end({ reason, report }: Pick<RunResult, 'reason' | 'report'>): void {
    this.#finish({
      state: reason === 'stopped' ? 'stopped' : 'done',
      note: `${ENDINGS[reason]}${report === null ? '' : `. This page ends here; the same stands in ${basename(report)} in the folder of the run`}`,
    });
  }

  fail(error: unknown): void {
    const code = (error as { code?: unknown } | null)?.code;
    const message = error instanceof Error ? error.message : String(error);
    this.#finish({ state: 'failed', note: withoutFolders(typeof code === 'string' ? `${code}: ${message}` : message) });
  }

  /** Shows at once what there is: somebody has begun to look. */
  refresh(): void {
    this.parts.set('status', renderStatus(this.#status));
    if (!this.#isChanged || this.#folder === undefined || !existsSync(this.#folder.runFile)) return;
    this.#isChanged = false;
    const began = performance.now();
    try {
      this.#look(this.#folder);
    } catch {
      // A file that is just being written, or a full disk: the next look may do better, and training goes on in any case.
      this.#isChanged = true;
    }
    this.#lookTook = performance.now() - began;
  }

  #look(folder: RunFolder): void {
    const data = readReportData(folder);
    const isEnded = ['done', 'stopped'].includes(this.#status.state);
    this.parts.set('title', renderTitle(data));
    this.parts.set('tiles', renderTiles(data));
    this.parts.set('curves', renderCurves(data.curves, data.missing));
    this.parts.set(
      'samples',
      isEnded && data.continuations.length > 0 ? '' : renderSamples(originalSamples(folder), newestSamples(folder)),
    );
    this.parts.set('findings', isEnded ? renderFindings(data) : '');
    this.parts.set('facts', `${renderFacts(data.facts)}${isEnded ? renderFooter(data) : ''}`);
  }

  #say(news: Partial<LiveStatus>): void {
    this.#status = { ...this.#status, ...news };
    this.#schedule();
  }

  #schedule(): void {
    this.#isChanged = true;
    if (this.#timer !== undefined || this.parts.followers === 0) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.refresh();
      },
      Math.max(REFRESH_INTERVAL, this.#lookTook / REFRESH_SHARE),
    );
    this.#timer.unref();
  }

  #finish(news: Partial<LiveStatus>): void {
    clearTimeout(this.#timer);
    this.#status = { ...this.#status, ...news, secondsLeft: null };
    this.#isChanged = true;
    this.refresh();
    this.parts.close();
  }
}
