/** @module Tensors: libtorch from TypeScript. For inspection, tests and small computations; training and decoding run compiled. */
export { Tensor, type TorchResult } from './tensor-class.ts';
export type { BackwardOptions, FromOptions, TensorOptions } from './tensor-options.ts';
export { memoryStats, noGrad, torch, type CrossEntropyOptions } from './torch.ts';
export { keep, scope } from './scope.ts';
export type { TorchArgument } from './call.ts';
export type { ArrayOf } from './dtype.ts';
export type { ArrayOfRank, ElementTypes, NestedElements, TensorJson, TensorRank } from './arrays.ts';
export type { ValuesAndIndices } from './operators.ts';
export type { NestedArray } from './nested.ts';
export type { DType } from '../addon-types.ts';
