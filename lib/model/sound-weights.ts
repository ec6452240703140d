import type { ComputeDType, ModelConfig } from '../addon-types.ts';
import { HyperfitError } from '../errors.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { expectedParameters } from './parameters.ts';
import { disposeAll } from './tensor-file.ts';

/** What computes with weights that have names. */
export interface Weights {
  readonly config: ModelConfig;
  readonly computeDtype: ComputeDType;
  heldParameter(name: string): Promise<Tensor>;
  forward(batch: { tokens: Int32Array; batchSize: number; sequenceLength: number }): Promise<{ logits: Tensor }>;
}

/**
 * An update that is too large leaves weights that only the next step would notice; after the last one nobody would. So they are looked at,
 * and two tokens are computed, for weights may also be so large that nothing can be made of them.
 * @param step the update that came last, for the message
 * @throws HyperfitError ERR_NOT_FINITE naming what holds NaN or infinity
 */
export async function requireSoundWeights(model: Weights, step: number): Promise<void> {
  const place = (await ruinedWeight(model)) ?? ((await givesFiniteLogits(model)) ? undefined : 'the logits');
  if (place === undefined) return;
  const remedy = 'lower learningRate, and warm up over more steps; these weights are not saved, and earlier checkpoints are as they were';
  throw new HyperfitError(
    'ERR_NOT_FINITE',
    `expected finite weights and logits after step ${step}, got NaN or infinity in ${place}; ${remedy}`,
  );
}

/** As `requireSoundWeights`, of what the optimizer keeps: the next step would ruin the weights by it. */
export function requireSoundMoments(optimizer: { state(): Map<string, Tensor> }, step: number): void {
  const state = optimizer.state();
  const name = ruinedTensor(state);
  disposeAll(state.values());
  if (name === undefined) return;
  throw new HyperfitError(
    'ERR_NOT_FINITE',
    `expected finite moments after step ${step}, got NaN or infinity in ${name}; lower learningRate, or set maxGradNorm; earlier checkpoints are as they were`,
  );
}

/** Beyond it a float32 becomes infinity in bfloat16: halfway from the largest of them to 2^128. */
const MOST_IN_BFLOAT16 = (2 - 2 ** -8) * 2 ** 127;

/** The first weight that passes cannot compute with, in words. */
export async function ruinedWeight(model: Weights): Promise<string | undefined> {
  let wide: string | undefined;
  for (const name of expectedParameters(model.config).keys()) {
    const tensor = await model.heldParameter(name);
    try {
      if (!isFinite(tensor)) return name;
      if (wide === undefined && model.computeDtype === 'bfloat16' && scope(() => tensor.abs().max().item() >= MOST_IN_BFLOAT16))
        wide = name;
    } finally {
      tensor.dispose();
    }
  }
  return wide && `${wide}, which bfloat16 rounds to infinity`;
}

/** The first that holds NaN or infinity. */
export function ruinedTensor(tensors: ReadonlyMap<string, Tensor>): string | undefined {
  return [...tensors].find(([, tensor]) => !isFinite(tensor))?.[0];
}

async function givesFiniteLogits(model: Weights): Promise<boolean> {
  const { logits } = await model.forward({ tokens: Int32Array.of(0, model.config.vocabSize - 1), batchSize: 1, sequenceLength: 2 });
  try {
    return isFinite(logits);
  } finally {
    logits.dispose();
  }
}

/** One pass without memory; a sum of finite numbers may overflow, so that only then each is looked at. */
function isFinite(tensor: Tensor): boolean {
  return scope(() => Number.isFinite(tensor.sum().item()) || tensor.isfinite().all().item() === 1);
}
