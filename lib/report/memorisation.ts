import type { MemorisedSpan } from '../evaluate/memorisation.ts';
import { renderText } from './continuations.ts';
import { renderLearnt } from './examples.ts';
import { escapeHtml } from './escape.ts';
import { formatNumber, formatShare } from './format-number.ts';
import type { MemorisedContext, MemorisedText, QuotedTraining, ReportMemorisation } from './report-data.ts';

const OPEN_CONTEXTS = 3;
/** More would make the page heavy; memorisation.json has them all. */
const MOST_CONTEXTS = 60;

/** What of the continuations stands in the training data, linked to it, and what the blocker changed. Empty without data. */
export function renderMemorisation(data: ReportMemorisation | undefined): string {
  if (data === undefined || data.rows.length === 0) return '';
  const shown = data.contexts.slice(0, MOST_CONTEXTS);
  const open = shown.slice(0, OPEN_CONTEXTS).map(renderContext).join('');
  const folded = shown.slice(OPEN_CONTEXTS);
  const rest =
    folded.length === 0
      ? ''
      : `<details><summary>${folded.length} more ${folded.length === 1 ? 'context' : 'contexts'}</summary>${folded.map(renderContext).join('')}</details>`;
  const left = data.contexts.length - shown.length;
  const note = left === 0 ? '' : `<p class="caption">${left} more contexts stand in memorisation.json.</p>`;
  return `<section id="memorisation"><h2>Memorisation</h2>${renderTable(data)}${renderCaption(data)}${open}${rest}${note}${renderSamples(data.samples, shown)}</section>`;
}

function renderTable({ rows }: ReportMemorisation): string {
  const heads = ['texts with such a span', 'longest, tokens', 'tokens in spans'].map((head) => `<th scope="col">${head}</th>`).join('');
  const lines = rows.map(({ name, texts, textsWithSpans, longest, tokenShare }) => {
    const cells = [`${formatNumber(textsWithSpans, 0)} of ${formatNumber(texts, 0)}`, formatNumber(longest, 0), formatShare(tokenShare)];
    return `<tr><th scope="row">${escapeHtml(name)}</th>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
  });
  return `<div class="scroll" tabindex="0"><table><caption>Runs of tokens that also stand in the training data</caption><thead><tr><td></td>${heads}</tr></thead><tbody>${lines.join('')}</tbody></table></div>`;
}

function renderCaption({ minLength, blocker, contexts }: ReportMemorisation): string {
  const spans = `<mark class="memorised">Marked</mark>: every run of ${minLength} or more tokens that also stands in one training sequence, each linked to that sequence.`;
  const intervened =
    blocker === null
      ? ''
      : ` The citation blocker (matches of ${blocker.matchLength} ${blocker.matchUnit ?? 'token'}s) changed the choice ${formatNumber(blocker.total, 0)} times, in ${formatNumber(blocker.textsWithInterventions, 0)} of ${formatNumber(blocker.texts, 0)} texts, ` +
        `${formatNumber(blocker.per100Tokens, 1)} times per 100 tokens; <span class="divergence">◆</span> is where a text leaves the one beside it.`;
  const none = contexts.length === 0 ? ' No continuation has such a span.' : '';
  return `<p class="caption">${spans}${intervened}${none}</p>`;
}

function renderContext({ number, context, texts }: MemorisedContext): string {
  const quote = `<blockquote dir="auto"><span class="label">Context ${number}</span>${renderText(context)}</blockquote>`;
  return `<article id="memorised-${number}">${quote}<div class="columns">${texts.map(renderMemorisedText).join('')}</div></article>`;
}

function renderMemorisedText(text: MemorisedText): string {
  const facts = text.spans.map(
    ({ start, length, sequence, offset }) =>
      `tokens ${start}–${start + length - 1} are <a href="#sample-${sequence}">sample ${sequence}</a> from token ${offset}`,
  );
  if (text.interventions !== undefined)
    facts.unshift(`${text.interventions} ${text.interventions === 1 ? 'intervention' : 'interventions'}`);
  return `<div class="continuation"><h3>${escapeHtml(text.name)}</h3><p class="facts">${facts.join('; ') || 'no span'}</p><p class="text" dir="auto">${renderLinked(text)}</p></div>`;
}

/** Where spans overlap, a token links to the longest of them. */
function renderLinked({ pieces, spans, divergence }: MemorisedText): string {
  const owners = pieces.map((_, at) => longestAt(spans, at));
  let html = '';
  for (let at = 0; at < pieces.length;) {
    const owner = owners[at];
    let end = at + 1;
    while (end < pieces.length && owners[end] === owner && end !== divergence) end += 1;
    if (at === divergence) html += '<span class="divergence" title="from here on the two texts differ">◆</span>';
    const text = pieces.slice(at, end).join('');
    const shown = renderText(at === 0 ? text.replace(/^ +/, '') : text);
    html +=
      owner === undefined
        ? shown
        : `<a class="memorised" href="#sample-${owner.sequence}" title="sample ${owner.sequence}, from token ${owner.offset}">${shown}</a>`;
    at = end;
  }
  return html;
}

function longestAt(spans: readonly MemorisedSpan[], at: number): MemorisedSpan | undefined {
  const covering = spans.filter(({ start, length }) => at >= start && at < start + length);
  return covering.reduce<MemorisedSpan | undefined>(
    (best, span) => (best === undefined || span.length > best.length ? span : best),
    undefined,
  );
}

/** The training sequences that the shown contexts link to, with the quoted tokens marked and the way back. */
function renderSamples(samples: readonly QuotedTraining[], contexts: readonly MemorisedContext[]): string {
  const quotes = contexts.flatMap(({ number, texts }) => texts.flatMap(({ spans }) => spans.map((span) => ({ number, span }))));
  const quoted = samples.filter(({ sequence }) => quotes.some(({ span }) => span.sequence === sequence));
  if (quoted.length === 0) return '';
  const items = quoted.map((sample) =>
    renderSample(
      sample,
      quotes.filter(({ span }) => span.sequence === sample.sequence),
    ),
  );
  return `<h3>The training sequences</h3>${items.join('')}`;
}

function renderSample(
  { sequence, source, offset, pieces, learnt }: QuotedTraining,
  quotes: readonly { number: number; span: MemorisedSpan }[],
): string {
  const numbers = [...new Set(quotes.map(({ number }) => number))];
  const back = numbers.map((number) => `<a href="#memorised-${number}">context ${number}</a>`).join(', ');
  const marked = pieces.map((_, at) => quotes.some(({ span }) => at >= span.offset && at < span.offset + span.length));
  let html = '';
  for (let at = 0; at < pieces.length;) {
    let end = at + 1;
    while (end < pieces.length && marked[end] === marked[at] && learnt?.[end] === learnt?.[at]) end += 1;
    const text = renderLearnt(pieces.slice(at, end).join(''), learnt?.[at] !== false);
    html += marked[at] === true ? `<mark class="memorised">${text}</mark>` : text;
    at = end;
  }
  return `<div class="sample" id="sample-${sequence}"><p class="facts">sample ${sequence}: ${escapeHtml(source)}, from token ${offset}; quoted after ${back}</p><p class="text" dir="auto">${html}</p></div>`;
}
