import { torch } from '../tensor/torch.ts';
import { Tensor } from '../tensor/tensor.ts';

/**
 * (sum of the eigenvalues of the covariance)^2 / (sum of their squares) of rows `states` [positions, hidden]: how many directions the
 * rows spread over, from 1 to `hidden`. The eigenvalues are not needed: their sum is the trace of the covariance, that of their squares its
 * squared Frobenius norm. Source: arXiv 2605.22579; Gao et al. 2017.
 */
export function participationRatio(states: Tensor): number {
  const rows = states.to('float64');
  const centred = rows.sub(rows.mean(0, true));
  const covariance = torch.einsum('ni,nj->ij', [centred, centred]);
  const trace = centred.square().sum().item();
  const squares = covariance.square().sum().item();
  return squares === 0 ? Number.NaN : (trace * trace) / squares;
}

/** Mean over rows of the cosine between two [positions, hidden] tensors. */
export function meanCosine(left: Tensor, right: Tensor): number {
  const product = left.mul(right).sum(-1);
  return product
    .div(rowNorms(left).mul(rowNorms(right)))
    .mean()
    .item();
}

/** Mean L2 norm of rows [positions, hidden]. */
export function meanNorm(states: Tensor): number {
  return rowNorms(states).mean().item();
}

function rowNorms(states: Tensor): Tensor {
  return states.square().sum(-1).sqrt();
}

/** Mean entropy, nats, of softmax(logits / temperature) over rows [positions, vocabulary]. */
export function meanEntropy(logits: Tensor, temperature = 1): number {
  const logProbabilities = logits.div(temperature).logSoftmax(-1);
  return -logProbabilities.exp().mul(logProbabilities).sum(-1).mean().item();
}

/** Rank of each id, 1 the first, in its row of logits [positions, vocabulary]: one more than the number of greater ones. */
export function ranksOf(logits: Tensor, ids: readonly number[]): number[] {
  const index = Tensor.from(Int32Array.from(ids), { dtype: 'int64', device: logits.device }).unsqueeze(1);
  const own = logits.gather(1, index);
  const greater = logits.gt(own).sum(-1);
  return Array.from(greater.toTypedArray() as ArrayLike<number | bigint>, (count) => Number(count) + 1);
}
