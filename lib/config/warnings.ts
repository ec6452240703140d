import type { RunConfig } from './fields.ts';

/** The part of the settings that the warnings look at. */
type Watched = Pick<RunConfig, 'learningRate' | 'computeDtype' | 'targetLoss' | 'sequenceLength'>;

/**
 * The mean loss that n distinct sequences with a shared first token cannot fall below, in nats per token: choosing among them
 * costs ln(n) once per sequence of T - 1 predictions.
 */
export function lossFloor(sampleCount: number, sequenceLength: number): number {
  return sampleCount < 2 || sequenceLength < 2 ? 0 : Math.log(sampleCount) / (sequenceLength - 1);
}

/**
 * Warnings about settings that are legal and yet known to disappoint.
 * @param weightDtype what the weights are stored in while they learn
 */
export function configWarnings(config: Watched, sampleCount: number, weightDtype: 'float32' | 'bfloat16' = 'float32'): string[] {
  return [...floorWarnings(config, sampleCount), ...underflowWarnings(config, weightDtype)];
}

function floorWarnings({ targetLoss, sequenceLength }: Watched, sampleCount: number): string[] {
  const floor = lossFloor(sampleCount, sequenceLength);
  if (targetLoss === null || targetLoss > floor) return [];
  return [
    `targetLoss ${targetLoss} lies at or below ${floor.toPrecision(2)}, the least mean loss that ${sampleCount} sequences of ${sequenceLength} tokens ` +
      'can reach when they share their first token; the run may end by its epochs or steps instead',
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
