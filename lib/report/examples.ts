import { renderText } from './continuations.ts';
import { escapeHtml } from './escape.ts';
import type { ReportExample } from './report-data.ts';

/** Some training sequences as the model sees them, what is not learnt in grey. Empty without any. */
export function renderExamples(examples: readonly ReportExample[] = []): string {
  if (examples.length === 0) return '';
  const isMasked = examples.some(({ spans }) => spans.some(({ learnt }) => !learnt));
  const legend = isMasked
    ? '<span class="unlearnt">Grey</span> is read and not learnt: no loss is taken there.'
    : 'Every token after the first is learnt.';
  return `<section><h2>What is trained on</h2><p class="legend">The first training sequences as the model sees them. ${legend}</p>${examples.map(renderExample).join('')}</section>`;
}

function renderExample({ source, spans }: ReportExample): string {
  const text = spans.map((span) => renderLearnt(span.text, span.learnt)).join('');
  return `<div class="sample"><p class="facts">${escapeHtml(source)}</p><p class="text" dir="auto">${text}</p></div>`;
}

export function renderLearnt(text: string, learnt: boolean): string {
  return learnt ? renderText(text) : `<span class="unlearnt">${renderText(text)}</span>`;
}
