import { COMPARISON_METRICS, type ComparisonMetric } from './comparison-metrics.ts';
import { escapeHtml } from './escape.ts';
import type { ReportVariant } from './report-data.ts';

const ARROWS = { higher: '<span class="arrow" title="higher is more varied">↑</span>', lower: '<span class="arrow" title="lower is better">↓</span>' } as const;

const WRITTEN = [
  ['text', 'Of the continuations'],
  ['images', 'Of the completed images'],
] as const;

/** The comparison as an HTML table: a column per variant, a row per metric. Empty without variants. */
export function renderComparisonSection(variants: readonly ReportVariant[]): string {
  if (variants.length === 0) return '';
  const heads = variants.map(({ name, isHyperfitted }) => `<th scope="col"${tint(isHyperfitted)}>${renderName(name)}</th>`);
  const kind = kindOf(variants);
  const groups = [...WRITTEN.filter(([about]) => about === kind), ['model', `Of the model, on held-out ${kind}; the same however one decodes`] as const];
  const bodies = groups.map(([about, title]) => renderGroup(title, COMPARISON_METRICS.filter((metric) => metric.about === about), variants));
  return `<section><h2>Comparison</h2><div class="scroll"><table><thead><tr><td></td>${heads.join('')}</tr></thead>${bodies.join('')}</table></div>${renderCaption(variants)}</section>`;
}

function kindOf(variants: readonly ReportVariant[]): 'text' | 'images' {
  return variants.some(({ metrics }) => typeof metrics.rowRepeatRate === 'number') ? 'images' : 'text';
}

/** Narrow columns may break the long word where one would say it. */
function renderName(name: string): string {
  return escapeHtml(name).replaceAll('hyperfitted', 'hyper&shy;fitted');
}

function renderGroup(title: string, metrics: readonly ComparisonMetric[], variants: readonly ReportVariant[]): string {
  const head = `<tr class="group"><th scope="rowgroup" colspan="${variants.length + 1}">${title}</th></tr>`;
  return `<tbody>${head}${metrics.map((metric) => renderRow(metric, variants)).join('')}</tbody>`;
}

function renderRow(metric: ComparisonMetric, variants: readonly ReportVariant[]): string {
  const arrow = metric.direction === undefined ? '' : ` ${ARROWS[metric.direction]}`;
  const cells = variants.map(({ metrics, isHyperfitted }) => `<td${tint(isHyperfitted)}>${renderCell(metric.format(metrics))}</td>`);
  return `<tr><th scope="row">${metric.label}${arrow}<small>${metric.unit}</small></th>${cells.join('')}</tr>`;
}

/** An error after "±" is set small, under its value. */
function renderCell(text: string): string {
  const [value, error] = text.split(' ± ');
  return error === undefined ? escapeHtml(text) : `${escapeHtml(value!)}<small>± ${escapeHtml(error)}</small>`;
}

function tint(isHyperfitted: boolean): string {
  return isHyperfitted ? ' class="tint"' : '';
}

function renderCaption(variants: readonly ReportVariant[]): string {
  const counts = [...new Set(variants.flatMap(({ metrics }) => (typeof metrics.contexts === 'number' ? [metrics.contexts] : [])))];
  const [kind, given, written] = kindOf(variants) === 'images' ? ['Image', 'images', 'images'] : ['Text', 'contexts', 'text'];
  const over = counts.length === 0 ? '' : `${kind} metrics are over n = ${counts.join(' or ')} ${given}. `;
  return `<p class="caption">${over}Arrows point to more varied or more original ${written}; a dash means not measured. Formulas are at the end of the page.</p>`;
}
