/** Four digits; what is no more than a bound is said to be one, rounded up, and no p is written as 0. */
export function formatProbability(p: number, isBound = false): string {
  if (p < 0.0001) return '< 0.0001';
  return isBound ? `≤ ${(Math.ceil(p * 1e4 - 1e-9) / 1e4).toFixed(4)}` : p.toFixed(4);
}
