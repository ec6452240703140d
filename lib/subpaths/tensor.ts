/**
 * Any operator of libtorch from TypeScript, with autograd and scopes that free memory.
 * @module tensor
 */
export * from '../tensor/index.ts';
