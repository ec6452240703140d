import type { ComputeDType, WeightDType } from '../addon-types.ts';
import type { DeviceName } from '../config/device-name.ts';
import type { QuantizeType } from '../config/quantize-types.ts';
import type { FetchEvent } from '../hub/fetch-scope.ts';

/** How `Model.load` reads a model. */
export interface LoadOptions {
  /** `cpu`, `cuda` or `cuda:N`. Default: `HYPERFIT_DEVICE`, or else `cpu`. */
  device?: DeviceName;
  /** A LoRA adapter in PEFT's form to add to the weights: its folder; see `loadAdapter`. */
  adapter?: string | undefined;
  /**
   * Arithmetic of the matrix products; moments, and weights that are trained, are float32 in any case. Default: `HYPERFIT_COMPUTE_DTYPE`,
   * or else `float32`.
   */
  computeDtype?: ComputeDType;
  /**
   * How matrices are held where products compute in bfloat16. `auto`: in bfloat16 alone, 2 bytes a weight, where that holds them exactly,
   * as it does those of a file in bfloat16; no bit of what is computed changes. Once an optimizer trains them, or `parameters` is called,
   * they get their float32 for good. `bfloat16` rounds all matrices to that first, those of a GGUF file too, as `dtype` in transformers
   * does. `float32` holds both from the beginning, 6 bytes a weight. Default: `HYPERFIT_WEIGHT_DTYPE`, or else `auto`.
   */
  weightDtype?: WeightDType;
  /**
   * Training keeps the stream that enters each layer and computes its other activations again in the backward: much less memory
   * for about a fifth more time, and the same gradients (where logits need more parts than without, that of the head to rounding).
   * Default false. Source: Chen et al. 2016, arXiv 1604.06174; `gradient_checkpointing` in transformers.
   */
  recompute?: boolean;
  /**
   * Passes run on the weights that a GGUF file of this type holds; see `setQuantization`. Default: the type that the weights were trained
   * for, if any; null for the float32 ones.
   */
  quantize?: QuantizeType | null | undefined;
  /** Ends the reading, or the fetching; `load` rejects with its reason. */
  signal?: AbortSignal;
  /** Hears each of `notes` once the files are read. */
  onWarning?: (message: string) => void;
  /** Hears how the fetching of a model named `org/name` goes on, where it has to be fetched. */
  onFetch?: ((event: FetchEvent) => void) | undefined;
}
