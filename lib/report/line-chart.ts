import { escapeHtml } from './escape.ts';
import { formatNumber } from './format-number.ts';
import { place } from './place.ts';
import { roundTicks, tickDigits } from './ticks.ts';

export interface Point {
  x: number;
  y: number;
}

export interface Series {
  name: string;
  /** Which of the page's colours, 1 to 4. */
  colour: number;
  /** Ascending in x; points that are not finite leave a gap. */
  points: readonly Point[];
  /** Draw a dot at each point, for sparse measurements. */
  dots: boolean;
  /** Added to the title of each dot: what the values were taken over. */
  note?: string;
}

export interface Mark {
  label: string;
  x: number;
}

export interface LineChart {
  title: string;
  xLabel: string;
  /** Quantity and unit. */
  yLabel: string;
  series: readonly Series[];
  /** Horizontal dashed lines. */
  references?: readonly { label: string; value: number }[];
  /** Vertical dashed lines at places of the x axis. */
  marks?: readonly Mark[];
  /** Digits of the values written at line ends. */
  digits: number;
  /** `log` places x by its logarithm, counting from the least x, or from 1 up where that is 0. Default `linear`. */
  xScale?: 'linear' | 'log';
  /** What x is called in the title of a dot; default `step`. */
  pointName?: string;
  /** Said in place of a drawing where no series has a point. */
  empty?: string;
}

const WIDTH = 420;
const HEIGHT = 260;
const LEFT = 40;
const RIGHT = 48;
const TOP = 28;
const BOTTOM = 40;
/** More points than this are thinned to the lowest and highest of each column. */
const MOST_POINTS = 600;
const LABEL_GAP = 13;
/** Where the value 0 stands. */
const LOWEST_LABEL = HEIGHT - BOTTOM + 4;
/** Between the end of a line and the value there, and of a digit in its bold type. */
const LABEL_OFFSET = 7;
const DIGIT_WIDTH = 7.6;

interface Scale {
  x: (value: number) => number;
  y: (value: number) => number;
  xTicks: number[];
  yTicks: number[];
}

/**
 * An SVG drawing without script or style of its own; both axes start at 0, a logarithmic one at the first point. Colours come from the
 * page's classes.
 */
export function renderLineChart(chart: LineChart): string {
  const drawn = chart.series
    .map((series) => ({ ...series, points: series.points.filter(isFinitePoint) }))
    .filter(({ points }) => points.length > 0);
  if (drawn.length === 0) return `<p class="empty">${escapeHtml(chart.empty ?? 'Nothing was measured.')}</p>`;
  const scale = makeScale(drawn, chart.references ?? [], chart.xScale ?? 'linear');
  const content = [
    renderAxes(chart, scale),
    ...(chart.references ?? []).map((reference) => renderReference(reference, scale)),
    ...(chart.marks ?? []).map((mark) => renderMark(mark, scale)),
    ...chart.series.map((series) => renderSeries(series, scale, chart)),
    renderEndLabels(drawn, scale, chart.digits),
  ];
  return `<svg viewBox="0 0 ${widthFor(drawn, chart.digits)} ${HEIGHT}" role="img" aria-label="${escapeHtml(describe(chart, drawn))}">${content.join('')}</svg>`;
}

/** Wider than usual only where the values at the ends want more room than is left of them. */
function widthFor(drawn: readonly Series[], digits: number): number {
  const longest = Math.max(...drawn.map(({ points }) => formatNumber(points.at(-1)!.y, digits).length));
  return WIDTH + Math.max(0, Math.ceil(LABEL_OFFSET + longest * DIGIT_WIDTH - RIGHT));
}

function isFinitePoint({ x, y }: Point): boolean {
  return Number.isFinite(x) && Number.isFinite(y);
}

function describe(chart: LineChart, drawn: readonly Series[]): string {
  const ends = drawn.map(
    ({ name, points }) => `${name} from ${formatNumber(points[0]!.y, chart.digits)} to ${formatNumber(points.at(-1)!.y, chart.digits)}`,
  );
  return `${chart.title}, ${chart.yLabel} by ${chart.xLabel}: ${ends.join('; ')}`;
}

