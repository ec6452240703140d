import type { ModelConfig } from '../addon-types.ts';
import { chooseComputeDtype } from '../compute-dtype.ts';
import type { RunConfig } from '../config/fields.ts';
import { chooseDevice } from '../device.ts';
import { HyperfitError } from '../errors.ts';
import { CONTEXTS_AT_ONCE } from '../evaluate/continuations.ts';
import { formatSize } from '../hub/bytes.ts';
import { freeMemory } from '../memory-room.ts';
import { estimateTrainingMemory, type MemoryEstimate } from '../model/memory-estimate.ts';
import { loraOptions } from '../train/settings.ts';
import type { RunData } from './run-data.ts';

/** Settings that decide how much memory a run takes. */
type MemorySettings = Pick<
  RunConfig,
  | 'device'
  | 'computeDtype'
  | 'recompute'
  | 'stepInBackward'
  | 'optim'
  | 'maxGradNorm'
  | 'batchSize'
  | 'gradientAccumulationSteps'
  | 'quantize'
  | 'loraRank'
  | 'loraAlpha'
  | 'loraTargets'
  | 'loraLayers'
  | 'seed'
  | 'contextLength'
  | 'maxNewTokens'
  | 'comparisonContexts'
>;

/** A model as far as its memory goes. */
export interface MeasuredModel {
  config: ModelConfig;
  /** What matrices that nobody trains are held in, where products compute in bfloat16. */
  heldDtype: 'float32' | 'bfloat16';
}

/** What a run with these settings holds at once. @throws HyperfitError as estimateTrainingMemory */
export function estimateRunMemory(
  config: MemorySettings,
  model: MeasuredModel,
  { train, contexts }: Pick<RunData, 'train' | 'contexts'>,
): MemoryEstimate {
  const {
    batchSize,
    gradientAccumulationSteps,
    recompute,
    stepInBackward,
    optim,
    quantize,
    contextLength,
    maxNewTokens,
    comparisonContexts,
  } = config;
  const longest = train.reduce((most, { ids }) => Math.max(most, ids.length), 1);
  return estimateTrainingMemory(model.config, {
    device: chooseDevice(config.device),
    computeDtype: chooseComputeDtype(config.computeDtype),
    heldDtype: model.heldDtype,
    batchSize: Math.ceil(Math.min(batchSize, train.length) / gradientAccumulationSteps),
    sequenceLength: longest,
    recompute,
    stepInBackward,
    optim,
    lora: loraOptions(config),
    isQuantized: quantize !== null,
    decoding: { rows: Math.min(CONTEXTS_AT_ONCE, contexts.length), positions: contextLength + maxNewTokens, draws: comparisonContexts > 0 },
  });
}

/** The changes that make a run smaller, those first that change least of what comes of it. */
function smallerSettings(config: MemorySettings): Partial<MemorySettings>[] {
  const accumulated: Partial<MemorySettings>[] = [];
  for (let parts = 2 * config.gradientAccumulationSteps; parts < 2 * config.batchSize; parts *= 2)
    accumulated.push({ gradientAccumulationSteps: Math.min(parts, config.batchSize) });
  const least = { ...accumulated.at(-1), recompute: true };
  const within = { recompute: true, stepInBackward: true };
  const eighth = { optim: 'adamw_8bit' } as const;
  const late = { loraRank: 8, loraLayers: 5 };
  const lateOnly: Partial<MemorySettings>[] = [late, { ...least, ...late }, { ...within, ...late }];
  const inOrder: Partial<MemorySettings>[] = [
    ...accumulated,
    { recompute: true },
    least,
    { stepInBackward: true },
    within,
    eighth,
    { recompute: true, ...eighth },
    { ...least, ...eighth },
    { ...within, ...eighth },
    ...lateOnly,
    ...lateOnly.map((change) => ({ ...change, computeDtype: 'bfloat16' as const })),
  ];
  return inOrder
    .map((change) => withoutKnown(change, config))
    .filter((change) => Object.keys(change).length > 0 && goTogether(change, config));
}

function withoutKnown(change: Partial<MemorySettings>, config: MemorySettings): Partial<MemorySettings> {
  return Object.fromEntries(Object.entries(change).filter(([name, value]) => config[name as keyof MemorySettings] !== value));
}

/** Of the combinations that normalizeConfig refuses, those that a change could bring about. */
function goTogether(change: Partial<MemorySettings>, config: MemorySettings): boolean {
  const { stepInBackward, gradientAccumulationSteps, maxGradNorm, loraRank, optim } = { ...config, ...change };
  const trainsFewer = change.loraRank === undefined || config.loraRank === 0;
  return trainsFewer && !(stepInBackward && (gradientAccumulationSteps > 1 || maxGradNorm > 0)) && !(loraRank > 0 && optim !== 'adamw');
}

/** The first change with which a run takes at most `bytes`, as flags; undefined where none does. */
export function cheapestChange(
  config: MemorySettings,
  model: MeasuredModel,
  data: Pick<RunData, 'train' | 'contexts'>,
  bytes: number,
): string | undefined {
  const found = smallerSettings(config).find((change) => {
    const loraLayers = change.loraLayers == null ? config.loraLayers : Math.min(change.loraLayers, model.config.numHiddenLayers);
    return estimateRunMemory({ ...config, ...change, loraLayers }, model, data).totalBytes <= bytes;
  });
  return found === undefined
    ? undefined
    : Object.entries(found)
        .map(([name, value]) => (value === true ? name : `${name} ${String(value)}`))
        .join(' and ');
}

/**
 * Refuses a run on the CPU for which there is too little memory, before its first step. `heldBytes` of the estimate are taken already.
 * @throws HyperfitError ERR_OUT_OF_MEMORY with the smallest change that makes it fit
 */
export function requireMemory(
  config: MemorySettings,
  model: MeasuredModel,
  data: Pick<RunData, 'train' | 'contexts'>,
  heldBytes: number,
  availableBytes = freeMemory(),
): void {
  if (chooseDevice(config.device) !== 'cpu' || availableBytes === undefined || process.env.HYPERFIT_MEMORY_CHECK === '0') return;
  const { totalBytes } = estimateRunMemory(config, model, data);
  const room = availableBytes + heldBytes;
  if (totalBytes <= room) return;
  const change = cheapestChange(config, model, data, room);
  const remedy = change === undefined ? 'shorter sequences or a smaller model may fit' : `with ${change} it fits`;
  throw new HyperfitError(
    'ERR_OUT_OF_MEMORY',
    `expected ${formatSize(totalBytes)} of memory for this run, got ${formatSize(room)}: ${remedy}. \`hyperfit train --dry-run\` lists what takes it; HYPERFIT_MEMORY_CHECK=0 begins all the same`,
  );
}
