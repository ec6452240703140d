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
  'device' | 'computeDtype' | 'recompute' | 'stepInBackward' | 'maxGradNorm' | 'batchSize' | 'gradientAccumulationSteps' | 'quantize' | 'loraRank' | 'loraAlpha' | 'loraTargets' | 'loraLayers' | 'seed' | 'contextLength' | 'maxNewTokens'
>;

/** A model as far as its memory goes. */
export interface MeasuredModel {
  config: ModelConfig;
  /** What matrices that nobody trains are held in, where products compute in bfloat16. */
  heldDtype: 'float32' | 'bfloat16';
}

/** What a run with these settings holds at once. @throws HyperfitError as estimateTrainingMemory */
export function estimateRunMemory(config: MemorySettings, model: MeasuredModel, { train, contexts }: Pick<RunData, 'train' | 'contexts'>): MemoryEstimate {
  const { batchSize, gradientAccumulationSteps, recompute, stepInBackward, quantize, contextLength, maxNewTokens } = config;
  const longest = train.reduce((most, { ids }) => Math.max(most, ids.length), 1);
  return estimateTrainingMemory(model.config, {
    device: chooseDevice(config.device),
    computeDtype: chooseComputeDtype(config.computeDtype),
    heldDtype: model.heldDtype,
    batchSize: Math.ceil(Math.min(batchSize, train.length) / gradientAccumulationSteps),
    sequenceLength: longest,
    recompute,
    stepInBackward,
    lora: loraOptions(config),
    isQuantized: quantize !== null,
    decoding: { rows: Math.min(CONTEXTS_AT_ONCE, contexts.length), positions: contextLength + maxNewTokens },
  });
}

/** The changes that make a run smaller, those first that change least of what comes of it. */
function smallerSettings(config: MemorySettings): Partial<MemorySettings>[] {
  const { batchSize, gradientAccumulationSteps, recompute, stepInBackward, maxGradNorm, loraRank, computeDtype } = config;
  const accumulated: Partial<MemorySettings>[] = [];
  for (let parts = 2 * gradientAccumulationSteps; parts < 2 * batchSize; parts *= 2) accumulated.push({ gradientAccumulationSteps: Math.min(parts, batchSize) });
  const most = accumulated.at(-1) ?? {};
  const least = { ...most, recompute: true };
  const late = { loraRank: 8, loraLayers: 5 };
  const mayStepWithin = gradientAccumulationSteps === 1 && maxGradNorm === 0 && !stepInBackward;
  const within = [{ stepInBackward: true }, { recompute: true, stepInBackward: true }];
  const lateOnly: Partial<MemorySettings>[] = [late, { ...least, ...late }, ...(mayStepWithin ? [{ ...within[1], ...late }] : [])];
  const rounded = computeDtype === 'float32' ? lateOnly.map((change) => ({ ...change, computeDtype: 'bfloat16' as const })) : [];
  return [...(stepInBackward ? [] : accumulated), ...(recompute ? [] : [{ recompute: true }, ...(stepInBackward ? [] : [least])]), ...(mayStepWithin ? within : []), ...(loraRank > 0 || stepInBackward ? [] : [...lateOnly, ...rounded])];
}

/** The first change with which a run takes at most `bytes`, as flags; undefined where none does. */
export function cheapestChange(config: MemorySettings, model: MeasuredModel, data: Pick<RunData, 'train' | 'contexts'>, bytes: number): string | undefined {
  const found = smallerSettings(config).find((change) => {
    const loraLayers = change.loraLayers == null ? config.loraLayers : Math.min(change.loraLayers, model.config.numHiddenLayers);
    return estimateRunMemory({ ...config, ...change, loraLayers }, model, data).totalBytes <= bytes;
  });
  return found === undefined ? undefined : Object.entries(found).map(([name, value]) => (value === true ? name : `${name} ${String(value)}`)).join(' and ');
}

/**
 * Refuses a run on the CPU for which there is too little memory, before its first step. `heldBytes` of the estimate are taken already.
 * @throws HyperfitError ERR_OUT_OF_MEMORY with the smallest change that makes it fit
 */
export function requireMemory(config: MemorySettings, model: MeasuredModel, data: Pick<RunData, 'train' | 'contexts'>, heldBytes: number, availableBytes = freeMemory()): void {
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
