import type { DType } from '../addon-types.ts';

/** Kinds of arguments, for a tensor class T; a trailing ? in the table makes one optional. */
interface Kinds<T> {
  tensor: T;
  tensors: readonly T[];
  /** A tensor or a number: libtorch's overload is found by which it is. */
  operand: T | number;
  number: number;
  int: number;
  /** One dimension or several. */
  ints: number | readonly number[];
  sizes: readonly number[];
  boolean: boolean;
  string: string;
  dtype: DType;
}

interface Results<T> {
  tensor: T;
  tensors: T[];
  pair: [T, T];
  /** Of all elements, or along a dimension. */
  extreme: T | ValuesAndIndices<T>;
  boolean: boolean;
  /** In place: the tensor itself. */
  self: T;
}

type Kind = keyof Kinds<unknown>;
type Parameter = Kind | `${Kind}?`;

export interface Operator {
  readonly name: string;
  readonly parameters: readonly Parameter[];
  readonly returns: keyof Results<unknown>;
}

const op = <const P extends readonly Parameter[] = readonly [], const R extends keyof Results<unknown> = 'tensor'>(
  name: string,
  parameters = [] as unknown as P,
  returns = 'tensor' as R,
): { readonly name: string; readonly parameters: P; readonly returns: R } => ({ name: `aten::${name}`, parameters, returns });

/** Methods of Tensor; the tensor itself is the first argument. Names and argument order are PyTorch's. */
export const METHODS = {
  add: op('add', ['operand']),
  sub: op('sub', ['operand']),
  mul: op('mul', ['operand']),
  div: op('div', ['operand']),
  pow: op('pow', ['operand']),
  remainder: op('remainder', ['operand']),
  matmul: op('matmul', ['tensor']),
  maximum: op('maximum', ['tensor']),
  minimum: op('minimum', ['tensor']),

  eq: op('eq', ['operand']),
  ne: op('ne', ['operand']),
  lt: op('lt', ['operand']),
  le: op('le', ['operand']),
  gt: op('gt', ['operand']),
  ge: op('ge', ['operand']),
  logicalAnd: op('logical_and', ['tensor']),
  logicalOr: op('logical_or', ['tensor']),
  logicalNot: op('logical_not'),
  isnan: op('isnan'),
  isfinite: op('isfinite'),

  neg: op('neg'),
  abs: op('abs'),
  sign: op('sign'),
  exp: op('exp'),
  log: op('log'),
  log1p: op('log1p'),
  sqrt: op('sqrt'),
  rsqrt: op('rsqrt'),
  square: op('square'),
  reciprocal: op('reciprocal'),
  sin: op('sin'),
  cos: op('cos'),
  tanh: op('tanh'),
  erf: op('erf'),
  sigmoid: op('sigmoid'),
  relu: op('relu'),
  silu: op('silu'),
  gelu: op('gelu'),
  floor: op('floor'),
  ceil: op('ceil'),
  round: op('round'),
  clamp: op('clamp', ['number?', 'number?']),
  maskedFill: op('masked_fill', ['tensor', 'operand']),

  sum: op('sum', ['ints?', 'boolean?']),
  mean: op('mean', ['ints?', 'boolean?']),
  std: op('std.correction', ['ints?']),
  var: op('var.correction', ['ints?']),
  norm: op('norm.Scalar', ['number?']),
  prod: op('prod', ['int?', 'boolean?']),
  max: op('max', ['int?', 'boolean?'], 'extreme'),
  min: op('min', ['int?', 'boolean?'], 'extreme'),
  amax: op('amax', ['ints?', 'boolean?']),
  amin: op('amin', ['ints?', 'boolean?']),
  argmax: op('argmax', ['int?', 'boolean?']),
  argmin: op('argmin', ['int?', 'boolean?']),
  all: op('all', ['int?', 'boolean?']),
  any: op('any', ['int?', 'boolean?']),
  cumsum: op('cumsum', ['int']),
  logsumexp: op('logsumexp', ['ints', 'boolean?']),
  softmax: op('softmax.int', ['int']),
  logSoftmax: op('log_softmax.int', ['int']),

  reshape: op('reshape', ['sizes']),
  view: op('view', ['sizes']),
  expand: op('expand', ['sizes']),
  repeat: op('repeat', ['sizes']),
  permute: op('permute', ['sizes']),
  transpose: op('transpose.int', ['int', 'int']),
  t: op('t'),
  flatten: op('flatten.using_ints', ['int?', 'int?']),
  squeeze: op('squeeze', ['int?']),
  unsqueeze: op('unsqueeze', ['int']),
  contiguous: op('contiguous'),
  tril: op('tril', ['int?']),
  triu: op('triu', ['int?']),

  select: op('select.int', ['int', 'int']),
  narrow: op('narrow', ['int', 'int', 'int']),
  slice: op('slice.Tensor', ['int?', 'int?', 'int?', 'int?']),
  indexSelect: op('index_select', ['int', 'tensor']),
  gather: op('gather', ['int', 'tensor']),
  split: op('split.Tensor', ['int', 'int?'], 'tensors'),
  chunk: op('chunk', ['int', 'int?'], 'tensors'),
  unbind: op('unbind.int', ['int?'], 'tensors'),
  sort: op('sort', ['int?', 'boolean?'], 'pair'),
  topk: op('topk', ['int', 'int?', 'boolean?'], 'pair'),

  clone: op('clone'),
  detach: op('detach'),
  equal: op('equal', ['tensor'], 'boolean'),
  allclose: op('allclose', ['tensor', 'number?', 'number?'], 'boolean'),

  add_: op('add_', ['operand'], 'self'),
  sub_: op('sub_', ['operand'], 'self'),
  mul_: op('mul_', ['operand'], 'self'),
  div_: op('div_', ['operand'], 'self'),
  copy_: op('copy_', ['tensor'], 'self'),
  fill_: op('fill_', ['operand'], 'self'),
  zero_: op('zero_', [], 'self'),
};

