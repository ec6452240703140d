import type { DecodingRun } from './expected.ts';

type Numbers = ArrayLike<number>;

export function largestDifference(actual: Numbers, expected: Numbers): number {
  if (actual.length !== expected.length) return Infinity;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i]! - expected[i]!);
    // Written so that NaN is the largest difference of all.
    if (!(difference <= largest)) largest = Number.isNaN(difference) ? Infinity : difference;
  }
  return largest;
}

export function relativeDifference(actual: number, expected: number): number {
  return Math.abs(actual - expected) / Math.max(Math.abs(expected), 1e-30);
}

export function l2Norm(values: Numbers): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! ** 2;
  return Math.sqrt(sum);
}

/** Norm of the difference over norm of the expected: one number for a whole tensor. */
export function relativeError(actual: Numbers, expected: Numbers): number {
  if (actual.length !== expected.length) return Infinity;
  let sum = 0;
  for (let i = 0; i < expected.length; i++) sum += (actual[i]! - expected[i]!) ** 2;
  return Math.sqrt(sum) / Math.max(l2Norm(expected), 1e-30);
}

/**
 * `relativeError` of each gradient, but never relative to less than `floorShare` of all gradients together: some are zero
 * in exact arithmetic (a key bias that nothing turns shifts all scores alike), and two roundings of zero share no digit.
 */
export function gradientErrors(
  actual: ReadonlyMap<string, Numbers>,
  expected: (name: string) => Numbers,
  floorShare = 1e-3,
): { parameter: string; error: number }[] {
  const floor = floorShare * Math.hypot(...[...actual.keys()].map((name) => l2Norm(expected(name))));
  return [...actual].map(([parameter, gradient]) => {
    const norm = l2Norm(expected(parameter));
    return { parameter, error: relativeError(gradient, expected(parameter)) * (norm / Math.max(norm, floor)) };
  });
}

/** Two best scores nearer than this may swap between two correct float32 implementations. */
export const NEAR_TIE = 1e-3;

export type Comparison =
  { kind: 'identical' } | { kind: 'parted at a near tie'; step: number; gap: number } | { kind: 'different'; step: number; gap: number };

/** Where the two continuations part, and whether that step was so near a tie that they may. */
export function compareContinuation(ids: Numbers, expected: DecodingRun): Comparison {
  const step = expected.ids.findIndex((id, i) => ids[i] !== id);
  if (step === -1)
    return ids.length === expected.ids.length ? { kind: 'identical' } : { kind: 'different', step: expected.ids.length, gap: Infinity };
  const gap = expected.gaps[step]!;
  return { kind: gap < NEAR_TIE ? 'parted at a near tie' : 'different', step, gap };
}
