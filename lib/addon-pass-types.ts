import type { Control, ModelHandle, TensorHandle } from './addon-types.ts';

/** A training pass in two halves, between which the caller computes a loss. */
export interface NativePasses {
  /**
   * The first half of a training pass: logits, float32 [batch, sequence, vocabulary], and the number of the pass, whose activations are
   * kept until another begins. `targets` are only checked.
   */
  modelForwardKeeping(
    model: ModelHandle,
    tokens: Int32Array,
    targets: Int32Array,
    batch: number,
    sequence: number,
    control: Control,
  ): Promise<{ logits: TensorHandle; pass: number }>;
  /**
   * The second half: adds the gradients that follow from `gradient` of the logits. ERR_CONFIG where the pass is no longer kept or weights
   * were written to; no gradient has changed then.
   */
  modelBackwardFrom(model: ModelHandle, pass: number, gradient: TensorHandle, control: Control): Promise<void>;
}
