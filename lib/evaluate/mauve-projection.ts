import { HyperfitError } from '../errors.ts';
import { scope } from '../tensor/scope.ts';
import { Tensor } from '../tensor/tensor.ts';
import { torch } from '../tensor/torch.ts';

/** What a text is to a model: one vector. */
export type Feature = Float32Array | readonly number[];

/** Points as rows of `values`, row-major [count, dimensions]. */
export interface Points {
  count: number;
  dimensions: number;
  values: Float64Array;
}

/**
 * Features scaled to length 1 and turned onto their principal axes, as many of these as hold `keptVariance` of the variance.
 * @throws HyperfitError ERR_DATA for features of several lengths, ERR_NOT_FINITE for others than numbers
 */
export function projectFeatures(features: readonly Feature[], keptVariance: number): Points {
  const width = checkFeatures(features);
  return scope(() => {
    const rows = unitRows(features, width);
    const centred = rows.sub(rows.mean(0, true));
    // Ascending, with the axes as columns in the same order.
    const [variances, axes] = torch.call('aten::linalg_eigh', [centred.t().matmul(centred)]) as [Tensor, Tensor];
    const dimensions = countKept(variances.toTypedArray() as Float64Array, keptVariance);
    const values = centred
      .matmul(axes.narrow(1, width - dimensions, dimensions))
      .contiguous()
      .toTypedArray() as Float64Array;
    return { count: features.length, dimensions, values };
  });
}

function checkFeatures(features: readonly Feature[]): number {
  const width = features[0]?.length ?? 0;
  const other = features.find(({ length }) => length !== width || length === 0);
  if (width === 0 || other !== undefined)
    throw new HyperfitError(
      'ERR_DATA',
      `expected features of one length, got ${width} and ${other?.length ?? 0} numbers; take all from one model`,
    );
  if (features.some((feature) => !Float64Array.from(feature).every(Number.isFinite)))
    throw new HyperfitError('ERR_NOT_FINITE', 'expected finite numbers as features, got others; check the weights of the feature model');
  return width;
}

/** [texts, width]; a row of zeros has no direction and stays. */
function unitRows(features: readonly Feature[], width: number): Tensor {
  const flat = new Float64Array(features.length * width);
  features.forEach((feature, index) => {
    const row = Float64Array.from(feature);
    const norm = Math.hypot(...row) || 1;
    flat.set(
      row.map((value) => value / norm),
      index * width,
    );
  });
  return Tensor.from(flat).reshape([features.length, width]);
}

/** How many of the last `variances`, which ascend, make up the share; at least one. */
function countKept(variances: Float64Array, keptVariance: number): number {
  const total = variances.reduce((sum, variance) => sum + variance, 0);
  let sum = 0;
  for (let count = 1; count < variances.length; count += 1) {
    sum += variances[variances.length - count]!;
    if (sum >= keptVariance * total) return count;
  }
  return variances.length;
}
