import { renderText } from '../report/continuations.ts';
import { escapeHtml } from '../report/escape.ts';
import type { StepSamples } from '../run/samples.ts';

/** What the model writes now, beside what the original wrote after the same contexts. Empty before the first evaluation. */
export function renderSamples(original: StepSamples | undefined, newest: StepSamples | undefined): string {
  if (newest === undefined || newest.samples.length === 0) return '';
  const articles = newest.samples.map(({ context, text }, index) => {
    const before = newest.step === original?.step ? undefined : original?.samples[index];
    const columns = [...(before === undefined ? [] : [card('original', before.text)]), card(nameOf(newest.step), text)];
    return `<article><blockquote dir="auto"><span class="label">Context</span>${renderText(context)}</blockquote><div class="columns">${columns.join('')}</div></article>`;
  });
  return `<section><h2>Samples</h2><p class="legend">Greedy continuations of beginnings that are not trained on, from the newest evaluation. ↵ is a line break.</p>${articles.join('')}</section>`;
}

const nameOf = (step: number): string => (step === 0 ? 'original' : `after step ${step}`);

function card(title: string, text: string): string {
  return `<div class="continuation"><h3>${escapeHtml(title)}</h3><p class="text" dir="auto">${renderText(text.trimStart())}</p></div>`;
}