function makeScale(series: readonly Series[], references: readonly { value: number }[], xScale: 'linear' | 'log'): Scale {
  const all = series.flatMap(({ points }) => points);
  const yMax = [...all.map(({ y }) => y), ...references.map(({ value }) => value)].reduce((most, y) => Math.max(most, y), 0);
  const yTicks = roundTicks(yMax, 4);
  const xs = all.map(({ x }) => x);
  const { share, ticks } = xScale === 'log' ? logAxis(xs) : linearAxis(xs);
  return {
    x: (value) => LEFT + share(value) * (WIDTH - LEFT - RIGHT),
    y: (value) => HEIGHT - BOTTOM - (value / yTicks.at(-1)!) * (HEIGHT - TOP - BOTTOM),
    xTicks: ticks,
    yTicks,
  };
}

interface Axis {
  /** Of the axis' length, from 0 to 1. */
  share: (value: number) => number;
  ticks: number[];
}

function linearAxis(xs: readonly number[]): Axis {
  const max = xs.reduce((most, x) => Math.max(most, x), 1);
  return { share: (value) => value / max, ticks: roundTicks(max, 5, true).filter((tick) => tick <= max) };
}

/** Zero has no logarithm: it stands one step of the axis before 1. */
function logAxis(xs: readonly number[]): Axis {
  const least = xs.reduce((low, x) => Math.min(low, x), Infinity);
  const most = xs.reduce((high, x) => Math.max(high, x), 1);
  const level = least > 0 ? Math.log : (value: number): number => Math.log(value + 1);
  const span = level(most) - level(least) || 1;
  const few = [...new Set(xs)];
  const candidates = few.length <= 7 ? few : [0, ...Array.from({ length: 9 }, (_, power) => [10 ** power, 3 * 10 ** power]).flat()];
  return { share: (value) => (level(value) - level(least)) / span, ticks: candidates.filter((tick) => tick >= least && tick <= most) };
}

/** From the left, without those whose figures would touch the ones before. */
function legibleTicks({ x, xTicks }: Scale): { tick: number; text: string }[] {
  const kept: { tick: number; text: string }[] = [];
  let free = -Infinity;
  for (const tick of [...xTicks].sort((a, b) => a - b)) {
    const text = formatNumber(tick, decimalsOf(tick)),
      half = (text.length * DIGIT_WIDTH) / 2;
    if (x(tick) - half < free) continue;
    kept.push({ tick, text });
    free = x(tick) + half;
  }
  return kept;
}

/** What stands on an axis is a whole number, or one whose first decimals say enough. */
function decimalsOf(tick: number): number {
  return Number.isInteger(tick) ? 0 : Math.abs(tick) < 1 ? 2 : 1;
}

