import { SCALAR_TYPES, type DType, type NumericArray } from '../addon-types.ts';
import { HyperfitError } from '../errors.ts';

/** The typed array that `toTypedArray()` gives for each dtype: the 16-bit floats widened, bool as 0 and 1. */
export interface ArrayOf {
  /** As JavaScript has it. */
  uint8: Uint8Array;
  /** 0 or 1. */
  bool: Uint8Array;
  /** As JavaScript has it. */
  int32: Int32Array;
  /** Whole numbers beyond 2^53 are kept. */
  int64: BigInt64Array;
  /** Widened. */
  float16: Float32Array;
  /** Widened. */
  bfloat16: Float32Array;
  /** As JavaScript has it. */
  float32: Float32Array;
  /** As JavaScript has it. */
  float64: Float64Array;
}

const ARRAY_CLASSES: { [D in DType]: new (length: number) => ArrayOf[D] } = {
  uint8: Uint8Array,
  bool: Uint8Array,
  int32: Int32Array,
  int64: BigInt64Array,
  float16: Float32Array,
  bfloat16: Float32Array,
  float32: Float32Array,
  float64: Float64Array,
};

/** What a typed array is taken for when no dtype is named. The bits in a Uint16Array could be either 16-bit float. */
const NATURAL_DTYPES: Readonly<Record<string, DType>> = {
  Uint8Array: 'uint8',
  Int32Array: 'int32',
  BigInt64Array: 'int64',
  Float32Array: 'float32',
  Float64Array: 'float64',
};

const NAMES = Object.keys(SCALAR_TYPES) as DType[];

/** The dtype of an ATen ScalarType number. @throws HyperfitError ERR_TORCH for one that has no JavaScript counterpart */
export function dtypeOf(scalarType: number): DType {
  const found = NAMES.find((name) => SCALAR_TYPES[name] === scalarType);
  if (found !== undefined) return found;
  throw new HyperfitError(
    'ERR_TORCH',
    `expected a tensor of dtype ${NAMES.join(', ')}, got ATen's ScalarType ${scalarType}; convert it with to('float32')`,
  );
}

/** @throws TypeError */
export function checkDtype(dtype: string, name: string): DType {
  const found = NAMES.find((known) => known === dtype);
  if (found !== undefined) return found;
  throw new TypeError(`expected ${NAMES.join(', ')} for \`${name}\`, got ${JSON.stringify(dtype)}`);
}

/** A fresh array that can hold `length` elements of `dtype`. */
export function makeArray<D extends DType>(dtype: D, length: number): ArrayOf[D] {
  return new ARRAY_CLASSES[dtype](length);
}

/** The class of a typed array of any realm, where `instanceof` would not do; undefined for everything else. */
export function arrayClassOf(value: unknown): string | undefined {
  if (!ArrayBuffer.isView(value)) return undefined;
  return Object.prototype.toString.call(value).slice(8, -1);
}

/** The dtype in which native code takes the elements of `data` for a tensor that is to have `wanted`. @throws TypeError */
export function transferDtype(data: NumericArray, wanted: DType | undefined): DType {
  const arrayClass = arrayClassOf(data) ?? '';
  if (arrayClass === 'Uint16Array' && (wanted === 'float16' || wanted === 'bfloat16')) return wanted;
  const natural = NATURAL_DTYPES[arrayClass];
  if (natural !== undefined) return natural;
  const remedy =
    arrayClass === 'Uint16Array'
      ? 'a Uint16Array needs `dtype` float16 or bfloat16'
      : `a tensor is made of ${Object.keys(NATURAL_DTYPES).join(', ')}`;
  throw new TypeError(`expected elements that libtorch knows for \`data\`, got ${arrayClass}; ${remedy}`);
}
