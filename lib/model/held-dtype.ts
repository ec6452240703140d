import type { TensorSource, WeightDType } from '../addon-types.ts';

/** What matrices of these files will be held in, as far as their headers tell: float32 files may hold what bfloat16 holds exactly. */
export function heldDtypeOf(sources: readonly TensorSource[], weightDtype: WeightDType): 'float32' | 'bfloat16' {
  const isBfloat16 = ({ type, add = 0 }: TensorSource): boolean => type === 'BF16' && add === 0;
  const isAlone =
    weightDtype === 'bfloat16' || (weightDtype === 'auto' && sources.filter(({ shape }) => shape.length === 2).every(isBfloat16));
  return isAlone ? 'bfloat16' : 'float32';
}

/** The same of a model that is loaded: with both types its float32 is the larger. */
export function heldDtypeIn({ parameterBytes, computeBytes }: { parameterBytes: number; computeBytes: number }): 'float32' | 'bfloat16' {
  return parameterBytes < computeBytes ? 'bfloat16' : 'float32';
}
