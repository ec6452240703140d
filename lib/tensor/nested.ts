import type { DType, NumericArray } from '../addon-types.ts';
import { HyperfitError } from '../errors.ts';

export type Scalar = number | bigint | boolean;
/** Numbers in as many brackets as the tensor has dimensions. */
export type NestedArray = Scalar | readonly NestedArray[];

export interface FlatArray {
  data: NumericArray;
  shape: number[];
  /** What the elements are without being told: numbers float32, booleans bool, bigints int64. */
  dtype: DType;
}

/**
 * Nested arrays as one typed array, row-major. Numbers keep full precision on the way to dtypes other than float32.
 * @throws HyperfitError ERR_SHAPE for ragged arrays; TypeError for elements of mixed or other types, and for
 * fractions where `wanted` is an integer dtype
 */
export function flattenNested(nested: NestedArray, wanted: DType | undefined): FlatArray {
  const shape = shapeOf(nested);
  const elements: Scalar[] = [];
  collect(nested, shape, 0, elements);
  const kind = kindOf(elements);
  if (kind === 'bigint') return { data: BigInt64Array.from(elements as bigint[]), shape, dtype: 'int64' };
  if (kind === 'boolean') return { data: Uint8Array.from(elements as boolean[], Number), shape, dtype: 'bool' };
  const numbers = elements as number[];
  if (wanted !== undefined) checkRange(numbers, wanted);
  const data = wanted === undefined || wanted === 'float32' ? Float32Array.from(numbers) : Float64Array.from(numbers);
  return { data, shape, dtype: 'float32' };
}

function shapeOf(nested: NestedArray): number[] {
  const shape: number[] = [];
  for (let level = nested; Array.isArray(level); level = level[0] as NestedArray) shape.push(level.length);
  return shape;
}

function collect(nested: NestedArray, shape: readonly number[], depth: number, into: Scalar[]): void {
  if (depth === shape.length && !Array.isArray(nested)) {
    into.push(nested as Scalar);
    return;
  }
  const got = Array.isArray(nested) ? `${nested.length} elements` : `a ${typeof nested}`;
  if (!Array.isArray(nested) || nested.length !== shape[depth]) {
    const wanted = depth < shape.length ? `${shape[depth]} elements` : 'a single element';
    throw new HyperfitError(
      'ERR_SHAPE',
      `expected ${wanted} in each array at depth ${depth} of \`data\`, got ${got}; nested arrays must be rectangular`,
    );
  }
  for (const inner of nested as readonly NestedArray[]) collect(inner, shape, depth + 1, into);
}

function kindOf(elements: readonly unknown[]): 'number' | 'bigint' | 'boolean' {
  const kind = elements.length === 0 ? 'number' : typeof elements[0];
  const known = kind === 'number' || kind === 'bigint' || kind === 'boolean' ? kind : 'number';
  const odd = elements.findIndex((element) => typeof element !== known);
  if (odd === -1) return known;
  throw new TypeError(`expected a ${known} for element ${odd} of \`data\`, got ${elements[odd] === null ? 'null' : typeof elements[odd]}`);
}

const INTEGER_RANGES: Partial<Record<DType, readonly [number, number]>> = {
  uint8: [0, 255],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
};

function checkRange(numbers: readonly number[], dtype: DType): void {
  const range = INTEGER_RANGES[dtype];
  if (range === undefined) return;
  const odd = numbers.findIndex((number) => !Number.isInteger(number) || number < range[0] || number > range[1]);
  if (odd !== -1)
    throw new TypeError(
      `expected an integer from ${range[0]} to ${range[1]} for element ${odd} of \`data\` (dtype ${dtype}), got ${numbers[odd]}`,
    );
}

/** The elements in arrays nested as `shape` says; a shape of no dimensions gives the one element. */
export function nestElements<T>(elements: readonly T[], shape: readonly number[]): T | unknown[] {
  if (shape.length === 0) return elements[0]!;
  const [length, ...inner] = shape as [number, ...number[]];
  const stride = inner.reduce((product, size) => product * size, 1);
  return Array.from({ length }, (_, i) => nestElements(elements.slice(i * stride, (i + 1) * stride), inner));
}
