import type { DType } from '../addon-types.ts';
import { HyperfitError } from '../errors.ts';
import { nestElements } from './nested.ts';

/** What `toArray()` gives of any tensor: an element, or arrays of arrays, as many levels as there are dimensions. */
export type NestedElements<E = number | boolean> = E | NestedElements<E>[];

/** How many dimensions a tensor has, as far as types follow. */
export type TensorRank = 0 | 1 | 2 | 3 | 4;

/** JavaScript's name of an element, to be given to `toArray(rank, elements)`. */
export interface ElementTypes {
  /** Of every dtype but bool; an error beyond 2^53. */
  number: number;
  /** Of int64: exact whatever its size. */
  bigint: bigint;
  /** Of bool. */
  boolean: boolean;
}

/** Nested arrays of a known number of dimensions. */
export type ArrayOfRank<R extends TensorRank, E> = [E, E[], E[][], E[][][], E[][][][]][R];

/** What of a tensor its elements are read from. */
export interface ReadTensor {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly elements: ArrayLike<number | bigint>;
}

/** @throws HyperfitError ERR_SHAPE for another rank, ERR_TORCH for an int64 that no number holds; TypeError for elements of another kind */
export function nestTensor(
  { shape, dtype, elements }: ReadTensor,
  rank: number | undefined,
  kind: keyof ElementTypes | undefined,
): NestedElements<number | boolean | bigint> {
  if (rank !== undefined && rank !== shape.length) {
    throw new HyperfitError(
      'ERR_SHAPE',
      `expected a tensor of ${rank} dimensions for toArray(${rank}), got shape [${shape.join(', ')}]; name the number that it has, or none`,
    );
  }
  const natural = dtype === 'bool' ? 'boolean' : 'number';
  const wanted = kind ?? (rank === undefined ? natural : 'number');
  if (wanted !== natural && !(wanted === 'bigint' && dtype === 'int64')) {
    throw new TypeError(
      `expected elements that ${dtype} tensors have for toArray, got ${JSON.stringify(wanted)}; read this one as ${dtype === 'int64' ? "'number' or 'bigint'" : `'${natural}'`}`,
    );
  }
  const convert: (element: number | bigint) => number | boolean | bigint = { number: toNumber, boolean: Boolean, bigint: BigInt }[wanted];
  return nestElements(Array.from(elements, convert), shape) as NestedElements<number | boolean | bigint>;
}

/** @throws HyperfitError ERR_TORCH for a bigint that no number holds exactly */
export function toNumber(element: number | bigint): number {
  const number = Number(element);
  if (typeof element === 'number' || Number.isSafeInteger(number)) return number;
  throw new HyperfitError(
    'ERR_TORCH',
    `expected an integer that a number holds exactly, got ${element}; read int64 tensors with toTypedArray()`,
  );
}

/** A tensor as JSON: its elements too where there are few, those that JSON has no number for as texts. */
export interface TensorJson {
  /** Sizes of the dimensions. */
  shape: number[];
  /** Type of the elements. */
  dtype: DType;
  /** Where its elements are. */
  device: string;
  /** Nested as the shape says; left out beyond 1000 elements. */
  data?: unknown;
}

/** Up to how many elements `JSON.stringify` writes. */
export const MOST_IN_JSON = 1000;

/** NaN and infinities would become null, and large int64 would throw. */
export function jsonElement(element: number | bigint): number | string {
  const number = Number(element);
  const fits = typeof element === 'bigint' ? Number.isSafeInteger(number) : Number.isFinite(number);
  return fits ? number : String(element);
}
