import type { DType } from '../addon-types.ts';
import type { Tensor } from './tensor-class.ts';

/** Type, device and autograd of a new tensor. */
export interface TensorOptions {
  /** Default: float32 for numbers, bool for booleans, int64 for bigints, and what a typed array holds. */
  dtype?: DType;
  /** "cpu" (default), "cuda" or "cuda:<index>". */
  device?: string;
  /** Whether operations on it are recorded for `backward()`. */
  requiresGrad?: boolean;
}

/** Of `Tensor.from`. */
export interface FromOptions extends TensorOptions {
  /** Default: as the arrays are nested; one dimension for a typed array. */
  shape?: readonly number[];
}

/** Of `backward`, as in PyTorch. */
export interface BackwardOptions {
  /** d(loss)/d(this), needed unless this is a single element. */
  gradient?: Tensor;
  /** Keep what was recorded, to go backward again. */
  retainGraph?: boolean;
  /** Record the backward pass too, for gradients of gradients. */
  createGraph?: boolean;
}
