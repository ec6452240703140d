import type { Model } from '../model/model.ts';
import type { Tensor } from '../tensor/tensor.ts';

export type ForwardModel = Pick<Model, 'forward'>;

/** Logits [positions, vocabulary] of every token but the first. */
export async function predictions(model: ForwardModel, ids: Int32Array): Promise<Tensor> {
  const { logits } = await model.forward({ tokens: ids, batchSize: 1, sequenceLength: ids.length });
  return logits.select(0, 0).narrow(0, 0, ids.length - 1);
}
