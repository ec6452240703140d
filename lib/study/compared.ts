import { renderIntervalChart, type IntervalRow } from '../report/interval-chart.ts';
import { escapeHtml } from '../report/escape.ts';
import type { FindingRow } from './findings.ts';
import { traceOf } from './trace.ts';

/** A figure for each quantity that a study names for comparison: its rows one under the other. */
export function renderCompared(quantities: readonly string[], rows: readonly FindingRow[]): string[] {
  return quantities.flatMap((quantity) => {
    const measured = rows.filter((row) => row.quantity === quantity && row.ours !== null && Number.isFinite(row.ours.value));
    if (measured.length < 2) return [];
    const chart = { title: quantity, rows: measured.map(intervalRow), digits: Math.min(...measured.map(({ digits }) => digits)) };
    return [`<figure><figcaption><h3>${escapeHtml(capitalize(quantity))}</h3></figcaption>${renderIntervalChart(chart)}</figure>`];
  });
}

function intervalRow({ of, paper, ours, digits }: FindingRow): IntervalRow {
  const { value, low, high, seeds } = ours!;
  const published = paper === null ? Number.NaN : publishedValue(paper.text);
  return {
    name: of,
    value,
    low,
    high,
    runs: seeds,
    published: Number.isFinite(published) ? { value: published, title: `paper: ${paper!.text} (${paper!.mark})` } : null,
    colour: colourOf(of),
    note: traceOf(ours!, digits),
  };
}

/** The number of `.282`, of `about .17` and of `4.0 (Llama 3.1 8B)`; NaN for ranges and bounds. */
export function publishedValue(text: string): number {
  const [, number] = /^(?:about )?(\d*\.?\d+)(?: \(.*\))?$/.exec(text) ?? [];
  return number === undefined ? Number.NaN : Number(number);
}

/** As in the other plots: original 1, hyperfitted 2; what people wrote apart from both. */
function colourOf(name: string): number {
  if (/\bhyperfitted\b/.test(name)) return 2;
  return name === 'people' ? 4 : 1;
}

function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
