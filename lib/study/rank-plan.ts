import type { Cell, MauveCell } from './cell.ts';
import type { Domain } from './domain.ts';
import { choiceCells } from './downstream.ts';
import { MAUVE_CLUSTERINGS } from './mauve-findings.ts';
import { cellId, FOCUS_RANK, LORA_ALPHA, LORA_RATE, loraId, spectrumId, trainId, variantsOf, type RankVariant } from './rank-variants.ts';
import { endOf, likelihoodCell, textCell, trainCell } from './recipes.ts';
import { trainSettingsOf } from './setting.ts';
import { firstDomain, type Bench } from './study.ts';

/** Far enough for what loops late. */
const LONG_TOKENS = 512;
export const MAUVE = 'mauve';

export async function planRanks(bench: Bench): Promise<Cell[]> {
  const variants = variantsOf(bench);
  const asked = await choiceCells(bench.setting);
  const measured = (variant: RankVariant, seed: number | null): Cell[] => [
    ...measure(bench, variant, seed),
    ...(isLookedAtLong(bench, variant) ? asked(nameOf(variant, seed), variant.weights(seed ?? 0)) : []),
  ];
  const perSeed = (domain: Domain, seed: number): Cell[] => [
    trainCell(bench, trainId(domain, seed), { domain, settings: { seed } }),
    { kind: 'spectrum', id: spectrumId(domain, seed), weights: endOf(trainId(domain, seed)), ranks: Math.max(...bench.setting.ranks) },
    ...variants
      .filter((variant) => variant.domain === domain && variant.family !== 'original' && variant.family !== 'lora')
      .flatMap((variant) => measured(variant, seed)),
  ];
  return [
    ...variants.filter(({ family }) => family === 'original').flatMap((variant) => measured(variant, null)),
    ...bench.domains.flatMap((domain) => bench.setting.seeds.flatMap((seed) => perSeed(domain, seed))),
    ...variants
      .filter(({ family }) => family === 'lora')
      .flatMap((variant) => bench.setting.seeds.flatMap((seed) => loraCells(bench, variant, seed))),
    ...mauveCells(bench),
  ];
}

/** Of the first domain: the original, the small patch and the whole update are also asked questions and left to write long. */
export function isLookedAtLong(bench: Bench, { domain, family, rank: own }: RankVariant): boolean {
  return domain === firstDomain(bench) && (family === 'original' || family === 'hyperfitted' || (family === 'patch' && own === FOCUS_RANK));
}

/** The training samples are many; what is drawn over ranks needs them. */
export function isAskedForTraining({ family }: RankVariant): boolean {
  return family !== 'layers' && family !== 'scale' && family !== 'patch-with-tables';
}

export const nameOf = ({ id }: RankVariant, seed: number | null): string => (seed === null ? id : `${id}-s${seed}`);

function measure(bench: Bench, variant: RankVariant, seed: number | null): Cell[] {
  const { domain } = variant;
  const weights = variant.weights(seed ?? 0);
  const texts = { domain, trainDomain: domain, withoutBleu: true } as const;
  return [
    textCell(bench, cellId('text', variant, seed), weights, {}, texts),
    likelihoodCell(bench, cellId('held-out', variant, seed), weights, domain),
    ...(isAskedForTraining(variant) ? [likelihoodCell(bench, cellId('trained', variant, seed), weights, domain, 'train')] : []),
    ...(isLookedAtLong(bench, variant)
      ? [textCell(bench, cellId('long', variant, seed), weights, {}, { ...texts, newTokens: longTokens(bench) })]
      : []),
  ];
}

/** As many as the model's context has room for. */
export function longTokens(bench: Bench): number {
  const longest = Math.max(...firstDomain(bench).contexts.map(({ context }) => context.length));
  return Math.min(LONG_TOKENS, bench.header.config.maxPositionEmbeddings - longest);
}

/** Trained as everything else is, but for what LoRA asks for. */
function loraCells(bench: Bench, variant: RankVariant, seed: number): Cell[] {
  const { domain } = variant;
  const loraRank = variant.rank!;
  const { learningRate } = trainSettingsOf(bench.setting, {});
  return [
    trainCell(bench, loraId(domain, loraRank, seed), {
      domain,
      settings: { seed, loraRank, loraAlpha: LORA_ALPHA, learningRate: LORA_RATE * learningRate },
    }),
    ...measure(bench, variant, seed),
  ];
}

/** Whose texts are compared with what people wrote. */
export function mauveTexts(bench: Bench): string[] {
  const asked = variantsOf(bench).filter(
    ({ domain, family }) => domain === firstDomain(bench) && ['original', 'patch', 'lora', 'hyperfitted'].includes(family),
  );
  return asked.flatMap((variant) => variant.seeds.map((seed) => cellId('text', variant, seed)));
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
