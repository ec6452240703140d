import { ruinedTensor, ruinedWeight, type Weights } from './sound-weights.ts';
import { disposeAll } from './tensor-file.ts';
import type { ModelBatch } from './model-batch.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** A model whose pass has shown NaN or infinity. */
interface Passed extends Weights {
  forward(batch: Tokens, options?: { hiddenStates?: boolean }): Promise<{ logits: Tensor; hiddenStates: Tensor[] }>;
}

type Tokens = Omit<ModelBatch, 'targets'>;

/**
 * Where NaN or infinity comes from, once a loss or a gradient has shown it: the first weight that holds some, or else the first activation,
 * in the order in which they are computed. A second pass over `batch`, in a run that ends anyway. Undefined where none is found, as with a
 * loss of the caller's own.
 */
export async function ruinedPlace(model: Passed, batch: Tokens): Promise<string | undefined> {
  return (await ruinedWeight(model)) ?? ruinedActivation(model, batch);
}

/** `hiddenStates` holds what enters each layer and what the final norm gives. */
async function ruinedActivation(model: Passed, { tokens, batchSize, sequenceLength }: Tokens): Promise<string | undefined> {
  const { logits, hiddenStates } = await model.forward({ tokens, batchSize, sequenceLength }, { hiddenStates: true });
  const last = hiddenStates.length - 1;
  const nameOf = (index: number): string => (index === last ? 'the final norm' : index === 0 ? 'the embeddings' : `layer ${index - 1}`);
  try {
    const named = hiddenStates.map((tensor, index) => [`what ${nameOf(index)} gives`, tensor] as const);
    return ruinedTensor(new Map([...named, ['the logits', logits]]));
  } finally {
    disposeAll([logits, ...hiddenStates]);
  }
}
