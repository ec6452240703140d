import { LIKELIHOOD_FORMULAS, signNumber } from '../evaluate/signature.ts';
import { repetitionSignature } from '../evaluate/repetition.ts';
import { ttrSignature } from '../evaluate/type-token-ratio.ts';
import type { EvaluationPoint } from './cell-results.ts';
import { chartOf, measuredSeries, NO_FINDINGS, type FindingChart, type FindingRow, type Findings } from './findings.ts';
import { meanOf, meanOfRuns, meanTrainLoss, measureSums, valuesAsParts, type Measured } from './measured.ts';
import { FIGURE_2, HUMAN_TTR, published } from './published.ts';
import { humanTtr, noOriginals, trainCell } from './recipes.ts';
import type { Bench, Results, Study } from './study.ts';

const idOf = (seed: number): string => `train-s${seed}`;

/** E1, figure 2: what happens to loss and text while the training loss goes to zero. */
export const curve: Study = {
  name: 'curve',
  title: 'Training curve (E1, figure 2)',
  question:
    'While training loss approaches zero, held-out loss falls, turns and rises, and yet the type-token ratio of greedy text keeps climbing.',
  plan: (bench) =>
    bench.setting.seeds.map((seed) =>
      trainCell(bench, idOf(seed), { settings: { seed }, evaluate: 'epochs', writesTexts: true, keep: 'nothing' }),
    ),
  conclude: (bench, results) => concludeCurve(bench, readCurve(bench.setting.seeds.map(idOf), results)),
};

/** One point of several runs of equal steps. */
export interface CurvePoint {
  step: number;
  epoch: number;
  trainLoss: Measured | null;
  heldOutLoss: Measured | null;
  entropy: Measured | null;
  ttr: Measured | null;
  rep2: Measured | null;
  weightNorm: Measured;
}

/** The evaluations that training cells made at the same steps, seeds together. */
export function readCurve(ids: readonly string[], results: Results): CurvePoint[] {
  const runs = ids.map((id) => ({ id, points: results.get(id, 'train').evaluations }));
  return (runs[0]?.points ?? []).map((_, index) => curvePoint(runs.map(({ id, points }) => ({ id, point: points[index]! }))));
}

function curvePoint(runs: readonly { id: string; point: EvaluationPoint }[]): CurvePoint {
  const { step, epoch } = runs[0]!.point;
  const sums = runs.map(({ id, point }) => ({ cell: id, sums: point.heldOut }));
  return {
    step,
    epoch,
    trainLoss: meanTrainLoss(runs.map(({ id, point }) => ({ cell: id, value: point.trainLoss }))),
    heldOutLoss: measureSums(sums, 'loss', { step }),
    entropy: measureSums(sums, 'entropy', { step }),
    ttr: meanOf(
      runs.map(({ id, point }) => valuesAsParts(id, point.ttr)),
      ttrSignature(),
      { decoding: 'greedy', step },
    ),
    rep2: meanOf(
      runs.map(({ id, point }) => ({ cell: id, parts: point.rep2.map(({ repeated, total }) => ({ sum: repeated, count: total })) })),
      `${repetitionSignature()}|order:2`,
      { decoding: 'greedy', step },
    ),
    weightNorm: meanOfRuns(
      runs.map(({ id, point }) => ({ cell: id, value: point.weightNorm })),
      'weight-norm|l2|parameters:all',
    )!,
  };
}

function concludeCurve(bench: Bench, points: readonly CurvePoint[]): Findings {
  const human = humanTtr(bench);
  const rows = points.flatMap(rowsOf);
  return {
    ...NO_FINDINGS,
    rows: [
      ...rows,
      ...bestRows(points),
      {
        of: 'people',
        quantity: 'type-token ratio of the texts themselves',
        paper: HUMAN_TTR,
        ours: human,
        digits: 3,
        missing: noOriginals(bench),
      },
    ],
    charts: curveCharts(points, human?.value ?? null),
    notes: [
      'The paper trained TinyLlama 1.1B on 2,000 sequences of 256 tokens at a rate of 1e-6; its losses and ratios are read off a figure.',
      'The training loss at epoch 0 of the figure is that of the original model; here nothing has been trained on by then, and the cell is empty.',
    ],
  };
}

