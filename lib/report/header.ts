import { escapeHtml } from './escape.ts';
import { formatNumber } from './format-number.ts';
import type { FactGroup, ReportData, VariantMetrics } from './report-data.ts';

/** Title, the four numbers that matter, and the facts of the run. */
export function renderHeader(data: ReportData): string {
  return `<header>${renderTitle(data)}${renderTiles(data)}${renderFacts(data.facts)}</header>`;
}

export function renderTitle({ title, subtitle }: Pick<ReportData, 'title' | 'subtitle'>): string {
  return `<h1>${escapeHtml(title)}</h1>${subtitle === undefined ? '' : `<p class="subtitle">${escapeHtml(subtitle)}</p>`}`;
}

export function renderTiles(data: ReportData): string {
  const original = data.variants.find(({ isHyperfitted }) => !isHyperfitted)?.metrics;
  const hyperfitted = data.variants.find(({ isHyperfitted }) => isHyperfitted)?.metrics;
  const pair = (key: keyof VariantMetrics): [number | undefined, number | undefined] => [
    original?.[key] ?? undefined,
    hyperfitted?.[key] ?? undefined,
  ];
  const losses = data.curves.steps;
  const tiles = [
    renderTile('Training loss', 'nats per token', [losses[0]?.loss, data.certificate?.meanLoss ?? losses.at(-1)?.loss]),
    renderTile('Type-token ratio', 'greedy, distinct / total', pair('ttr')),
    renderTile('Exact match', 'share of greedy answers', pair('exactMatch')),
    renderTile('Row repeats', 'share of completed rows', pair('rowRepeatRate')),
    renderTile('Entropy', `nats, held-out ${data.curves.about ?? 'text'}`, pair('entropy')),
    renderTile('Held-out loss', 'nats per token', pair('heldOutLoss')),
  ].join('');
  return tiles === '' ? '' : `<div class="tiles">${tiles}</div>`;
}

/** Left out when either end is unknown. */
function renderTile(label: string, unit: string, [before, after]: readonly [number | undefined, number | undefined]): string {
  if (before === undefined || after === undefined) return '';
  const values = `<span class="before">${formatNumber(before, 2)}</span><span class="to" aria-label="to">→</span><span class="after">${formatNumber(after, 2)}</span>`;
  return `<div class="tile"><h2>${label}</h2><p>${values}</p><small>${unit}</small></div>`;
}

export function renderFacts(groups: readonly FactGroup[]): string {
  const lists = groups.map(({ title, rows }) => {
    const items = rows.map(([label, value]) => `<dt>${escapeHtml(label)}</dt><dd>${escapeHtml(value)}</dd>`);
    return `<section class="facts-group"><h2>${escapeHtml(title)}</h2><dl>${items.join('')}</dl></section>`;
  });
  return lists.length === 0 ? '' : `<div class="run">${lists.join('')}</div>`;
}
