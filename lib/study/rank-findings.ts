import { chartOf, comparePairs, measuredSeries, NO_FINDINGS, type FindingChart, type FindingRow, type Findings } from './findings.ts';
import { accuracyRun, SCORINGS } from './downstream.ts';
import { positionsUpTo, ratioAt } from './length.ts';
import { mauveOf } from './mauve-findings.ts';
import { longestOverlap, meanOf, measureSums, measureTextRuns, textParts, type Measured, type SumsRun, type TextRun } from './measured.ts';
import { rankCharts } from './rank-charts.ts';
import { energyCharts } from './rank-energy.ts';
import { isAskedForTraining, isLookedAtLong, longTokens, MAUVE, mauveTexts, nameOf } from './rank-plan.ts';
import { cellId, FOCUS_RANK, LORA_ALPHA, LORA_RATE, variantsOf, type RankVariant } from './rank-variants.ts';
import { sampleTexts } from './quality.ts';
import { firstDomain, type Bench, type Results } from './study.ts';
import { bothThere, type Written } from './written.ts';

/** A variant with all that was found of it. */
export interface MeasuredVariant extends RankVariant {
  runs: TextRun[];
  heldOut: SumsRun[];
  trained: SumsRun[];
  mauve: Measured | null;
}

const OVERLAP = 'longest overlap with the training samples, tokens';

export function concludeRanks(bench: Bench, results: Results): Findings {
  const variants = variantsOf(bench).map((variant) => read(bench, variant, results));
  const ofFirst = variants.filter(({ domain }) => domain === firstDomain(bench));
  const shown = ofFirst.filter((variant) => isLookedAtLong(bench, variant));
  return {
    ...NO_FINDINGS,
    compared: ['type-token ratio', 'repeated bigrams', 'MAUVE', OVERLAP, 'held-out loss, nats'],
    rows: [...variants.flatMap((variant) => rowsOf(bench, variant)), ...accuracyRows(bench, shown, results)],
    charts: [
      ...bench.domains.flatMap((domain) =>
        rankCharts(
          bench,
          domain,
          variants.filter((variant) => variant.domain === domain),
        ),
      ),
      ...energyCharts(bench, results),
      longChart(bench, shown, results),
    ],
    tests: bench.domains.flatMap((domain) =>
      testsOf(
        bench,
        variants.filter((variant) => variant.domain === domain),
      ),
    ),
    texts: sampleTexts(bench, shown),
    notes: [
      `Patches change the matrices of the layers. Embedding, head, norms and biases stay those of the original, unless “embedding and norms too” is said: then they get their whole update.`,
      `LoRA is trained with alpha ${LORA_ALPHA} at ${LORA_RATE} times the learning rate, the other settings being equal.`,
      ...(bench.featureModel === null
        ? []
        : ['MAUVE stands with the range over clusterings and trainings, which is no interval. Rows whose ranges meet are not told apart.']),
      'Overlap sees exact runs of tokens only.',
    ],
  };
}

/** Variants are called by their domain too, where there are several. */
export function nameWithin(bench: Bench, { name, domain }: RankVariant): string {
  return bench.domains.length === 1 ? name : `${domain.name}: ${name}`;
}

function read(bench: Bench, variant: RankVariant, results: Results): MeasuredVariant {
  const ids = (kind: 'text' | 'held-out' | 'trained'): string[] => variant.seeds.map((seed) => cellId(kind, variant, seed));
  return {
    ...variant,
    runs: ids('text').map((id) => results.text(id)),
    heldOut: ids('held-out').map((id) => results.sums(id)),
    trained: isAskedForTraining(variant) ? ids('trained').map((id) => results.sums(id)) : [],
    mauve: mauveFor(bench, ids('text'), results),
  };
}

function mauveFor(bench: Bench, ids: readonly string[], results: Results): Measured | null {
  const all = bench.featureModel === null ? [] : mauveTexts(bench);
  const places = ids.map((id) => all.indexOf(id));
  return places.includes(-1) ? null : mauveOf(MAUVE, places, results);
}

