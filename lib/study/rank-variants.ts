import type { LayerRange } from '../run/update-factors.ts';
import type { Patch, TrainedWeights, Weights } from './cell.ts';
import type { Domain } from './domain.ts';
import { endOf } from './recipes.ts';
import { firstDomain, type Bench } from './study.ts';

/**
 * The patch that the study looks at from all sides: that of rank 1 loops more in some runs, and this one is as small for all that counts.
 */
export const FOCUS_RANK = 2;
const SCALES = [0.25, 0.5, 1.5, 2] as const;
/** Parts that the layers are cut into. */
const GROUPS = 4;
const WITH_TABLES: readonly (number | null)[] = [0, 1, 2, 8, 32];
/** Ranks that LoRA is trained at, for comparison. */
export const LORA_RANKS: readonly number[] = [FOCUS_RANK, 32];
/** LoRA wants a higher rate than all weights do: ten times it is the usual rule. */
export const LORA_RATE = 10;
export const LORA_ALPHA = 32;

export type Family = 'original' | 'patch' | 'patch-with-tables' | 'layers' | 'scale' | 'lora' | 'hyperfitted';

/** Weights to write with, of each seed. */
export interface RankVariant {
  id: string;
  name: string;
  family: Family;
  domain: Domain;
  /** Of a patch; null is the whole update. */
  rank?: number | null;
  scale?: number;
  layers?: LayerRange;
  /** Whether these layers alone are patched, or all others. */
  isOnly?: boolean;
  weights(seed: number): Weights;
  /** The original is the same for every seed. */
  seeds: readonly (number | null)[];
}

export const trainId = (domain: Domain, seed: number): string => `train-${domain.name}-s${seed}`;
export const spectrumId = (domain: Domain, seed: number): string => `spectrum-${domain.name}-s${seed}`;
export const loraId = (domain: Domain, rank: number, seed: number): string => `train-${domain.name}-lora-${rank}-s${seed}`;
export const cellId = (kind: 'text' | 'held-out' | 'trained' | 'long', { id }: RankVariant, seed: number | null): string =>
  `${kind}-${id}${seed === null ? '' : `-s${seed}`}`;

/** Of every domain the ranks; of the first one, all else. */
export function variantsOf(bench: Bench): RankVariant[] {
  return bench.domains.flatMap((domain) => {
    const isFirst = domain === firstDomain(bench);
    const common = [originalOf(domain), ...ranksOf(bench, domain), hyperfittedOf(bench, domain)];
    return isFirst
      ? [...common, ...tablesOf(bench, domain), ...groupsOf(bench, domain), ...scalesOf(bench, domain), ...lorasOf(bench, domain)]
      : common;
  });
}

function originalOf(domain: Domain): RankVariant {
  return { id: `${domain.name}-original`, name: 'original', family: 'original', domain, weights: () => 'original', seeds: [null] };
}

function hyperfittedOf(bench: Bench, domain: Domain): RankVariant {
  return {
    id: `${domain.name}-hyperfitted`,
    name: 'hyperfitted',
    family: 'hyperfitted',
    domain,
    weights: (seed) => endOf(trainId(domain, seed)),
    seeds: bench.setting.seeds,
  };
}

type PatchParts = Pick<RankVariant, 'id' | 'name' | 'family'> & Partial<Pick<RankVariant, 'rank' | 'scale' | 'layers' | 'isOnly'>>;

function patchOf(bench: Bench, domain: Domain, { id, ...parts }: PatchParts, patch: Partial<Patch>): RankVariant {
  const whole: Patch = { rank: FOCUS_RANK, layers: null, tables: false, scale: 1, ...patch };
  const weights = (seed: number): TrainedWeights => ({ ...endOf(trainId(domain, seed)), patch: whole });
  return { id: `${domain.name}-${id}`, domain, weights, seeds: bench.setting.seeds, rank: whole.rank, ...parts };
}

const nameOfRank = (rank: number | null): string => (rank === null ? 'all ranks' : `rank ${rank}`);

function ranksOf(bench: Bench, domain: Domain): RankVariant[] {
  const ranks = [...new Set(bench.setting.ranks)].sort((left, right) => left - right);
  return [...ranks, null].map((rank) =>
    patchOf(bench, domain, { id: `rank-${rank ?? 'all'}`, name: nameOfRank(rank), family: 'patch' }, { rank }),
  );
}

/** All ranks with embedding and norms are the hyperfitted model. */
function tablesOf(bench: Bench, domain: Domain): RankVariant[] {
  const ranks = WITH_TABLES.filter((rank) => rank === 0 || bench.setting.ranks.includes(rank!));
  return ranks.map((rank) => {
    const name = rank === 0 ? 'embedding and norms alone' : `${nameOfRank(rank)}, embedding and norms too`;
    return patchOf(bench, domain, { id: `rank-${rank}-tables`, name, family: 'patch-with-tables' }, { rank, tables: true });
  });
}

/** A part of the layers alone, and all others. */
function groupsOf(bench: Bench, domain: Domain): RankVariant[] {
  const count = bench.header.config.numHiddenLayers;
  const groups = Math.min(GROUPS, count);
  if (groups < 2) return [];
  return Array.from({ length: groups }, (_, group): LayerRange => [
    Math.round((group * count) / groups),
    Math.round(((group + 1) * count) / groups),
  ]).flatMap((layers) => {
    const [first, last] = [layers[0] + 1, layers[1]];
    const span = first === last ? `layer ${first}` : `layers ${first} to ${last}`;
    const only = patchOf(
      bench,
      domain,
      { id: `layers-${first}-${last}`, name: `rank ${FOCUS_RANK}, ${span} alone`, family: 'layers', layers, isOnly: true },
      { layers: [layers] },
    );
    return [only, withoutLayers(bench, domain, { layers, count, span, id: `without-${first}-${last}` })];
  });
}

function withoutLayers(
  bench: Bench,
  domain: Domain,
  { layers, count, span, id }: { layers: LayerRange; count: number; span: string; id: string },
): RankVariant {
  const others: LayerRange[] = (
    [
      [0, layers[0]],
      [layers[1], count],
    ] as const
  ).filter(([from, to]) => to > from);
  return patchOf(
    bench,
    domain,
    { id, name: `rank ${FOCUS_RANK}, all but ${span}`, family: 'layers', layers, isOnly: false },
    { layers: others },
  );
}

function scalesOf(bench: Bench, domain: Domain): RankVariant[] {
  return SCALES.map((scale) =>
    patchOf(bench, domain, { id: `scale-${scale}`, name: `rank ${FOCUS_RANK}, times ${scale}`, family: 'scale', scale }, { scale }),
  );
}

function lorasOf(bench: Bench, domain: Domain): RankVariant[] {
  if (bench.setting.config.loraRank > 0) return [];
  return LORA_RANKS.map((rank) => ({
    id: `${domain.name}-lora-${rank}`,
    name: `LoRA trained at rank ${rank}`,
    family: 'lora',
    domain,
    rank,
    weights: (seed) => endOf(loraId(domain, rank, seed)),
    seeds: bench.setting.seeds,
  }));
}
