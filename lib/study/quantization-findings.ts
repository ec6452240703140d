import { LIKELIHOOD_FORMULAS } from '../evaluate/signature.ts';
import { agreementParts } from './agreement.ts';
import {
  chartOf,
  comparePairs,
  measuredSeries,
  NO_FINDINGS,
  type FindingChart,
  type FindingMatrix,
  type FindingRow,
  type Findings,
  type FindingText,
} from './findings.ts';
import { mauveOf } from './mauve-findings.ts';
import { meanOf, meanOfRuns, measureSums, measureTextRuns, textParts, type Measured, type SumsRun, type TextRun } from './measured.ts';
import { sampleTexts } from './quality.ts';
import { MAUVE, mauveTexts } from './quantization.ts';
import { cellId, recipesOf, roundingsOf, TRAINED_FOR, type Measurement, type Recipe, type Rounding } from './quantization-variants.ts';
import type { Bench, Results } from './study.ts';
import { bothThere, type Written } from './written.ts';

/** The weights of a recipe, rounded in one way, with all that was found of them. */
interface MeasuredWeights {
  name: string;
  recipe: Recipe;
  rounding: Rounding;
  runs: TextRun[];
  heldOut: SumsRun[];
  trained: SumsRun[];
  /** First choices along held-out text that are those of the same weights in float32. */
  agreement: Measured | null;
  /** Share of the update that rounding leaves; null where nothing was trained, or nothing rounded. */
  kept: Measured | null;
  mauve: Measured | null;
}

const LOSS = 'loss on the training samples, nats';
const AGREEMENT = 'first choices as in float32';
const KEPT = 'share of the update kept';
/** The projection of (rounded - original) on (trained - original), over the square of the latter. */
const KEPT_FORMULA = 'update-share|projection:on-the-update|over:all-weights';

export function concludeQuantization(bench: Bench, results: Results): Findings {
  const all = recipesOf(bench).flatMap((recipe) => roundingsOf(bench).map((rounding) => read(bench, results, recipe, rounding)));
  return {
    ...NO_FINDINGS,
    compared: ['type-token ratio', 'repeated bigrams', 'MAUVE', LOSS, AGREEMENT, KEPT, 'held-out loss, nats'],
    rows: all.flatMap(rowsOf),
    charts: chartsOf(bench, all),
    matrices: matricesOf(bench, all),
    tests: testsOf(all),
    texts: shownTexts(bench, all),
    notes: [
      'Weights are rounded as the GGUF file of that type stores each of them, and passes run on them in the arithmetic of the study; llama.cpp rounds activations too.',
      'A model that was trained for a type stands in F32 with the float32 weights behind it, which no pass of its training read.',
      'Charts leave the grid of the original’s own file out: it is no step between the types.',
      ...(bench.featureModel === null
        ? []
        : ['MAUVE stands with the range over clusterings and trainings, which is no interval. Rows whose ranges meet are not told apart.']),
    ],
  };
}

function read(bench: Bench, results: Results, recipe: Recipe, rounding: Rounding): MeasuredWeights {
  const ids = (kind: Measurement): string[] => recipe.seeds.map((seed) => cellId(kind, recipe, seed, rounding));
  return {
    name: nameOf(recipe, rounding),
    recipe,
    rounding,
    runs: ids('text').map((id) => results.text(id)),
    heldOut: ids('held-out').map((id) => results.sums(id)),
    trained: ids('trained').map((id) => results.sums(id)),
    agreement: agreementOf(bench, results, recipe, rounding),
    kept:
      recipe.trainedFor === undefined || rounding.to === undefined
        ? null
        : meanOfRuns(
            ids('share').map((cell) => ({ cell, value: results.get(cell, 'update-share').kept })),
            KEPT_FORMULA,
          ),
    mauve: mauveFor(bench, ids('text'), results),
  };
}

function agreementOf(bench: Bench, results: Results, recipe: Recipe, rounding: Rounding): Measured | null {
  if (rounding.to === undefined) return null;
  const [float] = roundingsOf(bench);
  const runs = recipe.seeds.map((seed) => {
    const [cell, whole] = [cellId('held-out', recipe, seed, rounding), cellId('held-out', recipe, seed, float!)];
    return { cell, unit: 'sequences' as const, parts: agreementParts(results.get(cell, 'likelihood'), results.get(whole, 'likelihood')) };
  });
  return meanOf(runs, LIKELIHOOD_FORMULAS.agreement);
}

function mauveFor(bench: Bench, ids: readonly string[], results: Results): Measured | null {
  if (bench.featureModel === null) return null;
  const texts = mauveTexts(bench);
  return mauveOf(
    MAUVE,
    ids.map((id) => texts.indexOf(id)),
    results,
  );
}

const ttr = ({ runs }: MeasuredWeights): Measured | null => measureTextRuns(runs, 'ttr', { decoding: 'greedy' });
const repeats = ({ runs }: MeasuredWeights): Measured | null => measureTextRuns(runs, 'rep2', { decoding: 'greedy' });
const loss = ({ trained }: MeasuredWeights): Measured | null => measureSums(trained, 'loss');
const kept = (weights: MeasuredWeights): Measured | null => weights.kept;

