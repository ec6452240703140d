import { escapeHtml } from './escape.ts';
import { formatNumber } from './format-number.ts';
import { place } from './place.ts';
import { roundTicks, tickDigits } from './ticks.ts';

/** One thing measured: a dot, the interval around it, and what single runs gave. */
export interface IntervalRow {
  name: string;
  value: number;
  /** Null where there is no interval. */
  low: number | null;
  high: number | null;
  /** Of each run; drawn when there are several. */
  runs: readonly number[];
  /** A value to compare with, drawn hollow. */
  published: { value: number; title: string } | null;
  /** Which of the page's colours, 1 to 4. */
  colour: number;
  /** What the number is, for those who point at it. */
  note: string;
}

export interface IntervalChart {
  title: string;
  rows: readonly IntervalRow[];
  digits: number;
}

const WIDTH = 420;
const LEFT = 18;
const RIGHT = 60;
const TOP = 6;
const ROW = 34;
const BOTTOM = 24;
/** Of the line that a dot stands on, below the top of its row; the name stands above. */
const LINE = 24;
const DIAMOND = 4.5;
/** Of the value written right of all that is drawn, the offset and about the width. */
const LABEL_OFFSET = 9;
const LABEL_WIDTH = 44;

/** An SVG drawing without script or style of its own: a line for each row, one axis from 0. Colours come from the page's classes. */
export function renderIntervalChart({ title, rows, digits }: IntervalChart): string {
  const ticks = roundTicks(
    rows.reduce((most, row) => Math.max(most, ...numbersOf(row)), 0),
    4,
  );
  const x = (value: number): number => LEFT + (value / ticks.at(-1)!) * (WIDTH - LEFT - RIGHT);
  const height = TOP + rows.length * ROW + BOTTOM;
  const spoken = rows.map(({ name, value }) => `${name} ${formatNumber(value, digits)}`).join('; ');
  const lines = rows.map((row, index) => renderRow(row, TOP + index * ROW + LINE, x, digits));
  return `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeHtml(`${title}: ${spoken}`)}">${renderAxis(ticks, x, height)}${lines.join('')}</svg>`;
}

function numbersOf({ value, high, runs, published }: IntervalRow): number[] {
  return [value, high ?? 0, published?.value ?? 0, ...runs].filter(Number.isFinite);
}

function renderAxis(ticks: readonly number[], x: (value: number) => number, height: number): string {
  const digits = tickDigits(ticks);
  const grid = ticks.map(
    (tick) => `<line class="grid" x1="${place(x(tick))}" x2="${place(x(tick))}" y1="${TOP}" y2="${height - BOTTOM}"/>`,
  );
  const labels = ticks.map((tick) => `<text x="${place(x(tick))}" y="${height - 8}" class="middle">${formatNumber(tick, digits)}</text>`);
  return [...grid, ...labels].join('');
}

function renderRow(row: IntervalRow, y: number, x: (value: number) => number, digits: number): string {
  const { name, value, low, high, runs, published, colour, note } = row;
  const interval =
    low === null || high === null ? '' : `<line class="interval-line" x1="${place(x(low))}" x2="${place(x(high))}" y1="${y}" y2="${y}"/>`;
  const each =
    runs.length < 2
      ? ''
      : runs.map((run) => `<line class="run-mark" x1="${place(x(run))}" x2="${place(x(run))}" y1="${y - 5}" y2="${y + 5}"/>`).join('');
  const dot = `<circle cx="${place(x(value))}" cy="${y}" r="4"/>`;
  const drawn = Math.max(x(value), x(high ?? value), ...runs.map(x));
  const isInTheWay = published !== null && x(published.value) > drawn && x(published.value) < drawn + LABEL_OFFSET + LABEL_WIDTH;
  const label = `<text x="${place((isInTheWay ? x(published.value) : drawn) + LABEL_OFFSET)}" y="${y + 4}" class="value colour-${colour}">${formatNumber(value, digits)}</text>`;
  const title = escapeHtml(`${name}: ${formatNumber(value, digits)}${note === '' ? '' : `; ${note}`}`);
  return `<g class="series colour-${colour}"><title>${title}</title><text x="${LEFT}" y="${y - 11}">${escapeHtml(name)}</text>${interval}${each}${dot}${published === null ? '' : renderPublished(published, x(published.value), y)}${label}</g>`;
}

function renderPublished({ title }: { title: string }, x: number, y: number): string {
  const corners = [
    [x, y - DIAMOND],
    [x + DIAMOND, y],
    [x, y + DIAMOND],
    [x - DIAMOND, y],
  ];
  return `<polygon class="published" points="${corners.map((corner) => corner.map(place).join(',')).join(' ')}"><title>${escapeHtml(title)}</title></polygon>`;
}