/** Functions of `torch`. */
export const FUNCTIONS = {
  cat: op('cat', ['tensors', 'int?']),
  stack: op('stack', ['tensors', 'int?']),
  where: op('where', ['tensor', 'operand', 'operand']),
  einsum: op('einsum', ['string', 'tensors']),
  outer: op('outer', ['tensor', 'tensor']),
  embedding: op('embedding', ['tensor', 'tensor']),
  linear: op('linear', ['tensor', 'tensor', 'tensor?']),
  layerNorm: op('layer_norm', ['tensor', 'sizes', 'tensor?', 'tensor?', 'number?']),
  mseLoss: op('mse_loss', ['tensor', 'tensor']),
  scaledDotProductAttention: op('scaled_dot_product_attention', ['tensor', 'tensor', 'tensor']),
};

type Parameters<P, T> = P extends readonly [infer First, ...infer Rest]
  ? First extends `${infer K extends Kind}?`
    ? [value?: Kinds<T>[K] | undefined, ...Parameters<Rest, T>]
    : First extends Kind
      ? [value: Kinds<T>[First], ...Parameters<Rest, T>]
      : never
  : [];

/** The typed functions that a table of operators stands for. */
export type FunctionsOf<Table extends Record<string, Operator>, T> = {
  [Name in keyof Table]: Table[Name]['returns'] extends 'extreme'
    ? Extreme<T>
    : (...args: Parameters<Table[Name]['parameters'], T>) => Results<T>[Table[Name]['returns']];
};

/** What `max` and `min` give along a dimension, as PyTorch's named tuples. Both are yours to dispose. */
export interface ValuesAndIndices<T> {
  /** Along the dimension. */
  values: T;
  /** int64, of the shape of `values`: where along the dimension each stood. */
  indices: T;
}

/** `max` and `min`, as PyTorch has them. */
export interface Extreme<T> {
  /** The largest (smallest) of all elements, a tensor of no dimensions. */
  (): T;
  /**
   * The largest (smallest) along `dim` (negative: from the last) and where each stood; which of equals is libtorch's choice. `keepdim`
   * (default false) leaves `dim` in the shape, with size 1.
   */
  (dim: number, keepdim?: boolean): ValuesAndIndices<T>;
}
