import { escapeHtml } from '../report/escape.ts';
import { renderHtmlPage } from '../report/html-page.ts';
import { pagePolicy } from '../report/page-policy.ts';
import { REPEAT_NGRAM, REPEAT_SHADES } from '../report/repeated-spans.ts';
import { PLAY_SCRIPT } from './page-script.ts';
import { PLAY_STYLE } from './page-style.ts';
import type { PlayedRun } from './played-run.ts';
import { MOST_CHARACTERS } from './request.ts';

/** Only this very script and style; no other place is reached but the server that sent the page. */
export function playPolicy(): string {
  return pagePolicy({ script: PLAY_SCRIPT, style: PLAY_STYLE, served: true });
}

/** The one page; all that is written comes by requests to where it came from. */
export function renderPlayPage(run: PlayedRun, { canBlock }: { canBlock: boolean }): string {
  return renderHtmlPage({
    title: `${run.name}: original and hyperfitted`,
    policy: playPolicy(),
    style: PLAY_STYLE,
    body: renderBody(run, canBlock),
  });
}

function renderBody(run: PlayedRun, canBlock: boolean): string {
  return `<header><h1>${escapeHtml(run.name)}</h1>
<p class="subtitle">Both models go on with the same opening: the one that the run began from, and the hyperfitted one.</p></header>
<main>
<noscript><p>This page needs JavaScript; it loads nothing from anywhere else.</p></noscript>
${renderForm(run, canBlock)}
<p id="status" role="status"></p>
<section id="texts" hidden aria-label="Continuations">
<div class="columns">${['original', 'hyperfitted'].map(renderColumn).join('')}</div>
${renderLegend(run.train.length > 0)}
</section>
<aside id="source" class="panel" hidden tabindex="-1" aria-labelledby="source-title">
<div class="bar"><h2 id="source-title">Training text</h2><button type="button" id="close-source">Close</button></div>
<p id="source-facts" class="facts"></p><p id="source-text" class="text" dir="auto"></p>
</aside>
<section id="past" hidden><h2>Written so far</h2><ol id="history"></ol></section>
</main>
<script type="application/json" id="run">${embeddedJson({ openings: run.openings })}</script>
<script>${PLAY_SCRIPT}</script>`;
}

function renderForm(run: PlayedRun, canBlock: boolean): string {
  return `<form id="form">
<div class="bar"><label for="opening">Opening</label>${renderOpenings(run)}</div>
<textarea id="opening" rows="4" maxlength="${MOST_CHARACTERS}" dir="auto" placeholder="It was a dark and stormy night" aria-describedby="keys"></textarea>
<div class="controls">
${renderNumber('temperature', 'Temperature', { value: 0, min: 0, max: 5, step: 0.1 }, '0 is greedy')}
${renderNumber('topP', 'Top-P', { value: 1, min: 0.01, max: 1, step: 0.01 }, '1 is off')}
${renderNumber('repetitionPenalty', 'Repetition penalty', { value: 1, min: 0.1, max: 5, step: 0.05 }, '1 is off')}
${renderNumber('maxNewTokens', 'Tokens', { value: run.config.maxNewTokens, min: 1, max: 4096, step: 1 }, 'at most')}
${renderNumber('seed', 'Seed', { value: 0, min: 0, max: Number.MAX_SAFE_INTEGER, step: 1 }, 'of the draws')}
<label class="switch"><input type="checkbox" id="blocker"${canBlock ? '' : ' disabled'}> Citation blocker<small>holds the hyperfitted model</small></label>
</div>
<div class="row"><button type="submit" id="write" class="primary">Write</button><button type="button" id="stop" disabled>Stop</button><span id="keys" class="hint"><kbd>Ctrl</kbd> <kbd>Enter</kbd> writes, <kbd>Esc</kbd> stops</span></div>
</form>`;
}

function renderOpenings({ openings }: PlayedRun): string {
  if (openings.length === 0) return '';
  const options = openings.map(
    ({ text, source }, index) => `<option value="${index}">${escapeHtml(clip(text))} (${escapeHtml(source)})</option>`,
  );
  return `<select id="openings" aria-label="Openings that were not trained on"><option value="">Openings that were not trained on</option>${options.join('')}</select>`;
}

function renderNumber(
  id: string,
  label: string,
  { value, min, max, step }: { value: number; min: number; max: number; step: number },
  hint: string,
): string {
  return `<label>${label}<input type="number" id="${id}" value="${value}" min="${min}" max="${max}" step="${step}" required inputmode="decimal"><small>${hint}</small></label>`;
}

function renderColumn(name: string, place: number): string {
  return `<article class="continuation" aria-labelledby="name-${place}"><h2 id="name-${place}">${name}</h2><p class="facts" id="facts-${place}"></p><p class="text" id="text-${place}" dir="auto"></p></article>`;
}

function renderLegend(hasTraining: boolean): string {
  const shades = REPEAT_SHADES.map(({ label }, index) => `<mark class="shade-${index + 1}">${label}</mark>`).join(' ');
  const quoted = hasTraining
    ? ' <span class="memorised">Underlined</span>: a run of tokens that stands in the training text; choose it to see where.'
    : '';
  return `<p class="legend">Shaded: the run of ${REPEAT_NGRAM} tokens around a word had come before: ${shades}.${quoted}</p>`;
}

const clip = (text: string): string => {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length > 70 ? `${line.slice(0, 69)}…` : line;
};

/** No less-than sign is left, so that no text can end the element or begin a comment. */
function embeddedJson(value: object): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c');
}
