import type { RunConfig } from './fields.ts';

/** Named recipes; each lists every setting it cares about, whatever the default is. */
export const PRESETS = {
  /** Small enough for two cores and a model of 135 million weights: the effect in minutes. */
  demo: {
    samples: 64,
    sampleSelection: 'first',
    sequenceLength: 128,
    batchSize: 8,
    learningRate: 1e-4,
    weightDecay: 0,
    maxGradNorm: 0,
    epochs: 20,
    targetLoss: 0.1,
    order: 'shuffle',
    seed: 0,
    saveEverySteps: 0,
    keepLastCheckpoints: 1,
    keepBest: 'none',
    evaluateEverySteps: 8,
    heldOutSamples: 16,
  },
  /** The recipe of arXiv 2412.04318. */
  paper: {
    samples: 2000,
    sampleSelection: 'random',
    sequenceLength: 256,
    batchSize: 8,
    learningRate: 1e-6,
    weightDecay: 0,
    maxGradNorm: 0,
    warmupSteps: 0,
    epochs: 20,
    order: 'shuffle',
    comparisonContexts: 300,
  },
  /** What the authors' published code does, which differs from the paper in rate, epochs, decay and selection. */
  'official-code': {
    samples: 2000,
    sampleSelection: 'first',
    sequenceLength: 256,
    batchSize: 8,
    learningRate: 5e-6,
    weightDecay: 0.01,
    maxGradNorm: 0,
    warmupSteps: 0,
    epochs: 30,
    order: 'shuffle',
  },
} as const satisfies Record<string, Partial<RunConfig>>;

/** A named recipe; see `PRESETS`. */
export type PresetName = keyof typeof PRESETS;
export const PRESET_NAMES = Object.keys(PRESETS) as PresetName[];

export function isPresetName(name: string): name is PresetName {
  return Object.hasOwn(PRESETS, name);
}
