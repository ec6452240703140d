import type { RunConfig } from './fields.ts';

/** The part of the settings that the warnings look at. */
type Watched = Pick<RunConfig, 'learningRate' | 'targetLoss' | 'sequenceLength' | 'batchSize' | 'epochs' | 'maxSteps' | 'warmupSteps'> &
  Partial<Pick<RunConfig, 'samples' | 'heldOut' | 'evaluateEverySteps' | 'comparisonContexts'>>;

export interface WarningOptions {
  /** What the weights are stored in while they learn. Default float32. */
  weightDtype?: 'float32' | 'bfloat16';
  /** The least mean loss that the sequences themselves allow, where they are known; see trainingLossFloor. */
  floor?: number | null;
}

/**
 * The mean loss that n distinct sequences with a shared first token cannot fall below, in nats per token: choosing among them
 * costs ln(n) once per sequence of T - 1 predictions.
 *
 * @example
 * lossFloor(2000, 256); // 0.0298 nats per token
 */
export function lossFloor(sampleCount: number, sequenceLength: number): number {
  return sampleCount < 2 || sequenceLength < 2 ? 0 : Math.log(sampleCount) / (sequenceLength - 1);
}

/**
 * Warnings about settings that are legal and yet known to disappoint.
 *
 * @example
 * const values = { model: 'my-model', data: 'novel.txt', sequenceLength: 256, targetLoss: 0.01 };
 * const { config } = normalizeConfig([{ name: 'options', values }]);
 * configWarnings(config, 2000); // targetLoss 0.01 lies at or below 0.030, the least mean loss that 2000 sequences ...
 */
export function configWarnings(
  config: Watched,
  sampleCount: number,
  { weightDtype = 'float32', floor = null }: WarningOptions = {},
): string[] {
  return [
    ...sampleWarnings(config, sampleCount),
    ...floorWarnings(config, sampleCount, floor),
    ...underflowWarnings(config, weightDtype),
    ...warmupWarnings(config, sampleCount),
  ];
}

/** Where something is held out of too few, that is said with what was held out. */
function sampleWarnings(
  { samples = null, heldOut = null, evaluateEverySteps, comparisonContexts }: Watched,
  sampleCount: number,
): string[] {
  const holdsOut = heldOut === null && (evaluateEverySteps !== 0 || comparisonContexts !== 0);
  if (samples === null || sampleCount >= samples || holdsOut) return [];
  return [`samples ${samples} are asked for and the data have ${sampleCount}: all of them train`];
}

function floorWarnings({ targetLoss, sequenceLength }: Watched, sampleCount: number, known: number | null): string[] {
  const floor = known ?? lossFloor(sampleCount, sequenceLength);
  if (targetLoss === null || targetLoss > floor) return [];
  const reason =
    known === null
      ? `${sampleCount} sequences of ${sequenceLength} tokens can reach when they share their first token`
      : `any model can reach on these ${sampleCount} sequences`;
  return [
    `targetLoss ${targetLoss} lies at or below ${floor.toPrecision(2)}, the least mean loss that ${reason}; the run will end by its epochs or steps instead, or not at all`,
  ];
}

/** An AdamW step is about the learning rate; rounding drops it below half the spacing of the stored type. */
function underflowWarnings({ learningRate }: Watched, weightDtype: 'float32' | 'bfloat16'): string[] {
  const halfSpacing = weightDtype === 'float32' ? 2 ** -25 : 2 ** -9;
  const frozenFrom = learningRate / halfSpacing;
  // Linear weights of language models are mostly below 0.1 in magnitude.
  if (frozenFrom > 0.1) return [];
  return [
    `learningRate ${learningRate} is so small for ${weightDtype} weights that those above ${frozenFrom.toPrecision(2)} in magnitude ` +
      'cannot move; raise it or keep float32 weights',
  ];
}

function warmupWarnings({ warmupSteps, epochs, maxSteps, batchSize }: Watched, sampleCount: number): string[] {
  const steps = Math.min(maxSteps ?? Infinity, (epochs ?? Infinity) * Math.ceil(sampleCount / batchSize));
  if (warmupSteps === 0 || warmupSteps < steps) return [];
  return [`warmupSteps ${warmupSteps} takes all ${steps} steps of the run, so the full learning rate comes too late or never; lower it`];
}
