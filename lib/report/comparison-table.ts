import { comparisonMetrics, type ComparisonMetric } from './comparison-metrics.ts';
import { escapeHtml } from './escape.ts';
import type { ReportData, ReportVariant } from './report-data.ts';

const ARROWS = {
  higher: '<span class="arrow" title="higher is more varied">↑</span>',
  lower: '<span class="arrow" title="lower is better">↓</span>',
} as const;

type Kind = 'text' | 'answers' | 'images';

const TITLES: Readonly<Record<Kind, string>> = {
  text: 'Of the continuations',
  answers: 'Of the answers',
  images: 'Of the completed images',
};

/** The comparison as an HTML table, a column per variant, a row per metric; or why there is none. */
export function renderComparisonSection({ variants, missing }: Pick<ReportData, 'variants' | 'missing'>): string {
  if (variants.length === 0)
    return missing?.comparison === undefined
      ? ''
      : `<section><h2>Comparison</h2><p class="empty">${escapeHtml(missing.comparison)}</p></section>`;
  const heads = variants.map(({ name, isHyperfitted }) => `<th scope="col"${tint(isHyperfitted)}>${renderName(name)}</th>`);
  const kinds = kindsOf(variants);
  const groups = [
    ...kinds.map((kind) => [kind, TITLES[kind]] as const),
    ['model', `Of the model, on held-out ${kinds.join(' and ')}; the same however one decodes`] as const,
  ];
  const metrics = comparisonMetrics(variants);
  const bodies = groups.map(([about, title]) =>
    renderGroup(
      title,
      metrics.filter((metric) => metric.about === about),
      variants,
    ),
  );
  const caption = '<caption>Figures of the models compared, a column each</caption>';
  return `<section><h2>Comparison</h2><div class="scroll" tabindex="0"><table>${caption}<thead><tr><td></td>${heads.join('')}</tr></thead>${bodies.join('')}</table></div>${renderCaption(variants, kinds)}</section>`;
}

/** What was written; of text and answers both where the contexts are mixed. */
function kindsOf(variants: readonly ReportVariant[]): Kind[] {
  const has = (key: 'rowRepeatRate' | 'answers' | 'ttr'): boolean => variants.some(({ metrics }) => typeof metrics[key] === 'number');
  if (has('rowRepeatRate')) return ['images'];
  if (!has('answers')) return ['text'];
  return has('ttr') ? ['text', 'answers'] : ['answers'];
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

/** An error after "±" and an interval in brackets are set small, under their value. */
function renderCell(text: string): string {
  const [, value, error] = /^(.+?) (± .+|\(.+\))$/.exec(text) ?? [];
  return value === undefined ? escapeHtml(text) : `${escapeHtml(value)}<small>${escapeHtml(error!)}</small>`;
}

function tint(isHyperfitted: boolean): string {
  return isHyperfitted ? ' class="tint"' : '';
}

function renderCaption(variants: readonly ReportVariant[], kinds: readonly Kind[]): string {
  const sentences = [
    counted(variants, 'contexts', kinds.includes('images') ? ['Image', 'images'] : ['Text', 'contexts'], kinds),
    counted(variants, 'answers', ['Answer', 'answers'], kinds),
  ];
  const arrows = kinds.includes('answers')
    ? `An answer matches when its text is the reference’s, white space around it left out.${kinds.includes('text') ? ' Arrows point to more varied or more original text.' : ''} A dash means not measured.`
    : `Arrows point to more varied or more original ${kinds[0]}; a dash means not measured.`;
  return `<p class="caption">${sentences.filter((sentence) => sentence !== '').join(' ')} ${arrows} Formulas are at the end of the page.</p>`;
}

function counted(
  variants: readonly ReportVariant[],
  key: 'contexts' | 'answers',
  [kind, of]: readonly [string, string],
  kinds: readonly Kind[],
): string {
  if (key === 'contexts' && kinds.every((shown) => shown === 'answers')) return '';
  const counts = [...new Set(variants.flatMap(({ metrics }) => (typeof metrics[key] === 'number' ? [metrics[key]] : [])))];
  return counts.length === 0 ? '' : `${kind} metrics are over n = ${counts.join(' or ')} ${of}.`;
}