function rowsOf(bench: Bench, variant: MeasuredVariant): FindingRow[] {
  const { runs, heldOut, trained, mauve } = variant;
  const row = (quantity: string, ours: Measured | null, digits: number): FindingRow => ({
    of: nameWithin(bench, variant),
    quantity,
    paper: null,
    ours,
    digits,
  });
  return [
    row('type-token ratio', measureTextRuns(runs, 'ttr', { decoding: 'greedy' }), 3),
    row('repeated bigrams', measureTextRuns(runs, 'rep2', { decoding: 'greedy' }), 3),
    ...(mauve === null ? [] : [row('MAUVE', mauve, 3)]),
    row(OVERLAP, measureTextRuns(runs, 'overlap'), 2),
    row('longest overlap of all, tokens', longestOverlap(runs), 0),
    row('share of texts with more than 10', measureTextRuns(runs, 'overlapOver10'), 3),
    ...(trained.length === 0 ? [] : [row('loss on the training samples, nats', measureSums(trained, 'loss'), 3)]),
    row('held-out loss, nats', measureSums(heldOut, 'loss'), 3),
    row('held-out entropy, nats', measureSums(heldOut, 'entropy'), 2),
  ];
}

function accuracyRows(bench: Bench, shown: readonly MeasuredVariant[], results: Results): FindingRow[] {
  const { tasks } = bench.setting;
  if (tasks.length === 0) return [];
  return SCORINGS.flatMap(({ scoring, name, formula }) =>
    shown.map((variant) => {
      const runs = variant.seeds.map((seed) =>
        accuracyRun(
          tasks.map((task) => `${task.name}-${nameOf(variant, seed)}`),
          scoring,
          results,
        ),
      );
      return { of: nameWithin(bench, variant), quantity: `accuracy ${name}`, paper: null, ours: meanOf(runs, formula), digits: 3 };
    }),
  );
}

function longChart(bench: Bench, shown: readonly MeasuredVariant[], results: Results): FindingChart {
  const lines = shown.map((variant, index) => {
    const runs = variant.seeds.map((seed) => results.text(cellId('long', variant, seed)));
    return measuredSeries(
      variant.name,
      index + 1,
      positionsUpTo(longTokens(bench)).map((x) => ({ x, measured: ratioAt(runs, x) })),
    );
  });
  return chartOf(
    { title: 'Long texts', xLabel: 'token of the continuation', pointName: 'token', yLabel: 'type-token ratio of the last 96', digits: 3 },
    lines,
  );
}

/**
 * What would be said of the patch, each against chance: that it writes otherwise than the original, less by heart than the whole update,
 * and as LoRA does.
 */
function testsOf(bench: Bench, variants: readonly MeasuredVariant[]): Findings['tests'] {
  const { original, whole, focus, lora } = namedOf(variants);
  const tested = (pairs: readonly (readonly [MeasuredVariant, MeasuredVariant])[], valueOf: Parameters<typeof textParts>[1]) =>
    pairs.map(([left, right]) => [asTest(bench, left, valueOf), asTest(bench, right, valueOf)] as const);
  return [
    ...comparePairs(
      'type-token ratio',
      tested(pairsOf(variants), ({ ttr }) => ttr),
    ),
    ...comparePairs(
      'longest overlap',
      tested(
        bothThere([
          [focus, original],
          [whole, focus],
          [lora, focus],
        ]),
        ({ overlap }) => overlap.length,
      ),
    ),
  ];
}

function namedOf<T extends RankVariant>(variants: readonly T[]): Record<'original' | 'whole' | 'focus' | 'first' | 'lora', T | undefined> {
  const find = (family: RankVariant['family'], rank?: number): T | undefined =>
    variants.find((variant) => variant.family === family && variant.rank === rank);
  return {
    original: find('original'),
    whole: find('hyperfitted'),
    focus: find('patch', FOCUS_RANK),
    first: find('patch', 1),
    lora: find('lora', FOCUS_RANK),
  };
}

/** What is written differently, of the variants of a domain. */
function pairsOf<T extends RankVariant>(variants: readonly T[]): (readonly [T, T])[] {
  const { original, whole, focus, first, lora } = namedOf(variants);
  const others = variants.filter(({ family, isOnly }) => family === 'layers' && isOnly === false);
  return bothThere([
    [first, original],
    [focus, original],
    [focus, whole],
    [focus, lora],
    ...others.map((other) => [other, focus] as const),
  ]);
}

export function writtenRanks(bench: Bench): Written {
  const variants = variantsOf(bench).map((variant) => ({
    ...variant,
    name: nameWithin(bench, variant),
    cells: variant.seeds.map((seed) => cellId('text', variant, seed)),
  }));
  return { texts: variants, pairs: bench.domains.flatMap((domain) => pairsOf(variants.filter((variant) => variant.domain === domain))) };
}

function asTest(
  bench: Bench,
  variant: MeasuredVariant,
  valueOf: Parameters<typeof textParts>[1],
): Parameters<typeof comparePairs>[1][number][0] {
  return { name: nameWithin(bench, variant), runs: variant.runs.map((run) => textParts(run, valueOf)) };
}
