import type { RunConfig } from '../config/fields.ts';
import { FIELD_NAMES, isFieldName, type FieldName } from '../config/fields.ts';
import { presetLayer, type ConfigLayer } from '../config/layers.ts';
import { normalizeConfig } from '../config/normalize.ts';
import type { PresetName } from '../config/presets.ts';
import type { LoraOptions } from '../model/lora.ts';
import { didYouMean } from '../config/suggest.ts';
import { HyperfitError } from '../errors.ts';

/** The settings that training itself reads. */
export const TRAIN_FIELDS = [
  'samples',
  'sampleSelection',
  'sequenceLength',
  'windows',
  'unwrap',
  'appendEos',
  'trainOn',
  'batchSize',
  'gradientAccumulationSteps',
  'learningRate',
  'warmupSteps',
  'betas',
  'eps',
  'weightDecay',
  'maxGradNorm',
  'optim',
  'stepInBackward',
  'loraRank',
  'loraAlpha',
  'loraTargets',
  'loraLayers',
  'quantize',
  'epochs',
  'maxSteps',
  'targetLoss',
  'order',
  'seed',
] as const satisfies readonly FieldName[];

/** The settings that training reads, complete. */
export type TrainSettings = Pick<RunConfig, (typeof TRAIN_FIELDS)[number]>;

/** The settings of training that a caller gives, and a preset for the rest; what neither says is the default. */
export type TrainOptions = { [Name in keyof TrainSettings]?: TrainSettings[Name] | undefined } & {
  /**
   * A named recipe; settings given beside it come first. `demo`: minutes on two cores; `paper`: arXiv 2412.04318; `official-code`: the
   * authors' published code.
   */
  preset?: PresetName | undefined;
};

/**
 * Complete, checked training settings.
 * @throws HyperfitError ERR_CONFIG for unknown names, for settings that only a whole run reads, and for bad values
 */
export function normalizeTrainSettings(options: TrainOptions): TrainSettings {
  const { preset, ...values } = options;
  const strangers = Object.keys(values).filter((name) => !(TRAIN_FIELDS as readonly string[]).includes(name));
  if (strangers.length > 0) throw strangerError(strangers);
  const layers: ConfigLayer[] = [{ name: 'options', values }];
  if (preset !== undefined) layers.push(presetLayer(preset));
  return pickTrainSettings(normalizeConfig(layers).config);
}

function strangerError(names: readonly string[]): HyperfitError {
  const lines = names.map((name) =>
    isFieldName(name)
      ? `\`${name}\` belongs to a whole run (hyperfit train), not to hyperfit()`
      : `unknown \`${name}\`${didYouMean(name, FIELD_NAMES)}`,
  );
  return new HyperfitError('ERR_CONFIG', `expected training settings, got ${lines.join('; ')}`);
}

export function pickTrainSettings(config: RunConfig): TrainSettings {
  return Object.fromEntries(TRAIN_FIELDS.map((name) => [name, config[name]])) as unknown as TrainSettings;
}

/** What the optimizer is to be told of LoRA; undefined when all weights are trained. */
export function loraOptions({
  loraRank: rank,
  loraAlpha: alpha,
  loraTargets: targets,
  loraLayers: layers,
  seed,
}: Pick<TrainSettings, 'loraRank' | 'loraAlpha' | 'loraTargets' | 'loraLayers' | 'seed'>): LoraOptions | undefined {
  return rank === 0 ? undefined : { rank, alpha, targets, layers, seed };
}

/** Constant after a linear warm-up whose last step has the full rate. `step` counts from 1. */
export function learningRateAt(step: number, { learningRate, warmupSteps }: Pick<TrainSettings, 'learningRate' | 'warmupSteps'>): number {
  return step >= warmupSteps ? learningRate : (learningRate * step) / warmupSteps;
}
