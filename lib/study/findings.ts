import { holm, HOLM_SIGNATURE } from '../evaluate/holm.ts';
import { fewPairsWarning, PAIRED_SIGNATURE, pairedBootstrap } from '../evaluate/bootstrap.ts';
import { crossedMean, CROSSED_SIGNATURE } from '../evaluate/crossed.ts';
import { signNumber } from '../evaluate/signature.ts';
import type { LineChart, Series } from '../report/line-chart.ts';
import { describeCount, type Measured, type Part, type RunParts, type Unit } from './measured.ts';
import { StudyFolder } from './study-folder.ts';

/** Certainty of a published value: C certain, S second-hand, D computed or read off a figure, I interpretation. */
export type Mark = 'C' | 'S' | 'D' | 'I';

/** A value of the paper, beside which ours stands. */
export interface Published {
  /** As the paper has it. */
  text: string;
  /** How certain it is. */
  mark: Mark;
}

/** A line of the table: what was measured of whom, as published and as here. */
export interface FindingRow {
  /** The variant, domain or size. */
  of: string;
  /** What is compared or shown. */
  quantity: string;
  /** Null where the paper published nothing: the cell stays empty. */
  paper: Published | null;
  /** Null where nothing could be measured. */
  ours: Measured | null;
  /** Digits behind the point. */
  digits: number;
  /** Why there is nothing of ours, where that is not plain from the notes. */
  missing?: string;
}

/** A chart whose series each say what they were taken over. */
export interface FindingChart extends LineChart {
  /** What each series was taken over, its signature and files, in their order. */
  sources: readonly { over: string; signature: string; files: readonly string[] }[];
}

/** A square or oblong table of numbers. */
export interface FindingMatrix {
  /** Shown above it. */
  title: string;
  /** What rows are. */
  rowTitle: string;
  /** What columns are. */
  columnTitle: string;
  /** In the order in which they are shown. */
  rows: readonly string[];
  /** In the order in which they are shown. */
  columns: readonly string[];
  /** [row][column]; null where there is nothing. */
  values: readonly (readonly (Measured | null)[])[];
  /** Digits behind the point. */
  digits: number;
}

/**
 * Two variants on the same contexts. With several seeds the interval is over contexts and seeds, and p the larger of that over both and of
 * sign flips.
 */
export interface PairedTest {
  /** The first of the two. */
  first: string;
  /** The second of the two. */
  second: string;
  /** What is compared or shown. */
  quantity: string;
  /** Mean of first minus second. */
  difference: number;
  /** Lower end of the interval. */
  low: number;
  /** Upper end of the interval. */
  high: number;
  /** Two-sided p value. */
  p: number;
  /** Whether p is no more than an upper bound: no drawn flip of signs reached the difference. */
  isBound: boolean;
  /** Of p, for all tests of the study together. */
  adjustedP: number;
  /** Whether p is an upper bound. */
  isAdjustedBound: boolean;
  /** Contexts, or what else was compared; every seed met the same ones. */
  n: number;
  /** What counts as one observation. */
  unit: Unit;
  /** Trainings behind a side; with one, nothing says how far seeds lie apart. */
  seeds: number;
  /** How it was computed, for a table. */
  signature: string;
  /** Where the numbers come from. */
  files: string[];
}

