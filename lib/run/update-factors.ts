import { HyperfitError } from '../errors.ts';
import { addProduct, disposeAdditions, type LowRankAddition } from '../model/adapter.ts';
import type { Model } from '../model/model.ts';
import { disposeAll } from '../model/tensor-file.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { torch } from '../tensor/torch.ts';
import { leadingFactors } from './leading-factors.ts';

/** The update of one matrix by its singular values, cut to the largest rank that may be asked for. */
export interface MatrixFactors {
  parameter: string;
  /** [out, r] and [r, in], each with the root of the singular values. */
  b: Tensor;
  a: Tensor;
  /** Squares of the singular values up to r, and of all. */
  squares: number[];
  total: number;
}

/** What training added to a model, matrix by matrix. */
export interface UpdateFactors {
  matrices: MatrixFactors[];
  /**
   * Share of the squares of the whole update that lies in these matrices; the rest is of norms and biases, and where they are left out of
   * embedding and head.
   */
  shareInMatrices: number;
}

export interface FactoriseOptions {
  /** The embedding too, and the head where it is another matrix. Default false: the layers alone. */
  withEmbedding?: boolean | undefined;
  /** By iteration, which is many times as fast where few ranks are asked for, and right to some digits. Default false. */
  isIterative?: boolean | undefined;
  signal?: AbortSignal | undefined;
}

/** From the first layer to the one before the last given; counted from 0. */
export type LayerRange = readonly [from: number, to: number];

const IN_LAYER = /^(?:model\.layers|transformer\.h)\.(\d+)\./;
const TABLE = /^(?:model\.embed_tokens|transformer\.wte|lm_head)\.weight$/;

/** The layer of a matrix that a patch of low rank can hold; undefined for embedding, head, norms and biases. */
export function layerOfMatrix(parameter: string, shape: readonly number[]): number | undefined {
  const layer = IN_LAYER.exec(parameter)?.[1];
  return layer === undefined || shape.length !== 2 ? undefined : Number(layer);
}

/**
 * The singular value decomposition of (trained - base), matrix by matrix of the layers, and of embedding and head where these are asked
 * for. Source: Eckart and Young 1936; cut to a rank it is the best approximation in the sum of squares.
 * @param most the largest rank that will be asked for
 * @throws HyperfitError ERR_MODEL_FILES where no matrix differs
 */
export async function factoriseUpdate(
  trained: Model,
  base: Model,
  most: number,
  onProgress: (message: string) => void,
  { withEmbedding = false, isIterative = false, signal }: FactoriseOptions = {},
): Promise<UpdateFactors> {
  const [after, before] = [trained.parameters(), base.parameters()];
  const matrices: MatrixFactors[] = [];
  let everything = 0;
  try {
    for (const [parameter, tensor] of after) {
      signal?.throwIfAborted();
      const isMatrix = layerOfMatrix(parameter, tensor.shape) !== undefined || (withEmbedding && TABLE.test(parameter));
      if (isMatrix)
        matrices.push(
          decompose(parameter, differenceOf(tensor, before.get(parameter)!, isStoredTransposed(parameter, base)), most, isIterative),
        );
      everything += isMatrix ? matrices.at(-1)!.total : scope(() => squareSum(tensor.sub(before.get(parameter)!)));
      if (isMatrix && matrices.length % 7 === 0) onProgress(`${matrices.length} matrices decomposed`);
      // Signals and other work get their turn.
      await new Promise(setImmediate);
    }
  } catch (error) {
    disposeFactors(matrices);
    throw error;
  } finally {
    disposeAll([...after.values(), ...before.values()]);
  }
  const inMatrices = matrices.reduce((sum, { total }) => sum + total, 0);
  if (inMatrices > 0) return { matrices, shareInMatrices: inMatrices / everything };
  disposeFactors(matrices);
  throw new HyperfitError(
    'ERR_MODEL_FILES',
    'expected a model whose layers differ from its base, got one that is the same; give the run, and the model that it began with as --base',
  );
}

/** GPT-2 keeps the matrices of its layers [in, out]. */
function isStoredTransposed(parameter: string, { config }: Model): boolean {
  return config.weightLayout === 'fused' && IN_LAYER.test(parameter);
}

function squareSum(tensor: Tensor): number {
  return Number(tensor.square().sum().item());
}

/** [out, in] */
function differenceOf(after: Tensor, before: Tensor, isTransposed: boolean): Tensor {
  return scope(() => (isTransposed ? after.sub(before).t() : after.sub(before)));
}

/** Takes `difference` and lets it go. */
function decompose(parameter: string, difference: Tensor, most: number, isIterative: boolean): MatrixFactors {
  let [squares, total]: [number[], number] = [[], 0];
  try {
    const [b, a] = scope(() => {
      total = squareSum(difference);
      const [u, s, v] = isIterative
        ? leadingFactors(difference, most)
        : (torch.call('aten::linalg_svd', [difference], { full_matrices: false }) as [Tensor, Tensor, Tensor]);
      const rank = Math.min(most, s.shape[0]!);
      const root = s.narrow(0, 0, rank).sqrt();
      squares = Array.from(s.narrow(0, 0, rank).toTypedArray() as Float32Array, (value) => value ** 2);
      return [u.narrow(1, 0, rank).mul(root), v.narrow(0, 0, rank).mul(root.reshape([rank, 1]))] as const;
    });
    return { parameter, a, b, squares, total };
  } finally {
    difference.dispose();
  }
}

/** Columns `from` to `to` of the product, where the matrix has so many. */
export function cutFactors({ parameter, a, b }: MatrixFactors, from: number, to: number): LowRankAddition {
  const end = Math.min(to, a.shape[0]!);
  const [left, right] = scope(() => [a.narrow(0, from, end - from).mul(1), b.narrow(1, from, end - from).mul(1)] as const);
  return { parameter, scale: 1, a: left, b: right };
}

/** Adds what the ranks `from` to `to` hold to the weights of `base`, `scale` times, in all layers or in some. */
export function addRanks(
  base: Model,
  matrices: readonly MatrixFactors[],
  [from, to]: readonly [number, number],
  { scale = 1, layers = null }: { scale?: number; layers?: readonly LayerRange[] | null } = {},
): void {
  const parameters = base.parameters();
  try {
    for (const each of matrices) {
      const tensor = parameters.get(each.parameter)!;
      if (from >= each.a.shape[0]! || !isWithin(layerOfMatrix(each.parameter, tensor.shape), layers)) continue;
      const addition = { ...cutFactors(each, from, to), scale };
      addProduct(tensor, addition, isStoredTransposed(each.parameter, base));
      disposeAdditions([addition]);
    }
  } finally {
    disposeAll(parameters.values());
  }
}

/** What stands in no layer is within no range. */
export function isWithin(layer: number | undefined, ranges: readonly LayerRange[] | null): boolean {
  return ranges === null || (layer !== undefined && ranges.some(([from, to]) => layer >= from && layer < to));
}

export function disposeFactors(matrices: readonly MatrixFactors[]): void {
  disposeAll(matrices.flatMap(({ a, b }) => [a, b]));
}
