import { readCurve, type CurvePoint } from './curve.ts';
import { chartOf, measuredSeries, NO_FINDINGS, type FindingChart, type FindingRow, type Findings } from './findings.ts';
import type { Measured } from './measured.ts';
import { humanTtr, trainCell } from './recipes.ts';
import { stepsOf, trainSettingsOf } from './setting.ts';
import { firstDomain, type Bench, type Results, type Study } from './study.ts';

interface Variant {
  id: string;
  name: string;
  start: 'original' | 'random';
  isDecayed: boolean;
}

const VARIANTS: readonly Variant[] = [
  { id: 'pretrained', name: 'pretrained', start: 'original', isDecayed: false },
  { id: 'pretrained-decay', name: 'pretrained, weight decay', start: 'original', isDecayed: true },
  { id: 'fresh', name: 'random weights', start: 'random', isDecayed: false },
  { id: 'fresh-decay', name: 'random weights, weight decay', start: 'random', isDecayed: true },
];

const idsOf = ({ id }: Variant, { setting }: Bench): string[] => setting.seeds.map((seed) => `train-${id}-s${seed}`);

/** What section 7.2 argues without a test. */
export const grokking: Study = {
  name: 'grokking',
  title: 'Neither grokking nor double descent? (section 7.2)',
  question:
    'Trained far past near-zero loss, does text or held-out loss change late, as in grokking, with or without weight decay, and does a model that was never pretrained do the same?',
  plan: (bench) => {
    const steps = logSteps(stepsOf(trainSettingsOf(bench.setting, {}), firstDomain(bench).train.length));
    return VARIANTS.flatMap((variant) =>
      bench.setting.seeds.map((seed, index) =>
        trainCell(bench, idsOf(variant, bench)[index]!, {
          start: variant.start,
          settings: { seed, weightDecay: variant.isDecayed ? bench.setting.decay : 0 },
          evaluate: steps,
          writesTexts: true,
          keep: 'nothing',
        }),
      ),
    );
  },
  conclude,
};

/** 0, 1 and about four steps to each power of ten, up to the last. */
export function logSteps(last: number): number[] {
  const steps = Array.from({ length: 40 }, (_, index) => Math.round(10 ** (index / 4))).filter((step) => step < last);
  return [...new Set([0, ...steps, last])];
}

function conclude(bench: Bench, results: Results): Findings {
  const curves = VARIANTS.map((variant) => ({ ...variant, points: readCurve(idsOf(variant, bench), results) }));
  const human = humanTtr(bench);
  return {
    ...NO_FINDINGS,
    rows: curves.flatMap(({ name, points }) => rowsOf(name, points)),
    charts: comparedCharts(curves, human?.value ?? null),
    notes: [
      'The paper trains without weight decay and reports no test of this; its cells stay empty.',
      `Weight decay is decoupled, ${bench.setting.decay} per unit of learning rate and step. Random weights have the shape of the original model.`,
      'Grokking would show as a late fall of held-out loss long after the training loss has ended near zero.',
    ],
  };
}

function rowsOf(of: string, points: readonly CurvePoint[]): FindingRow[] {
  const end = points.at(-1);
  if (end === undefined) return [];
  const row = (quantity: string, ours: Measured | null, digits: number): FindingRow => ({ of, quantity, paper: null, ours, digits });
  const trained = points.filter(({ heldOutLoss, step }) => heldOutLoss !== null && step > 0);
  const least = trained.reduce<CurvePoint | undefined>(
    (best, point) => (best !== undefined && best.heldOutLoss!.value <= point.heldOutLoss!.value ? best : point),
    undefined,
  );
  return [
    row(`training loss at step ${end.step}`, end.trainLoss, 4),
    row(`held-out loss at step ${end.step}`, end.heldOutLoss, 3),
    row(`lowest held-out loss, at step ${least?.step ?? 0}`, least?.heldOutLoss ?? null, 3),
    row(`type-token ratio at step ${end.step}`, end.ttr, 3),
    row(`entropy at step ${end.step}, nats`, end.entropy, 3),
    row('weight norm at the start', points[0]!.weightNorm, 1),
    row(`weight norm at step ${end.step}`, end.weightNorm, 1),
  ];
}

function comparedCharts(curves: readonly (Variant & { points: readonly CurvePoint[] })[], human: number | null): FindingChart[] {
  const axis = { xLabel: 'optimizer step, logarithmic', xScale: 'log' as const };
  const chart = (
    title: string,
    yLabel: string,
    digits: number,
    of: (point: CurvePoint) => Measured | null,
    references: { label: string; value: number }[] = [],
  ): FindingChart =>
    chartOf(
      { title, ...axis, yLabel, digits, references },
      curves.map(({ name, points }, index) =>
        measuredSeries(
          name,
          index + 1,
          points.map((point) => ({ x: point.step, measured: of(point) })),
        ),
      ),
    );
  return [
    chart('Training loss', 'nats per token', 2, ({ trainLoss }) => trainLoss),
    chart('Held-out loss', 'nats per token', 2, ({ heldOutLoss }) => heldOutLoss),
    chart(
      'Type-token ratio',
      'distinct / total tokens, greedy',
      3,
      ({ ttr }) => ttr,
      human === null ? [] : [{ label: `people ${human.toFixed(3)}`, value: human }],
    ),
    chart('Entropy', 'nats, held-out text', 2, ({ entropy }) => entropy),
    chart('Weight norm', 'L2, all parameters', 1, ({ weightNorm }) => weightNorm),
  ];
}
