import { comparisonMetrics, type ComparisonMetric } from './comparison-metrics.ts';
import type { ReportVariant } from './report-data.ts';

/**
 * The comparison as aligned plain text: a row per variant, a column per metric; metrics that no variant has are left out.
 *
 * @example
 * const before = { name: 'original', isHyperfitted: false, metrics: { ttr: 0.31, rep2: 0.62 } };
 * const after = { name: 'hyperfitted', isHyperfitted: true, metrics: { ttr: 0.68, rep2: 0.05 } };
 * const lines = renderComparisonTable([before, after]).split('\n');
 * lines.at(-1); // hyperfitted  0.680  0.050
 */
export function renderComparisonTable(variants: readonly ReportVariant[]): string {
  const metrics = measuredMetrics(variants);
  const rows = variants.map(({ name, metrics: figures }) => [name, ...metrics.map((metric) => metric.format(figures))]);
  const table = [['', ...metrics.map(({ shortLabel }) => shortLabel)], ...rows].map((row) => row.map(oneLine));
  const widths = table[0]!.map((_, column) => table.reduce((width, row) => Math.max(width, [...row[column]!].length), 0));
  return table.map((row) => alignRow(row, widths)).join('\n');
}

/** What the columns of that table are, a line each. */
export function renderComparisonLegend(variants: readonly ReportVariant[]): string {
  const metrics = measuredMetrics(variants);
  const width = metrics.reduce((most, { shortLabel }) => Math.max(most, shortLabel.length), 0);
  return metrics.map(({ shortLabel, meaning }) => `  ${shortLabel.padEnd(width)}  ${meaning}`).join('\n');
}

function measuredMetrics(variants: readonly ReportVariant[]): ComparisonMetric[] {
  return comparisonMetrics(variants).filter((metric) => variants.some(({ metrics }) => /\d/.test(metric.format(metrics))));
}

function alignRow(cells: readonly string[], widths: readonly number[]): string {
  return cells
    .map((cell, column) => pad(cell, widths[column]!, column === 0))
    .join('  ')
    .trimEnd();
}

function pad(cell: string, width: number, left: boolean): string {
  const space = ' '.repeat(width - [...cell].length);
  return left ? cell + space : space + cell;
}

/** Names may come from anywhere; line breaks and escape sequences must not reach the terminal. */
function oneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ');
}