function renderAxes(chart: LineChart, scale: Scale): string {
  const digits = tickDigits(scale.yTicks);
  const rows = scale.yTicks.map((tick) => {
    const y = place(scale.y(tick));
    const line = `<line class="${tick === 0 ? 'axis' : 'grid'}" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y}" y2="${y}"/>`;
    return `${line}${renderText(LEFT - 6, scale.y(tick) + 4, 'tick end', formatNumber(tick, digits))}`;
  });
  const columns = legibleTicks(scale).map(({ tick, text }) => {
    const x = place(scale.x(tick));
    const line = `<line class="axis" x1="${x}" x2="${x}" y1="${HEIGHT - BOTTOM}" y2="${HEIGHT - BOTTOM + 4}"/>`;
    return `${line}${renderText(scale.x(tick), HEIGHT - BOTTOM + 17, 'tick middle', text)}`;
  });
  const labels = [
    renderText(LEFT - 34, 12, 'label', chart.yLabel),
    renderText((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 5, 'label middle', chart.xLabel),
  ];
  return [...rows, ...columns, ...labels].join('');
}

function renderReference({ label, value }: { label: string; value: number }, scale: Scale): string {
  const y = scale.y(value);
  const line = `<line class="reference" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${place(y)}" y2="${place(y)}"/>`;
  return `${line}${renderText(LEFT + 6, y - 5, 'note', label)}`;
}

/** Its label stands on the side that has more room. */
function renderMark({ label, x }: Mark, scale: Scale): string {
  const at = scale.x(x);
  const isRight = at > (LEFT + WIDTH - RIGHT) / 2;
  const line = `<line class="reference" x1="${place(at)}" x2="${place(at)}" y1="${TOP}" y2="${HEIGHT - BOTTOM}"/>`;
  return `${line}${renderText(at + (isRight ? -5 : 5), TOP + 8, isRight ? 'note end' : 'note', label)}`;
}

function renderSeries(series: Series, scale: Scale, { digits, pointName = 'step' }: LineChart): string {
  const lines = splitAtGaps(series.points).map((run) => renderRun(thin(run), scale));
  const finite = series.points.filter(isFinitePoint);
  const dotted = series.dots || finite.length === 1 ? finite : [];
  const dots = dotted.map(({ x, y }) => {
    const note = series.note === undefined ? '' : `; ${series.note}`;
    const title = escapeHtml(
      `${series.name}, ${pointName} ${formatNumber(x, Number.isInteger(x) ? 0 : 2)}: ${formatNumber(y, digits)}${note}`,
    );
    return `<circle cx="${place(scale.x(x))}" cy="${place(scale.y(y))}" r="3"><title>${title}</title></circle>`;
  });
  return `<g class="series colour-${series.colour}">${lines.join('')}${dots.join('')}</g>`;
}

function splitAtGaps(points: readonly Point[]): Point[][] {
  const runs: Point[][] = [[]];
  for (const point of points) {
    if (isFinitePoint(point)) runs.at(-1)!.push(point);
    else runs.push([]);
  }
  return runs.filter((run) => run.length > 1);
}

function renderRun(points: readonly Point[], scale: Scale): string {
  return `<polyline points="${points.map(({ x, y }) => `${place(scale.x(x))},${place(scale.y(y))}`).join(' ')}"/>`;
}

/** Keeps the first and last point and, of each column between, the lowest and the highest, so that no peak is lost. */
function thin(points: readonly Point[]): readonly Point[] {
  if (points.length <= MOST_POINTS) return points;
  const width = Math.ceil(points.length / (MOST_POINTS / 2));
  const kept = new Set([0, points.length - 1]);
  for (let start = 0; start < points.length; start += width) {
    const places = Array.from({ length: Math.min(width, points.length - start) }, (_, index) => start + index);
    kept.add(places.reduce((low, at) => (points[at]!.y < points[low]!.y ? at : low)));
    kept.add(places.reduce((high, at) => (points[at]!.y > points[high]!.y ? at : high)));
  }
  return points.filter((_, index) => kept.has(index));
}

/** The last value of each series, right of its end, pushed apart where they would cover each other. */
function renderEndLabels(series: readonly Series[], scale: Scale, digits: number): string {
  const labels = series
    .map(({ points, colour }) => ({ colour, value: points.at(-1)!.y, x: scale.x(points.at(-1)!.x), y: scale.y(points.at(-1)!.y) + 4 }))
    .sort((upper, lower) => upper.y - lower.y);
  labels.forEach((label, index) => {
    if (index > 0) label.y = Math.max(label.y, labels[index - 1]!.y + LABEL_GAP);
  });
  // Pushed below the axis they would stand on its figures.
  for (let index = labels.length - 1, most = LOWEST_LABEL; index >= 0; index -= 1, most -= LABEL_GAP)
    labels[index]!.y = Math.min(labels[index]!.y, most);
  return labels
    .map(({ colour, value, x, y }) => renderText(x + LABEL_OFFSET, y, `value colour-${colour}`, formatNumber(value, digits)))
    .join('');
}

function renderText(x: number, y: number, classes: string, text: string): string {
  return `<text x="${place(x)}" y="${place(y)}" class="${classes}">${escapeHtml(text)}</text>`;
}
