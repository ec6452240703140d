import { Random, randomPermutation } from '../data/random.ts';
import { scope } from '../tensor/scope.ts';
import { Tensor } from '../tensor/tensor.ts';
import type { Points } from './mauve-projection.ts';

export interface ClusterOptions {
  clusters: number;
  seed: number;
  /** Beginnings, of which the one that ends with the least squared distance is kept. */
  restarts: number;
  maxIterations: number;
}

interface Assignment {
  /** The cluster of each point. */
  labels: Int32Array;
  /** Squared distance of each point from the centre of its cluster. */
  distances: Float64Array;
}

/** The cluster of each point, by Lloyd's k-means from seeded random points; `clusters` is at most the number of points. */
export function clusterPoints(points: Points, { clusters, seed, restarts, maxIterations }: ClusterOptions): Int32Array {
  return scope(() => {
    const tensor = Tensor.from(points.values).reshape([points.count, points.dimensions]);
    let best: { labels: Int32Array; loss: number } | undefined;
    for (let restart = 0; restart < restarts; restart += 1) {
      const start = randomPermutation(points.count, new Random(seed, restart)).subarray(0, clusters);
      const { labels, distances } = settle(points, tensor, start, maxIterations);
      const loss = distances.reduce((sum, distance) => sum + distance, 0);
      if (best === undefined || loss < best.loss) best = { labels, loss };
    }
    return best!.labels;
  });
}

/** Until no point changes its cluster. */
function settle(points: Points, tensor: Tensor, start: Int32Array, maxIterations: number): Assignment {
  const { dimensions, values } = points;
  let centres = Float64Array.from(
    Array.from(start).flatMap((point) => Array.from(values.subarray(point * dimensions, (point + 1) * dimensions))),
  );
  let assignment = assign(tensor, centres, start.length);
  for (let iteration = 0; iteration < maxIterations; iteration += 1) {
    centres = meansOf(points, assignment, start.length);
    const next = assign(tensor, centres, start.length);
    const isSettled = next.labels.every((label, point) => label === assignment.labels[point]);
    assignment = next;
    if (isSettled) break;
  }
  return assignment;
}

function assign(points: Tensor, centres: Float64Array, clusters: number): Assignment {
  return scope(() => {
    const targets = Tensor.from(centres).reshape([clusters, points.shape[1]!]);
    // |x - c|^2 without |x|^2, which is the same for every centre.
    const scores = targets.square().sum(1).sub(points.matmul(targets.t()).mul(2));
    const distances = scores.amin(1).add(points.square().sum(1)).clamp(0);
    return { labels: scores.argmin(1).to('int32').toTypedArray() as Int32Array, distances: distances.toTypedArray() as Float64Array };
  });
}

/** A cluster that lost all its points begins again at the point that is farthest from its centre, the next such at the next. */
function meansOf({ count, dimensions, values }: Points, { labels, distances }: Assignment, clusters: number): Float64Array<ArrayBuffer> {
  const sums = new Float64Array(clusters * dimensions);
  const sizes = new Int32Array(clusters);
  for (let point = 0; point < count; point += 1) {
    const cluster = labels[point]!;
    sizes[cluster]! += 1;
    for (let axis = 0; axis < dimensions; axis += 1) sums[cluster * dimensions + axis]! += values[point * dimensions + axis]!;
  }
  const farthest = sizes.includes(0) ? Array.from(distances.keys()).sort((left, right) => distances[right]! - distances[left]!) : [];
  sizes.forEach((size, cluster) => {
    const centre = sums.subarray(cluster * dimensions, (cluster + 1) * dimensions);
    if (size > 0) return centre.forEach((sum, axis) => (centre[axis] = sum / size));
    const point = farthest.shift()!;
    centre.set(values.subarray(point * dimensions, (point + 1) * dimensions));
  });
  return sums;
}