/** A text beside others after the same context. */
export interface FindingText {
  /** What was to be continued. */
  context: string;
  /** By variant. */
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

/** What a study found: a table, pictures, tests, texts. */
export interface Findings {
  /** In the order in which they are shown. */
  rows: FindingRow[];
  /** Quantities of `rows` whose values the page draws one under the other. */
  compared: string[];
  /** Drawn on the page. */
  charts: FindingChart[];
  /** Tables of two dimensions. */
  matrices: FindingMatrix[];
  /** With their p values. */
  tests: PairedTest[];
  /** The texts. */
  texts: FindingText[];
  /** Shown on the page. */
  images: FindingImage[];
  /** What was left out or looks amiss. */
  notes: string[];
}

export const NO_FINDINGS: Findings = { rows: [], compared: [], charts: [], matrices: [], tests: [], texts: [], images: [], notes: [] };

export interface TestVariant {
  name: string;
  runs: readonly RunParts[];
}

/** Each pair of variants, compared on the same clusters, seed by seed. `adjustTests` comes last, over all tests of a study. */
export function comparePairs(quantity: string, pairs: readonly (readonly [TestVariant, TestVariant])[]): PairedTest[] {
  return pairs.flatMap(([first, second]) => {
    const runs = pairedDifferences(first.runs, second.runs);
    const result = pairedBootstrap(meanByCluster(runs));
    if (result === null) return [];
    const { n, ...compared } = result;
    const crossed = crossedMean(runs.map((run) => run.map((sum) => ({ sum, count: 1 }))));
    // A difference has to hold over other contexts and over other seeds: the weaker of the two tests counts.
    const over = crossed === null ? compared : { ...compared, low: crossed.low, high: crossed.high, ...weaker(compared, crossed.p) };
    const files = [...new Set([...first.runs, ...second.runs].map(({ cell }) => StudyFolder.cellName(cell)))];
    const { difference, low, high, p, isBound } = over;
    const { unit = 'contexts' } = first.runs[0]!;
    return [
      {
        first: first.name,
        second: second.name,
        quantity,
        difference,
        low,
        high,
        p,
        isBound,
        adjustedP: p,
        isAdjustedBound: isBound,
        n,
        unit,
        seeds: runs.length,
        signature: '',
        files,
      },
    ];
  });
}

function weaker(flips: { p: number; isBound: boolean }, p: number): { p: number; isBound: boolean } {
  return p > flips.p ? { p, isBound: false } : flips;
}

/** Adjusts the p-values of all tests of a study together, signs them, and says in notes what they cannot show. */
export function adjustTests(findings: Findings): Findings {
  const { tests } = findings;
  const adjusted = holm(tests.map(({ p }) => p));
  // What a bound was multiplied into is a bound too: it would be smaller if that were 0.
  const least = holm(tests.map(({ p, isBound }) => (isBound ? 0 : p)));
  const signature = ({ n, unit, seeds }: PairedTest): string =>
    signNumber(`${PAIRED_SIGNATURE}${seeds > 1 ? `|larger-of-that-and-${CROSSED_SIGNATURE}` : ''}|${HOLM_SIGNATURE}`, {
      [unit]: n,
      seeds,
      tests: tests.length,
    });
  return {
    ...findings,
    tests: tests.map((test, index) => ({
      ...test,
      adjustedP: adjusted[index]!,
      isAdjustedBound: least[index]! < adjusted[index]!,
      signature: signature(test),
    })),
    notes: [...findings.notes, ...testNotes(tests)],
  };
}

/** What is to be kept in mind of the tests of a study. */
function testNotes(tests: readonly PairedTest[]): string[] {
  const few = tests.map(({ n, unit }) => fewPairsWarning(n, unit)).find((warning) => warning !== null);
  const quantities = [...new Set(tests.map(({ quantity }) => quantity))];
  return [
    ...(tests.length === 0 ? [] : [`Tested: ${quantities.join('; ')}. Other quantities are shown, not tested.`]),
    ...(tests.some(({ seeds }) => seeds === 1)
      ? ['Comparisons of one seed are over contexts alone: another order of training may move them further than their intervals say.']
      : []),
    ...(tests.some(({ seeds }) => seeds === 2)
      ? ['Two seeds leave one degree of freedom for how seeds differ, and so wide intervals; with a third they shrink to about a third.']
      : []),
    ...(few === undefined || few === null ? [] : [`${few}.`]),
  ];
}

/** [run][cluster]; a single run of one side, such as the original's greedy text, is compared with every run of the other. */
function pairedDifferences(first: readonly RunParts[], second: readonly RunParts[]): number[][] {
  const seeds = Math.max(first.length, second.length);
  if ([first, second].some(({ length }) => length !== seeds && length !== 1))
    throw new Error(`cannot pair ${first.length} runs with ${second.length}`);
  const clusters = Math.max(0, ...[...first, ...second].map(({ parts }) => parts.length));
  const runOf = (runs: readonly RunParts[], seed: number): RunParts => runs[runs.length === 1 ? 0 : seed]!;
  const all = Array.from({ length: seeds }, (_, seed) =>
    Array.from(
      { length: clusters },
      (__, cluster) => meanOfPart(runOf(first, seed).parts[cluster]) - meanOfPart(runOf(second, seed).parts[cluster]),
    ),
  );
  const complete = Array.from({ length: clusters }, (_, cluster) => all.every((run) => Number.isFinite(run[cluster]))).flatMap(
    (isComplete, cluster) => (isComplete ? [cluster] : []),
  );
  return all.map((run) => complete.map((cluster) => run[cluster]!));
}

const meanOfPart = (part: Part | undefined): number => (part === undefined ? Number.NaN : part.sum / part.count);

function meanByCluster(runs: readonly (readonly number[])[]): number[] {
  return (runs[0] ?? []).map((_, cluster) => runs.reduce((sum, run) => sum + run[cluster]!, 0) / runs.length);
}

/** Points from measured numbers, with their source for the page. */
export function measuredSeries(
  name: string,
  colour: number,
  points: readonly { x: number; measured: Measured | null }[],
): { series: Series; source: FindingChart['sources'][number] } {
  const found = points.flatMap(({ x, measured }) => (measured === null ? [] : [{ x, measured }]));
  const files = [...new Set(found.flatMap(({ measured }) => measured.files))];
  const first = found[0]?.measured;
  return {
    series: { name, colour, dots: true, points: found.map(({ x, measured }) => ({ x, y: measured.value })) },
    source: {
      over: first === undefined ? '' : describeCount({ ...first, seeds: first.seeds.length }),
      signature: first?.signature ?? '',
      files,
    },
  };
}

export function chartOf(chart: Omit<LineChart, 'series'>, lines: readonly ReturnType<typeof measuredSeries>[]): FindingChart {
  return { ...chart, series: lines.map(({ series }) => series), sources: lines.map(({ source }) => source) };
}
