import { escapeHtml } from '../report/escape.ts';
import { renderDuration } from '../report/format-duration.ts';
import { formatNumber } from '../report/format-number.ts';

/** How a run stands, as its page says it. */
export interface LiveStatus {
  state: 'starting' | 'running' | 'done' | 'stopped' | 'failed';
  /** What is being done where no step is, how it ended, or with which error. */
  note: string;
  step: number;
  totalSteps: number | null;
  secondsLeft: number | null;
  /** A target loss may end it sooner. */
  mayEndSooner: boolean;
  loss: number | null;
}

const WORDS: Readonly<Record<LiveStatus['state'], string>> = {
  starting: 'Getting ready',
  running: 'Running',
  done: 'Done',
  stopped: 'Stopped',
  failed: 'Failed',
};

/** State, bar, figures and note; the script takes the title of the tab from here. */
export function renderStatus(status: LiveStatus): string {
  const { state, note, step, totalSteps } = status;
  const share = totalSteps === null || state !== 'running' ? '' : `${Math.floor((100 * step) / totalSteps)} % `;
  const bar =
    totalSteps === null || state === 'starting'
      ? ''
      : `<progress max="${totalSteps}" value="${step}" aria-label="Steps done">${step} of ${totalSteps}</progress>`;
  const figures = figuresOf(status)
    .map((figure) => `<span>${escapeHtml(figure)}</span>`)
    .join('');
  return `<div class="live ${state}" data-title="${escapeHtml(`${share}${WORDS[state]}`)}"><p class="state">${WORDS[state]}</p>${bar}<p class="figures">${figures}</p>${note === '' ? '' : `<p class="note">${escapeHtml(note)}</p>`}</div>`;
}

function figuresOf({ state, step, totalSteps, secondsLeft, mayEndSooner, loss }: LiveStatus): string[] {
  if (state === 'starting') return [];
  const steps = totalSteps === null ? `step ${step}` : `step ${step} of ${totalSteps}`;
  const left = secondsLeft === null || state !== 'running' ? [] : [`${mayEndSooner ? 'at most ' : ''}${renderDuration(secondsLeft)} left`];
  return [steps, ...(loss === null ? [] : [`training loss ${formatNumber(loss, 3)}`]), ...left];
}
