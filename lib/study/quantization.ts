import type { Cell, MauveCell } from './cell.ts';
import { MAUVE_CLUSTERINGS } from './mauve-findings.ts';
import { concludeQuantization, writtenQuantized } from './quantization-findings.ts';
import { cellId, recipesOf, roundingsOf, trainId, weightsOf, type Recipe } from './quantization-variants.ts';
import { endOf, likelihoodCell, textCell, trainCell } from './recipes.ts';
import { firstDomain, type Bench, type Study } from './study.ts';

export const MAUVE = 'mauve';

/** E14, not in the paper. */
export const quantization: Study = {
  name: 'quantization',
  title: 'Rounding to a quantised file (E14, not in the paper)',
  question:
    'What does a GGUF file of four or eight bits leave of a hyperfit, on the grid that the original came from too, and does training on rounded weights keep it?',
  plan: (bench) => [
    ...recipesOf(bench).flatMap((recipe) => recipe.seeds.flatMap((seed) => cellsOf(bench, recipe, seed))),
    ...mauveCells(bench),
  ],
  conclude: concludeQuantization,
  written: writtenQuantized,
};

/** A training, and its weights rounded in every way. */
function cellsOf(bench: Bench, recipe: Recipe, seed: number | null): Cell[] {
  const training =
    seed === null ? [] : [trainCell(bench, trainId(recipe, seed), { settings: { seed, quantize: recipe.trainedFor ?? null } })];
  return [
    ...training,
    ...roundingsOf(bench).flatMap((rounding): Cell[] => {
      const weights = weightsOf(recipe, seed, rounding);
      const id = (kind: Parameters<typeof cellId>[0]): string => cellId(kind, recipe, seed, rounding);
      const isUpdateRounded = seed !== null && rounding.to !== undefined;
      return [
        textCell(bench, id('text'), weights, {}, { withoutBleu: true }),
        likelihoodCell(bench, id('held-out'), weights),
        likelihoodCell(bench, id('trained'), weights, firstDomain(bench), 'train'),
        ...(isUpdateRounded
          ? [{ kind: 'update-share' as const, id: id('share'), weights: { ...endOf(trainId(recipe, seed)), quantize: rounding.to! } }]
          : []),
      ];
    }),
  ];
}

/** Texts in the order of recipes, seeds and roundings. */
export function mauveTexts(bench: Bench): string[] {
  return recipesOf(bench).flatMap((recipe) =>
    recipe.seeds.flatMap((seed) => roundingsOf(bench).map((rounding) => cellId('text', recipe, seed, rounding))),
  );
}

function mauveCells(bench: Bench): MauveCell[] {
  const { featureModel, setting } = bench;
  if (featureModel === null) return [];
  return [
    {
      kind: 'mauve',
      id: MAUVE,
      texts: mauveTexts(bench),
      domain: firstDomain(bench).name,
      newTokens: setting.config.maxNewTokens,
      clusterings: MAUVE_CLUSTERINGS,
      featureModel,
    },
  ];
}
