import { given } from '../config/given.ts';
import type { TrainSettings } from '../train/settings.ts';
import type { Decoding, LikelihoodCell, TextCell, TrainCell, TrainedWeights, Weights } from './cell.ts';
import { meanOf, type Measured, type RunParts } from './measured.ts';
import { ttrSignature, typeTokenRatio } from '../evaluate/type-token-ratio.ts';
import type { Domain } from './domain.ts';
import { stepsOf, stepsPerEpoch, trainSettingsOf } from './setting.ts';
import { firstDomain, type Bench } from './study.ts';

export interface TrainRecipe {
  domain?: Domain;
  samples?: number;
  settings?: Partial<TrainSettings>;
  evaluate?: 'never' | 'epochs' | number[];
  writesTexts?: boolean;
  keep?: TrainCell['keep'];
  start?: TrainCell['start'];
  repeat?: number;
}

/** A training of the study's settings, unless the recipe says otherwise. */
export function trainCell(bench: Bench, id: string, recipe: TrainRecipe = {}): TrainCell {
  const {
    domain = firstDomain(bench),
    settings = {},
    evaluate = 'never',
    writesTexts = false,
    keep = 'end',
    start = 'original',
    repeat = 0,
  } = recipe;
  const samples = Math.min(recipe.samples ?? domain.train.length, domain.train.length);
  const resolved = trainSettingsOf(bench.setting, settings);
  const evaluateAtSteps = evaluate === 'never' ? [] : evaluate === 'epochs' ? epochEnds(resolved, samples) : evaluate;
  return { kind: 'train', id, start, domain: domain.name, samples, settings, evaluateAtSteps, writesTexts, keep, repeat };
}

/** 0, and the last step of each pass. */
export function epochEnds(settings: TrainSettings, samples: number): number[] {
  const total = stepsOf(settings, samples);
  const each = stepsPerEpoch(settings.batchSize, samples);
  return Array.from({ length: Math.floor(total / each) + 1 }, (_, epoch) => epoch * each);
}

export function textCell(
  bench: Bench,
  id: string,
  weights: Weights,
  decoding: Decoding = {},
  more: { domain?: Domain; trainDomain?: Domain; newTokens?: number; withoutBleu?: true; writer?: TextCell['writer'] } = {},
): TextCell {
  const {
    domain = firstDomain(bench),
    trainDomain = firstDomain(bench),
    newTokens = bench.setting.config.maxNewTokens,
    withoutBleu,
    writer,
  } = more;
  return {
    kind: 'text',
    id,
    weights,
    domain: domain.name,
    trainDomain: trainDomain.name,
    decoding,
    newTokens,
    ...given({ withoutBleu, writer }),
  };
}

export function likelihoodCell(
  bench: Bench,
  id: string,
  weights: Weights,
  domain: Domain = firstDomain(bench),
  sequences?: LikelihoodCell['sequences'],
): LikelihoodCell {
  return { kind: 'likelihood', id, weights, domain: domain.name, ...given({ sequences }) };
}

export const endOf = (cell: string): TrainedWeights => ({ cell, at: 'end' });
export const bestOf = (cell: string): Weights => ({ cell, at: 'best' });

/** The paper's sampled baseline. */
export function topP(bench: Bench, seed: number): Decoding {
  const { topP: nucleus, temperature, topK } = bench.setting.config;
  return { topP: nucleus, temperature, topK, seed };
}

/** Why there may be no `humanTtr`. */
export const noOriginals = ({ setting }: Bench): string =>
  `no original goes on for ${setting.config.maxNewTokens} tokens after its context`;

/** TTR of what people wrote after the contexts, as many tokens as the continuations have; shorter originals are left out. */
export function humanTtr(bench: Bench, newTokens = bench.setting.config.maxNewTokens): Measured | null {
  const { contexts, name } = firstDomain(bench);
  const values = contexts.map(({ original }) => (original.length < newTokens ? null : typeTokenRatio(original.subarray(0, newTokens))));
  const parts: RunParts = { cell: '', parts: values.map((value) => (value === null ? { sum: 0, count: 0 } : { sum: value, count: 1 })) };
  const measured = meanOf([parts], ttrSignature(), { text: 'human', tokens: newTokens });
  return measured === null ? null : { ...measured, files: [`domain ${name}`] };
}
