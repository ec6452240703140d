import { HyperfitError } from '../errors.ts';

/** A point of the divergence curve, both in [0, 1]: exp(-scale KL(q || mixture)) and exp(-scale KL(p || mixture)). */
export type CurvePoint = readonly [x: number, y: number];

/** Of `divergenceCurve`. */
export interface CurveOptions {
  /** The constant c in exp(-c KL). Default 5. */
  scale?: number;
  /** Mixtures between the two distributions. Default 25. */
  mixtures?: number;
}

export const CURVE_DEFAULTS = { scale: 5, mixtures: 25 } as const;

/** How near the mixtures come to either distribution alone; at 0 the divergence of disjoint ones is infinite. */
const MARGIN = 1e-6;

/**
 * The divergence curve of two histograms over the same bins, as counts or as shares, from (1, 0) to (0, 1): of mixtures w p + (1 - w) q
 * with w evenly spaced. Source: Pillutla et al. 2021, section 2.
 * @throws HyperfitError ERR_DATA for histograms that no counting gives
 *
 * @example
 * const curve = divergenceCurve([8, 2], [2, 8]); // 27 points
 * areaUnderCurve(curve); // 0.357, and 1 for two equal histograms
 */
export function divergenceCurve(p: readonly number[], q: readonly number[], options: CurveOptions = {}): CurvePoint[] {
  const { scale = CURVE_DEFAULTS.scale, mixtures = CURVE_DEFAULTS.mixtures } = options;
  if (p.length !== q.length)
    throw new HyperfitError(
      'ERR_DATA',
      `expected two histograms over the same bins, got ${p.length} and ${q.length} bins; count both with one clustering`,
    );
  const [shareP, shareQ] = [toShares(p, 'p'), toShares(q, 'q')];
  const between = Array.from({ length: mixtures }, (_, index): CurvePoint => {
    const weight = MARGIN + (index * (1 - 2 * MARGIN)) / Math.max(1, mixtures - 1);
    const mixture = shareP.map((share, bin) => weight * share + (1 - weight) * shareQ[bin]!);
    return [Math.exp(-scale * divergence(shareQ, mixture)), Math.exp(-scale * divergence(shareP, mixture))];
  });
  return [[1, 0], ...between, [0, 1]];
}

/**
 * By trapezoids between neighbours of the curve: x falls and y rises along it, so that no sorting is needed.
 *
 * @example
 * areaUnderCurve([[1, 0], [0.5, 0.5], [0, 1]]); // 0.5
 */
export function areaUnderCurve(curve: readonly CurvePoint[]): number {
  return curve.slice(1).reduce((area, [x, y], index) => area + ((curve[index]![0] - x) * (curve[index]![1] + y)) / 2, 0);
}

function toShares(counts: readonly number[], name: string): number[] {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (counts.some((count) => !(count >= 0)) || !(total > 0) || !Number.isFinite(total)) {
    throw new HyperfitError(
      'ERR_DATA',
      `expected counts of at least 0 with a sum above 0 for \`${name}\`, got ${counts.length} with the sum ${total}; count again`,
    );
  }
  return counts.map((count) => count / total);
}

/** KL(from || to), nats; `to` is above 0 wherever `from` is. */
function divergence(from: readonly number[], to: readonly number[]): number {
  return from.reduce((sum, share, bin) => (share === 0 ? sum : sum + share * Math.log(share / to[bin]!)), 0);
}
