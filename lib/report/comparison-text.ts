import { COMPARISON_METRICS } from './comparison-metrics.ts';
import type { ReportVariant } from './report-data.ts';

/** The comparison as aligned plain text: a row per variant, a column per metric; metrics that no variant has are left out. */
export function renderComparisonTable(variants: readonly ReportVariant[]): string {
  const rows = variants.map(({ name, metrics }) => [name, ...COMPARISON_METRICS.map((metric) => metric.format(metrics))]);
  const heads = ['', ...COMPARISON_METRICS.map(({ shortLabel }) => shortLabel)];
  const kept = heads.flatMap((_, column) => (column === 0 || rows.some((row) => /\d/.test(row[column]!)) ? [column] : []));
  const table = [heads, ...rows].map((row) => kept.map((column) => oneLine(row[column]!)));
  const widths = kept.map((_, column) => table.reduce((width, row) => Math.max(width, [...row[column]!].length), 0));
  return table.map((row) => alignRow(row, widths)).join('\n');
}

function alignRow(cells: readonly string[], widths: readonly number[]): string {
  return cells.map((cell, column) => pad(cell, widths[column]!, column === 0)).join('  ').trimEnd();
}

function pad(cell: string, width: number, left: boolean): string {
  const space = ' '.repeat(width - [...cell].length);
  return left ? cell + space : space + cell;
}

/** Names may come from anywhere; line breaks and escape sequences must not reach the terminal. */
function oneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ');
}
