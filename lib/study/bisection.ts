export interface BisectionOptions {
  low: number;
  high: number;
  /** Ends once the function is this close to the target. */
  tolerance: number;
  maxIterations?: number;
}

/** Where a function that does not fall takes the value `target`, between two bounds; null when it lies beyond them. */
export async function bisect(
  valueAt: (x: number) => Promise<number>,
  target: number,
  { low, high, tolerance, maxIterations = 40 }: BisectionOptions,
): Promise<{ x: number; value: number } | null> {
  let [left, right] = [low, high];
  if ((await valueAt(left)) > target || (await valueAt(right)) < target) return null;
  let best = { x: Number.NaN, value: Number.NaN };
  for (let iteration = 0; iteration < maxIterations; iteration += 1) {
    const x = (left + right) / 2;
    const value = await valueAt(x);
    best = { x, value };
    if (Math.abs(value - target) <= tolerance) break;
    if (value < target) left = x;
    else right = x;
  }
  return best;
}
