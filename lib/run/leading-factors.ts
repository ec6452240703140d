import { Random } from '../data/random.ts';
import { Tensor } from '../tensor/tensor.ts';
import { torch } from '../tensor/torch.ts';

/** Directions beside those that are asked for; the more there are, the sooner the others are right. */
const OVERSAMPLING = 16;
const ROUNDS = 8;

/**
 * The first singular values of a matrix [m, n] with their vectors, by subspace iteration from a fixed beginning: U [m, rank], S [rank], V
 * [rank, n]. A few products and small decompositions in place of one of the whole. Called within a `scope`.
 * Source: Halko, Martinsson and Tropp 2011, algorithms 4.4 and 5.1.
 */
export function leadingFactors(matrix: Tensor, rank: number): [Tensor, Tensor, Tensor] {
  const [rows, columns] = matrix.shape as [number, number];
  const width = Math.min(rank + OVERSAMPLING, rows, columns);
  const orthogonal = (each: Tensor): Tensor => (torch.call('aten::linalg_qr', [each]) as [Tensor, Tensor])[0];
  let basis = orthogonal(matrix.matmul(beginning(columns, width).to(matrix.device)));
  for (let round = 0; round < ROUNDS; round++) basis = orthogonal(matrix.matmul(orthogonal(matrix.t().matmul(basis))));
  const [u, s, v] = torch.call('aten::linalg_svd', [basis.t().matmul(matrix)], { full_matrices: false }) as [Tensor, Tensor, Tensor];
  const kept = Math.min(rank, width);
  return [basis.matmul(u.narrow(1, 0, kept)), s.narrow(0, 0, kept), v.narrow(0, 0, kept)];
}

function beginning(rows: number, columns: number): Tensor {
  const random = new Random(rows, columns);
  return Tensor.from(Float32Array.from({ length: rows * columns }, () => random.nextFloat() - 0.5)).reshape([rows, columns]);
}
