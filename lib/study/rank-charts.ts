import type { Domain } from './domain.ts';
import { chartOf, measuredSeries, type FindingChart } from './findings.ts';
import { measureSums, measureTextRuns, plain, type Measured } from './measured.ts';
import type { MeasuredVariant } from './rank-findings.ts';
import { FOCUS_RANK, type Family } from './rank-variants.ts';
import { firstDomain, type Bench } from './study.ts';

type Value = (variant: MeasuredVariant) => Measured | null;
type Points = { x: number; measured: Measured | null }[];

const ttr: Value = ({ runs }) => measureTextRuns(runs, 'ttr', { decoding: 'greedy' });
const overlap: Value = ({ runs }) => measureTextRuns(runs, 'overlap');
const repeats: Value = ({ runs }) => measureTextRuns(runs, 'rep2', { decoding: 'greedy' });
const heldOut: Value = (variant) => measureSums(variant.heldOut, 'loss');
const trained: Value = (variant) => measureSums(variant.trained, 'loss');
const mauve: Value = (variant) => variant.mauve;

/** Of one domain; those of layers and scales of the first one alone. */
export function rankCharts(bench: Bench, domain: Domain, variants: readonly MeasuredVariant[]): FindingChart[] {
  const where = bench.domains.length === 1 ? '' : `, ${domain.name}`;
  const common = [
    sharesChart(`What a patch keeps of the change${where}`, variants),
    byRank({ title: `Type-token ratio${where}`, yLabel: 'distinct / total tokens', digits: 3 }, variants, ttr),
    byRank({ title: `Repeated bigrams${where}`, yLabel: 'share of all', digits: 3 }, variants, repeats),
    byRank({ title: `Longest overlap with the training samples${where}`, yLabel: 'tokens, mean over texts', digits: 1 }, variants, overlap),
    lossChart(`Loss${where}`, variants),
  ];
  if (domain !== firstDomain(bench)) return common;
  const withMauve =
    bench.featureModel === null ? [] : [byRank({ title: 'MAUVE', yLabel: 'mean over clusterings', digits: 3 }, variants, mauve)];
  return [...common, ...withMauve, ...layerCharts(bench, variants), scaleChart(variants)];
}

function ofRanks(variants: readonly MeasuredVariant[], family: Family, value: Value): Points {
  return variants.flatMap((variant) =>
    variant.family === family && typeof variant.rank === 'number' && variant.rank > 0
      ? [{ x: variant.rank, measured: value(variant) }]
      : [],
  );
}

function references(variants: readonly MeasuredVariant[], value: Value, digits: number): { label: string; value: number }[] {
  return variants.flatMap((variant) => {
    if (variant.family !== 'original' && variant.family !== 'hyperfitted') return [];
    const measured = value(variant);
    return measured === null ? [] : [{ label: `${variant.name} ${measured.value.toFixed(digits)}`, value: measured.value }];
  });
}

const LINES: readonly { family: Family; name: string }[] = [
  { family: 'patch', name: 'patch of the layers’ matrices' },
  { family: 'patch-with-tables', name: 'embedding and norms too' },
  { family: 'lora', name: 'LoRA trained at that rank' },
];

function byRank(
  about: { title: string; yLabel: string; digits: number },
  variants: readonly MeasuredVariant[],
  value: Value,
): FindingChart {
  const lines = LINES.map(({ family, name }, index) => measuredSeries(name, index + 1, ofRanks(variants, family, value))).filter(
    ({ series }) => series.points.length > 0,
  );
  return chartOf(
    { ...about, xLabel: 'rank, logarithmic', xScale: 'log', pointName: 'rank', references: references(variants, value, about.digits) },
    lines,
  );
}

function lossChart(title: string, variants: readonly MeasuredVariant[]): FindingChart {
  const lines = [
    measuredSeries('held-out', 1, ofRanks(variants, 'patch', heldOut)),
    measuredSeries('training samples', 2, ofRanks(variants, 'patch', trained)),
  ];
  return chartOf({ title, xLabel: 'rank, logarithmic', xScale: 'log', pointName: 'rank', yLabel: 'nats a token', digits: 2 }, lines);
}

/** From the original at 0 to the hyperfitted model at 1: variety and recitation, which would fall together if they were one thing. */
function sharesChart(title: string, variants: readonly MeasuredVariant[]): FindingChart {
  const line = (name: string, colour: number, value: Value): ReturnType<typeof measuredSeries> =>
    measuredSeries(
      name,
      colour,
      ofRanks(variants, 'patch', (variant) => shareOfChange(variants, variant, value)),
    );
  const lines = [line('variety (type-token ratio)', 1, ttr), line('recitation (longest overlap)', 2, overlap)];
  return chartOf(
    {
      title,
      xLabel: 'rank, logarithmic',
      xScale: 'log',
      pointName: 'rank',
      yLabel: 'share of the change from original to hyperfitted',
      digits: 2,
      references: [{ label: 'hyperfitted', value: 1 }],
    },
    lines,
  );
}

function shareOfChange(variants: readonly MeasuredVariant[], variant: MeasuredVariant, value: Value): Measured | null {
  const valueOf = (family: Family): Measured | null => value(variants.find((each) => each.family === family)!);
  const [here, from, to] = [value(variant), valueOf('original'), valueOf('hyperfitted')];
  if (here === null || from === null || to === null || to.value === from.value) return null;
  return {
    ...plain(
      (here.value - from.value) / (to.value - from.value),
      `share-of-change|of:${here.signature.split('|')[0]}`,
      [here.n, here.unit],
      [],
    ),
    files: here.files,
  };
}

function layerCharts(bench: Bench, variants: readonly MeasuredVariant[]): FindingChart[] {
  const groups = variants.filter(({ family }) => family === 'layers');
  if (groups.length === 0) return [];
  const middle = ({ layers }: MeasuredVariant): number => (layers![0] + 1 + layers![1]) / 2;
  const line = (name: string, colour: number, isOnly: boolean): ReturnType<typeof measuredSeries> =>
    measuredSeries(
      name,
      colour,
      groups.filter((each) => each.isOnly === isOnly).map((each) => ({ x: middle(each), measured: ttr(each) })),
    );
  return [
    chartOf(
      {
        title: `A patch of rank ${FOCUS_RANK} in some layers`,
        xLabel: `middle of the layers, of ${bench.header.config.numHiddenLayers}`,
        pointName: 'layer',
        yLabel: 'type-token ratio',
        digits: 3,
        references: references(variants, ttr, 3),
      },
      [line('these layers alone', 1, true), line('all but these', 2, false)],
    ),
  ];
}

function scaleChart(variants: readonly MeasuredVariant[]): FindingChart {
  const scaled = variants.flatMap((variant) => {
    if (variant.family === 'original') return [{ x: 0, variant }];
    if (variant.family === 'patch' && variant.rank === FOCUS_RANK) return [{ x: 1, variant }];
    return variant.family === 'scale' ? [{ x: variant.scale!, variant }] : [];
  });
  const points = scaled.sort((left, right) => left.x - right.x).map(({ x, variant }) => ({ x, measured: ttr(variant) }));
  return chartOf(
    {
      title: `A patch of rank ${FOCUS_RANK}, scaled`,
      xLabel: 'what the patch is multiplied by',
      pointName: 'scale',
      yLabel: 'type-token ratio',
      digits: 3,
      references: references(variants, ttr, 3).slice(1),
    },
    [measuredSeries('scaled patch', 1, points)],
  );
}
