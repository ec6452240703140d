import type { Tensor } from '../tensor/tensor.ts';

/** Sequences side by side: `tokens` and `targets` row-major [batchSize, sequenceLength]; a target of -100 does not count. */
export interface ModelBatch {
  /** Ids, row-major [batchSize, sequenceLength]. */
  tokens: Int32Array;
  /** Row-major [batchSize, sequenceLength]; -100 (IGNORE_INDEX) does not count. */
  targets: Int32Array;
  /** Rows. */
  batchSize: number;
  /** Columns: tokens of the longest row. */
  sequenceLength: number;
}

/** What a loss of one's own is told beside the logits. Its tensors go when the loss has been computed. */
export interface LossBatch extends ModelBatch {
  /** `targets` as a tensor, int64 [batchSize, sequenceLength], on the model's device; -100 where a target does not count. */
  targetIds: Tensor;
  /** How many targets count. */
  tokenCount: number;
}

/**
 * A loss of one's own, from logits [batchSize, sequenceLength, vocabSize] (float32, recorded for `backward()`, on the model's device) to a
 * tensor of one element. It is the *sum* over the targets that count, in nats where it is to be compared with the built-in cross-entropy:
 * training divides by the tokens of the whole step, so that accumulation is exact. Every tensor made inside is freed afterwards.
 *
 * It may be async, to ask another model (KL to the original). The model that it belongs to must not work meanwhile.
 *
 * @example
 * const smoothed: LossFunction = (logits, { targetIds }) =>
 *   torch.crossEntropy(logits.flatten(0, 1), targetIds.flatten(), { reduction: 'sum', labelSmoothing: 0.1 });
 */
export type LossFunction = (logits: Tensor, batch: LossBatch) => Tensor | PromiseLike<Tensor>;

/** Settings of `forwardBackward`. */
export interface ForwardBackwardOptions {
  /** Cancels between layers; the promise rejects with its reason, and what was gathered so far is thrown away. */
  signal?: AbortSignal | undefined;
  /** In the place of cross-entropy. */
  loss?: LossFunction | undefined;
}
