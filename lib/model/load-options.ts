import type { ComputeDType } from '../addon-types.ts';
import type { DeviceName } from '../config/device-name.ts';
import type { QuantizeType } from '../config/quantize-types.ts';
import type { FetchEvent } from '../hub/fetch-scope.ts';

/** How `Model.load` reads a model. */
export interface LoadOptions {
  /** `cpu`, `cuda` or `cuda:N`. Default: `HYPERFIT_DEVICE`, or else `cpu`. */
  device?: DeviceName;
  /** A LoRA adapter in PEFT's form to add to the weights: its folder; see `loadAdapter`. */
  adapter?: string | undefined;
  /** Arithmetic of the matrix products; weights and moments are float32 in any case. Default: `HYPERFIT_COMPUTE_DTYPE`, or else `float32`. */
  computeDtype?: ComputeDType;
  /**
   * Training keeps the stream that enters each layer and computes its other activations again in the backward, and makes logits in parts: much
   * less memory for about a fifth more time, and the same gradients (where logits need several parts, that of the head to rounding).
   * Default false. Source: Chen et al. 2016, arXiv 1604.06174; `gradient_checkpointing` in transformers.
   */
  recompute?: boolean;
  /** Passes run on the weights that a GGUF file of this type holds; see `setQuantization`. Default: the type that the weights were trained for, if any; null for the float32 ones. */
  quantize?: QuantizeType | null | undefined;
  /** Ends the reading, or the fetching; `load` rejects with its reason. */
  signal?: AbortSignal;
  /** Hears each of `notes` once the files are read. */
  onWarning?: (message: string) => void;
  /** Hears how the fetching of a model named `org/name` goes on, where it has to be fetched. */
  onFetch?: ((event: FetchEvent) => void) | undefined;
}
