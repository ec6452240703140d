import { holm, HOLM_SIGNATURE } from '../evaluate/holm.ts';
import { PAIRED_SIGNATURE, pairedBootstrap } from '../evaluate/bootstrap.ts';
import { signNumber } from '../evaluate/signature.ts';
import type { LineChart, Series } from '../report/line-chart.ts';
import type { Measured, Part, RunParts } from './measured.ts';
import { StudyFolder } from './study-folder.ts';

/** Certainty of a published value: C certain, S second-hand, D computed or read off a figure, I interpretation. */
export type Mark = 'C' | 'S' | 'D' | 'I';

export interface Published {
  text: string;
  mark: Mark;
}

/** A line of the table: what was measured of whom, as published and as here. */
export interface FindingRow {
  /** The variant, domain or size. */
  of: string;
  quantity: string;
  /** Null where the paper published nothing: the cell stays empty. */
  paper: Published | null;
  /** Null where nothing could be measured. */
  ours: Measured | null;
  digits: number;
}

/** A chart whose series each say what they were taken over. */
export interface FindingChart extends LineChart {
  /** n, signature and files of each series, in their order. */
  sources: readonly { n: number; signature: string; files: readonly string[] }[];
}

/** A square or oblong table of numbers. */
export interface FindingMatrix {
  title: string;
  rowTitle: string;
  columnTitle: string;
  rows: readonly string[];
  columns: readonly string[];
  /** [row][column]; null where there is nothing. */
  values: readonly (readonly (Measured | null)[])[];
  digits: number;
}

/** Two variants on the same contexts. */
export interface PairedTest {
  first: string;
  second: string;
  quantity: string;
  difference: number;
  low: number;
  high: number;
  p: number;
  /** Of p, for all tests of the study together. */
  adjustedP: number;
  n: number;
  signature: string;
  files: string[];
}

/** A text beside others after the same context. */
export interface FindingText {
  context: string;
  continuations: { name: string; text: string }[];
}

/** A picture within the page. */
export interface FindingImage {
  title: string;
  caption: string;
  /** Screen pixels. */
  width: number;
  /** PNG. */
  base64: string;
}

export interface Findings {
  rows: FindingRow[];
  /** Quantities of `rows` whose values the page draws one under the other. */
  compared: string[];
  charts: FindingChart[];
  matrices: FindingMatrix[];
  tests: PairedTest[];
  texts: FindingText[];
  images: FindingImage[];
  notes: string[];
}

export const NO_FINDINGS: Findings = { rows: [], compared: [], charts: [], matrices: [], tests: [], texts: [], images: [], notes: [] };

export interface TestVariant {
  name: string;
  runs: readonly RunParts[];
}

/** Each pair of variants, compared on the mean of each cluster over seeds. `adjustTests` comes last, over all tests of a study. */
export function comparePairs(quantity: string, pairs: readonly (readonly [TestVariant, TestVariant])[]): PairedTest[] {
  return pairs.flatMap(([first, second]) => {
    const differences = clusterDifferences(first.runs, second.runs);
    const result = pairedBootstrap(differences);
    if (result === null) return [];
    const files = [...new Set([...first.runs, ...second.runs].map(({ cell }) => StudyFolder.cellName(cell)))];
    return [{ first: first.name, second: second.name, quantity, ...result, adjustedP: result.p, n: differences.length, signature: '', files }];
  });
}

/** Adjusts the p-values of all tests of a study together, and signs them. */
export function adjustTests(findings: Findings): Findings {
  const adjusted = holm(findings.tests.map(({ p }) => p));
  const signature = (n: number): string => signNumber(`${PAIRED_SIGNATURE}|${HOLM_SIGNATURE}`, { n, tests: findings.tests.length });
  return { ...findings, tests: findings.tests.map((test, index) => ({ ...test, adjustedP: adjusted[index]!, signature: signature(test.n) })) };
}

function clusterDifferences(first: readonly RunParts[], second: readonly RunParts[]): number[] {
  const count = Math.max(0, ...[...first, ...second].map(({ parts }) => parts.length));
  return Array.from({ length: count }, (_, cluster) => clusterMean(first, cluster) - clusterMean(second, cluster)).filter((difference) => Number.isFinite(difference));
}

function clusterMean(runs: readonly RunParts[], cluster: number): number {
  const parts = runs.flatMap(({ parts: all }): Part[] => (all[cluster] === undefined ? [] : [all[cluster]]));
  return parts.reduce((sum, part) => sum + part.sum, 0) / parts.reduce((sum, part) => sum + part.count, 0);
}

/** Points from measured numbers, with their source for the page. */
export function measuredSeries(name: string, colour: number, points: readonly { x: number; measured: Measured | null }[]): { series: Series; source: FindingChart['sources'][number] } {
  const found = points.flatMap(({ x, measured }) => (measured === null ? [] : [{ x, measured }]));
  const files = [...new Set(found.flatMap(({ measured }) => measured.files))];
  const first = found[0]?.measured;
  return {
    series: { name, colour, dots: true, points: found.map(({ x, measured }) => ({ x, y: measured.value })) },
    source: { n: first?.n ?? 0, signature: first?.signature ?? '', files },
  };
}

export function chartOf(chart: Omit<LineChart, 'series'>, lines: readonly ReturnType<typeof measuredSeries>[]): FindingChart {
  return { ...chart, series: lines.map(({ series }) => series), sources: lines.map(({ source }) => source) };
}
