import { typeTokenRatio } from '../evaluate/type-token-ratio.ts';
import type { AnswerOutcome } from '../evaluate/answers.ts';
import { escapeHtml } from './escape.ts';
import { formatNumber } from './format-number.ts';
import { earlierOccurrences, REPEAT_NGRAM, REPEAT_SHADES, shadeOf } from './repeated-spans.ts';
import type { ReportContext, ReportContinuation } from './report-data.ts';

/** Shared spans up to this long are everyday phrases, and what the citation blocker allows. */
const SHORT_OVERLAP = 5;
const OPEN_CONTEXTS = 3;

/** Continuations side by side, the first contexts open and the rest folded. Empty without contexts. */
export function renderContinuations(contexts: readonly ReportContext[]): string {
  if (contexts.length === 0) return '';
  const open = contexts.slice(0, OPEN_CONTEXTS).map(renderContext).join('');
  const folded = contexts.slice(OPEN_CONTEXTS);
  const rest =
    folded.length === 0
      ? ''
      : `<details><summary>${folded.length} more ${folded.length === 1 ? 'context' : 'contexts'}</summary>${folded.map(renderContext).join('')}</details>`;
  const onlyAnswers = contexts.every(({ isAnswer }) => isAnswer === true);
  return `<section><h2>${onlyAnswers ? 'Answers' : 'Continuations'}</h2>${onlyAnswers ? '' : renderLegend()}${open}${rest}</section>`;
}

function renderLegend(): string {
  const shades = REPEAT_SHADES.map(({ label }, index) => `<mark class="shade-${index + 1}">${label}</mark>`).join(' ');
  return `<p class="legend">A word is shaded when the run of ${REPEAT_NGRAM} tokens around it had occurred before in the same continuation: ${shades}. <span class="shared">Underlined</span>: the longest run of tokens that also stands in the training data, where it has more than ${SHORT_OVERLAP}. ↵ is a line break.</p>`;
}

function renderContext(shown: ReportContext): string {
  if (shown.isAnswer === true) return renderAnswers(shown);
  const { context, original, continuations } = shown;
  const quote = `<blockquote dir="auto"><span class="label">Context</span>${renderText(context)}</blockquote>`;
  const human =
    original === undefined
      ? ''
      : `<p class="original" dir="auto"><span class="label">How the text itself goes on</span>${renderText(original.trimStart())}</p>`;
  return `<article>${quote}<div class="columns">${continuations.map(renderContinuation).join('')}</div>${human}</article>`;
}

/** The right answer stands in line with those of the models, and no word of them is shaded: what repeats in an answer belongs there. */
function renderAnswers({ context, original, continuations }: ReportContext): string {
  const quote = `<blockquote dir="auto"><span class="label">What is to be answered</span>${renderText(context)}</blockquote>`;
  const reference = original === undefined ? '' : renderCard('the right answer', [], renderText(original.trimStart()));
  const answers = continuations.map(({ name, ids, pieces, answer }) =>
    renderCard(name, answerFacts(ids.length, answer), renderText(pieces.join('').trimStart())),
  );
  return `<article>${quote}<div class="columns">${reference}${answers.join('')}</div></article>`;
}

function answerFacts(tokens: number, answer: AnswerOutcome | undefined): string[] {
  if (answer === undefined) return [`${tokens} tokens`];
  const match = answer.isExact === null ? [] : [answer.isExact ? '<span class="exact">equal to it</span>' : 'differs'];
  return [...match, `${tokens} tokens`, answer.hasEnded ? 'ended by itself' : 'cut off'];
}

function renderCard(title: string, facts: readonly string[], text: string): string {
  return `<div class="continuation"><h3>${escapeHtml(title)}</h3>${facts.length === 0 ? '' : `<p class="facts">${facts.join(' · ')}</p>`}<p class="text" dir="auto">${text}</p></div>`;
}

function renderContinuation(continuation: ReportContinuation): string {
  const { name, ids, overlap } = continuation;
  const facts = [`TTR ${formatNumber(typeTokenRatio(ids), 2)}`, `${ids.length} tokens`];
  if (overlap !== undefined) facts.push(`overlap ${overlap.length}`);
  return renderCard(name, facts, renderSpans(continuation));
}

/** Neighbouring tokens of one shade make one span. */
function renderSpans({ ids, pieces, overlap }: ReportContinuation): string {
  const earlier = earlierOccurrences(ids);
  const sharedFrom = overlap !== undefined && overlap.length > SHORT_OVERLAP ? overlap.start : Infinity;
  const sharedTo = sharedFrom + (overlap?.length ?? 0);
  const spans: { classes: string; text: string }[] = [];
  pieces.forEach((piece, at) => {
    const text = at === 0 ? piece.replace(/^ +/, '') : piece;
    const shade = shadeOf(earlier[at] ?? 0);
    const classes = [...(shade > 0 ? [`shade-${shade}`] : []), ...(at >= sharedFrom && at < sharedTo ? ['shared'] : [])].join(' ');
    const last = spans.at(-1);
    if (last?.classes === classes) last.text += text;
    else spans.push({ classes, text });
  });
  return spans
    .map(({ classes, text }) => (classes === '' ? renderText(text) : `<mark class="${classes}">${renderText(text)}</mark>`))
    .join('');
}

/** A run of line breaks becomes visible signs and one break, so that a text of nothing else stays short. */
export function renderText(text: string): string {
  return escapeHtml(text).replace(/\n+/g, (breaks) => `<span class="break">${'↵'.repeat(breaks.length)}</span>\n`);
}