function rowsOf({ epoch, trainLoss, heldOutLoss, ttr }: CurvePoint): FindingRow[] {
  const row = FIGURE_2.find(([at]) => at === epoch);
  const of = `epoch ${Number(epoch.toFixed(2))}`;
  const paper = (text: string | undefined): FindingRow['paper'] => (text === undefined ? null : published(text, 'D'));
  return [
    {
      of,
      quantity: 'training loss',
      paper: paper(row?.[1]),
      ours: trainLoss,
      digits: 3,
      ...(trainLoss === null ? { missing: 'nothing has been trained on yet' } : {}),
    },
    { of, quantity: 'held-out loss', paper: paper(row?.[2]), ours: heldOutLoss, digits: 3 },
    { of, quantity: 'type-token ratio', paper: paper(row?.[3]), ours: ttr, digits: 3 },
  ];
}

/** Where stopping by held-out loss would have stopped, and where the text is most varied. */
function bestRows(points: readonly CurvePoint[]): FindingRow[] {
  const trained = points.filter(({ step }) => step > 0);
  if (trained.length === 0) return [];
  const least = trained.reduce((best, point) =>
    (point.heldOutLoss?.value ?? Infinity) < (best.heldOutLoss?.value ?? Infinity) ? point : best,
  );
  const cells = least.heldOutLoss?.files.length ?? 1;
  const epoch = {
    ...least.weightNorm,
    value: least.epoch,
    seeds: [least.epoch],
    n: cells,
    unit: 'runs' as const,
    signature: signNumber(`epoch-of-least-held-out-loss|${LIKELIHOOD_FORMULAS.loss}`, { runs: cells }),
  };
  return [
    { of: 'early stopping', quantity: 'epoch of the lowest held-out loss', paper: published('1', 'D'), ours: epoch, digits: 2 },
    { of: 'early stopping', quantity: 'type-token ratio there', paper: published('.430', 'D'), ours: least.ttr, digits: 3 },
  ];
}

export function curveCharts(
  points: readonly CurvePoint[],
  human: number | null,
  more: { xScale?: 'log'; xLabel?: string } = {},
): FindingChart[] {
  const at = (of: (point: CurvePoint) => Measured | null) => points.map((point) => ({ x: point.step, measured: of(point) }));
  const axis = { xLabel: more.xLabel ?? 'optimizer step', ...(more.xScale === undefined ? {} : { xScale: more.xScale }) };
  return [
    chartOf({ title: 'Loss', ...axis, yLabel: 'nats per token', digits: 2 }, [
      measuredSeries(
        'training',
        1,
        at(({ trainLoss }) => trainLoss),
      ),
      measuredSeries(
        'held-out text',
        2,
        at(({ heldOutLoss }) => heldOutLoss),
      ),
    ]),
    chartOf(
      {
        title: 'Type-token ratio',
        ...axis,
        yLabel: 'distinct / total tokens',
        digits: 3,
        ...(human === null ? {} : { references: [{ label: `people ${human.toFixed(3)}`, value: human }] }),
      },
      [
        measuredSeries(
          'greedy',
          3,
          at(({ ttr }) => ttr),
        ),
      ],
    ),
    chartOf({ title: 'Bigram repetition', ...axis, yLabel: 'share of bigrams seen before in the text', digits: 3 }, [
      measuredSeries(
        'greedy',
        4,
        at(({ rep2 }) => rep2),
      ),
    ]),
    chartOf({ title: 'Entropy', ...axis, yLabel: 'nats, held-out text', digits: 2 }, [
      measuredSeries(
        'teacher-forced',
        2,
        at(({ entropy }) => entropy),
      ),
    ]),
  ];
}
