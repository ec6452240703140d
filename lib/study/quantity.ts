import { chartOf, comparePairs, measuredSeries, NO_FINDINGS, type FindingRow, type Findings } from './findings.ts';
import { meanTrainLoss, measureTextRuns, textParts, type Measured, type TextRun } from './measured.ts';
import { endOf, humanTtr, textCell, trainCell } from './recipes.ts';
import { stepsOf, stepsPerEpoch, trainSettingsOf } from './setting.ts';
import { firstDomain, type Bench, type Results, type Study } from './study.ts';
import type { Written } from './written.ts';

type Budget = 'updates' | 'epochs';
const BUDGETS: readonly { budget: Budget; name: string }[] = [
  { budget: 'updates', name: 'fixed updates' },
  { budget: 'epochs', name: 'fixed epochs' },
];

function sizesOf(bench: Bench): number[] {
  const most = firstDomain(bench).train.length;
  return [...new Set([...bench.setting.sizes, most])].filter((size) => size <= most).sort((left, right) => left - right);
}

const idOf = (budget: Budget, size: number, seed: number): string => `${budget}-${size}-s${seed}`;

/** E8, section 6.3: nested subsets, at as many updates as the whole set takes, and at as many epochs. */
export const quantity: Study = {
  name: 'quantity',
  title: 'Number of samples (E8, figure 5 right)',
  question:
    'How few samples still give varied text? At a fixed number of updates fewer samples are seen more often; a run at a fixed number of epochs keeps the two apart.',
  plan: (bench) => [
    textCell(bench, 'text-original', 'original'),
    ...sizesOf(bench).flatMap((size) =>
      bench.setting.seeds.flatMap((seed) =>
        budgetsOf(bench, size).flatMap(({ budget }) => {
          const id = idOf(budget, size, seed);
          return [
            trainCell(bench, `train-${id}`, { samples: size, settings: { seed, ...limitsOf(bench, budget) } }),
            textCell(bench, `text-${id}`, endOf(`train-${id}`)),
          ];
        }),
      ),
    ),
  ],
  conclude,
  written,
};

/** With all samples the two budgets are one. */
function budgetsOf(bench: Bench, size: number): typeof BUDGETS {
  return size === firstDomain(bench).train.length ? BUDGETS.slice(0, 1) : BUDGETS;
}

function limitsOf(bench: Bench, budget: Budget): { epochs: number | null; maxSteps: number | null } {
  const settings = trainSettingsOf(bench.setting, {});
  const count = firstDomain(bench).train.length;
  const steps = stepsOf(settings, count);
  return budget === 'updates'
    ? { epochs: null, maxSteps: steps }
    : { epochs: Math.max(1, Math.round(steps / stepsPerEpoch(settings.batchSize, count))), maxSteps: null };
}

/** A smaller set is compared with the whole one, at as many updates. */
function written(bench: Bench): Written {
  const ofSize = (size: number) =>
    budgetsOf(bench, size).map(({ budget, name }) => ({
      budget,
      name: `${size} samples, ${name}`,
      cells: bench.setting.seeds.map((seed) => `text-${idOf(budget, size, seed)}`),
    }));
  const texts = sizesOf(bench).flatMap(ofSize);
  const updates = texts.filter(({ budget }) => budget === 'updates');
  const all = updates.at(-1)!;
  return {
    texts: [{ name: 'original', cells: ['text-original'] }, ...texts],
    pairs: updates.slice(0, -1).map((each) => [each, all] as const),
  };
}

function conclude(bench: Bench, results: Results): Findings {
  const lines = BUDGETS.map(({ budget, name }, index) => ({
    name,
    colour: index + 1,
    points: sizesOf(bench).map((size) => ({ size, ...readSize(bench, results, budget, size) })),
  }));
  const original = results.text('text-original');
  const human = humanTtr(bench);
  const rows = lines.flatMap(({ name, points }) =>
    points.flatMap(({ size, runs, trainLoss }) => rowsOf(`${size} samples, ${name}`, runs, trainLoss)),
  );
  return {
    ...NO_FINDINGS,
    rows: [
      {
        of: 'original',
        quantity: 'type-token ratio',
        paper: null,
        ours: measureTextRuns([original], 'ttr', { decoding: 'greedy' }),
        digits: 3,
      },
      ...rows,
    ],
    charts: [
      chartOf(
        {
          title: 'Type-token ratio',
          xLabel: 'training samples, logarithmic',
          xScale: 'log',
          pointName: 'samples',
          yLabel: 'distinct / total tokens',
          digits: 3,
          ...(human === null ? {} : { references: [{ label: `people ${human.value.toFixed(3)}`, value: human.value }] }),
        },
        lines.map(({ name, colour, points }) =>
          measuredSeries(
            name,
            colour,
            points.map(({ size, runs }) => ({ x: size, measured: measureTextRuns(runs, 'ttr', { decoding: 'greedy' }) })),
          ),
        ),
      ),
      chartOf(
        {
          title: 'Longest overlap with the training samples',
          xLabel: 'training samples, logarithmic',
          xScale: 'log',
          pointName: 'samples',
          yLabel: 'tokens, mean over texts',
          digits: 1,
        },
        lines.map(({ name, colour, points }) =>
          measuredSeries(
            name,
            colour,
            points.map(({ size, runs }) => ({ x: size, measured: measureTextRuns(runs, 'overlap') })),
          ),
        ),
      ),
    ],
    tests: comparePairs('type-token ratio, against all samples', testPairs(lines[0]!.points)),
    notes: [
      'Subsets are nested: a smaller one is the beginning of a larger one. Overlap is measured against the whole set.',
      'The paper gives no numbers for this figure; sources disagree on whether 8 samples still suffice.',
    ],
  };
}

interface SizeRuns {
  size: number;
  runs: TextRun[];
  trainLoss: Measured | null;
}

function readSize(bench: Bench, results: Results, budget: Budget, size: number): Omit<SizeRuns, 'size'> {
  const actual = budgetsOf(bench, size).some((candidate) => candidate.budget === budget) ? budget : 'updates';
  const ids = bench.setting.seeds.map((seed) => idOf(actual, size, seed));
  return {
    runs: ids.map((id) => results.text(`text-${id}`)),
    trainLoss: meanTrainLoss(ids.map((id) => ({ cell: `train-${id}`, value: results.get(`train-${id}`, 'train').trainLoss }))),
  };
}

function rowsOf(of: string, runs: readonly TextRun[], trainLoss: Measured | null): FindingRow[] {
  return [
    { of, quantity: 'type-token ratio', paper: null, ours: measureTextRuns(runs, 'ttr', { decoding: 'greedy' }), digits: 3 },
    { of, quantity: 'training loss of the last pass', paper: null, ours: trainLoss, digits: 4 },
  ];
}

function testPairs(points: readonly SizeRuns[]): Parameters<typeof comparePairs>[1] {
  const variants = points.map(({ size, runs }) => ({ name: `${size} samples`, runs: runs.map((run) => textParts(run, ({ ttr }) => ttr)) }));
  const all = variants.at(-1)!;
  return variants.slice(0, -1).map((variant) => [variant, all] as const);
}
