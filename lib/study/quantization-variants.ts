import type { ParameterForm } from '../addon-types.ts';
import type { QuantizeType } from '../config/quantize-types.ts';
import { bitsPerWeight, isSameRounding, ownForms, quantizedForms } from '../model/quantization.ts';
import type { RoundedTo, Weights } from './cell.ts';
import { endOf } from './recipes.ts';
import type { Bench } from './study.ts';

/** Types that weights are measured at, from fine to coarse. */
const MEASURED = ['Q8_0', 'Q4_K_M', 'Q4_0'] as const satisfies readonly QuantizeType[];
/** Types that are trained for: those that undo something. */
export const TRAINED_FOR = ['Q4_K_M', 'Q4_0'] as const satisfies readonly QuantizeType[];

/** A training, or none. */
export interface Recipe {
  id: string;
  name: string;
  /** What training was for; null for float32, undefined for no training. */
  trainedFor: QuantizeType | null | undefined;
  /** The original is the same for every seed. */
  seeds: readonly (number | null)[];
}

/** What weights are rounded to before they are measured. */
export interface Rounding {
  id: string;
  name: string;
  /** Undefined for float32. */
  to: RoundedTo | undefined;
  /** Of all weights together. */
  bits: number;
}

export function recipesOf({ setting: { seeds } }: Bench): Recipe[] {
  return [
    { id: 'original', name: 'original', trainedFor: undefined, seeds: [null] },
    { id: 'hyperfitted', name: 'hyperfitted', trainedFor: null, seeds },
    ...TRAINED_FOR.map((type): Recipe => ({ id: `for-${type}`, name: `hyperfitted for ${type}`, trainedFor: type, seeds })),
  ];
}

/**
 * Float32, the types, and the form in which the original's file has its weights, unless that is float32 or one of the types.
 * @throws HyperfitError ERR_UNSUPPORTED_MODEL for a model that llama.cpp does not compute
 */
export function roundingsOf({ header: { config, files, path } }: Bench): Rounding[] {
  const types = MEASURED.map((type) => ({ type, forms: quantizedForms(config, type, path) }));
  const own = ownForms(files);
  const isOfItsOwn = own.some(({ form }) => form.type !== 'F32') && !types.some(({ forms }) => isSameRounding(forms, own));
  return [
    { id: 'f32', name: 'F32', to: undefined, bits: bitsPerWeight(config, []) },
    ...types.map(({ type, forms }): Rounding => ({ id: type, name: type, to: type, bits: bitsPerWeight(config, forms) })),
    ...(isOfItsOwn ? [{ id: 'own', name: `its own grid (${mainType(own)})`, to: 'own' as const, bits: bitsPerWeight(config, own) }] : []),
  ];
}

function mainType(forms: readonly ParameterForm[]): string {
  const counts = new Map<string, number>();
  for (const {
    form: { type },
  } of forms)
    if (type !== 'F32') counts.set(type, (counts.get(type) ?? 0) + 1);
  return [...counts].reduce((most, each) => (each[1] > most[1] ? each : most))[0];
}

export const trainId = ({ id }: Recipe, seed: number): string => `train-${id}-s${seed}`;

export type Measurement = 'text' | 'held-out' | 'trained' | 'share';

export function cellId(kind: Measurement, { id }: Recipe, seed: number | null, rounding: Rounding): string {
  return `${kind}-${id}${seed === null ? '' : `-s${seed}`}-${rounding.id}`;
}

export function weightsOf(recipe: Recipe, seed: number | null, { to }: Rounding): Weights {
  if (seed === null) return to === undefined ? 'original' : { quantize: to };
  return to === undefined ? endOf(trainId(recipe, seed)) : { ...endOf(trainId(recipe, seed)), quantize: to };
}