function rowsOf(weights: MeasuredWeights): FindingRow[] {
  const { name, runs, heldOut, agreement, mauve } = weights;
  const row = (quantity: string, ours: Measured | null, digits: number): FindingRow => ({ of: name, quantity, paper: null, ours, digits });
  return [
    row(LOSS, loss(weights), 3),
    row('type-token ratio', ttr(weights), 3),
    row('repeated bigrams', repeats(weights), 3),
    ...(mauve === null ? [] : [row('MAUVE', mauve, 3)]),
    ...(agreement === null ? [] : [row(AGREEMENT, agreement, 3)]),
    ...(weights.kept === null ? [] : [row(KEPT, weights.kept, 3)]),
    row('longest overlap with the training samples, tokens', measureTextRuns(runs, 'overlap'), 2),
    row('held-out loss, nats', measureSums(heldOut, 'loss'), 3),
    row('held-out entropy, nats', measureSums(heldOut, 'entropy'), 2),
  ];
}

/** The named types on the scale of their size. */
function chartsOf(bench: Bench, all: readonly MeasuredWeights[]): FindingChart[] {
  const recipes = recipesOf(bench);
  const chart = (
    title: string,
    yLabel: string,
    digits: number,
    value: (weights: MeasuredWeights) => Measured | null,
    of = recipes,
  ): FindingChart => {
    const lines = of.map((recipe) => {
      const points = all.filter((weights) => weights.recipe.id === recipe.id && weights.rounding.to !== 'own');
      return measuredSeries(
        recipe.name,
        1 + recipes.indexOf(recipe),
        points.map((weights) => ({ x: weights.rounding.bits, measured: value(weights) })),
      );
    });
    return chartOf({ title, xLabel: 'bits a weight, logarithmic', xScale: 'log', pointName: 'bits', yLabel, digits }, lines);
  };
  const trained = recipes.filter(({ trainedFor }) => trainedFor !== undefined);
  return [
    chart('Type-token ratio', 'distinct / total tokens', 3, ttr),
    chart('Repeated bigrams', 'share of all', 3, repeats),
    chart('Loss on the training samples', 'nats a token', 3, loss, trained),
    chart('What rounding leaves of the update', 'share', 3, kept, trained),
    ...(bench.featureModel === null ? [] : [chart('MAUVE', 'mean over clusterings', 3, ({ mauve }) => mauve)]),
  ];
}

function matricesOf(bench: Bench, all: readonly MeasuredWeights[]): FindingMatrix[] {
  const [recipes, roundings] = [recipesOf(bench), roundingsOf(bench)];
  const matrix = (title: string, digits: number, value: (weights: MeasuredWeights) => Measured | null): FindingMatrix => ({
    title,
    rowTitle: 'weights',
    columnTitle: 'rounded to',
    rows: recipes.map(({ name }) => name),
    columns: roundings.map(({ name }) => name),
    values: recipes.map((recipe) =>
      roundings.map((rounding) => value(all.find((weights) => weights.recipe.id === recipe.id && weights.rounding.id === rounding.id)!)),
    ),
    digits,
  });
  return [
    matrix('Type-token ratio', 3, ttr),
    matrix('Repeated bigrams', 3, repeats),
    matrix('Loss on the training samples, nats', 3, loss),
    matrix('Share of the update kept', 3, kept),
    matrix('First choices as in float32', 3, ({ agreement }) => agreement),
  ];
}

/** That rounding costs variety, on the grid of the original above all; and that training for a type gets it back. */
function testsOf(all: readonly MeasuredWeights[]): Findings['tests'] {
  const asTest = ({ name, runs }: MeasuredWeights) => ({ name, runs: runs.map((run) => textParts(run, ({ ttr: ratio }) => ratio)) });
  return comparePairs(
    'type-token ratio',
    pairsOf(all).map(([left, right]) => [asTest(left), asTest(right)] as const),
  );
}

function pairsOf<T extends Pick<MeasuredWeights, 'recipe' | 'rounding'>>(all: readonly T[]): (readonly [T, T])[] {
  const find = (trainedFor: Recipe['trainedFor'], to: Rounding['to']): T | undefined =>
    all.find(({ recipe, rounding }) => recipe.trainedFor === trainedFor && rounding.to === to);
  return bothThere([
    ...TRAINED_FOR.flatMap(
      (type) =>
        [
          [find(null, type), find(null, undefined)],
          [find(type, type), find(null, type)],
          [find(type, type), find(null, undefined)],
        ] as const,
    ),
    [find(null, 'own'), find(null, undefined)],
    ...TRAINED_FOR.map((type) => [find(type, 'own'), find(null, 'own')] as const),
  ]);
}

export function writtenQuantized(bench: Bench): Written {
  const texts = recipesOf(bench).flatMap((recipe) =>
    roundingsOf(bench).map((rounding) => ({
      recipe,
      rounding,
      name: nameOf(recipe, rounding),
      cells: recipe.seeds.map((seed) => cellId('text', recipe, seed, rounding)),
    })),
  );
  return { texts, pairs: pairsOf(texts) };
}

const nameOf = (recipe: Recipe, rounding: Rounding): string => `${recipe.name}, ${rounding.name}`;

/** What is worth reading side by side: the ends, the coarsest type, and the grid of the original. */
function shownTexts(bench: Bench, all: readonly MeasuredWeights[]): FindingText[] {
  const isShown = ({ recipe: { trainedFor }, rounding: { to } }: MeasuredWeights): boolean =>
    trainedFor === undefined
      ? to === undefined
      : trainedFor === null
        ? to === undefined || to === 'Q4_0' || to === 'own'
        : trainedFor === 'Q4_0' && to === 'Q4_0';
  return sampleTexts(bench, all.filter(isShown));
}
