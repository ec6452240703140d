import { addon } from '../addon.ts';
import type { ModelConfig, ModelHandle } from '../addon-types.ts';
import { scope } from '../tensor/scope.ts';
import { Tensor } from '../tensor/tensor.ts';
import { torch } from '../tensor/torch.ts';
import { openAdapter, planAdapter } from './adapter-files.ts';
import { disposeAll } from './tensor-file.ts';

/** W = base + scale B A of one parameter. */
export interface LowRankAddition {
  /** Of the model, by its Hugging Face name. */
  parameter: string;
  scale: number;
  /** [rank, in] */
  a: Tensor;
  /** [out, rank] */
  b: Tensor;
}

/** What can be added to. */
interface Target {
  readonly config: ModelConfig;
  readonly device: string;
  readonly handle: ModelHandle;
}

export function disposeAdditions(additions: readonly LowRankAddition[]): void {
  disposeAll(additions.flatMap(({ a, b }) => [a, b]));
}

/**
 * Adds what an adapter in PEFT's form says to the weights of its base. Source: Hu et al. 2021 (arXiv 2106.09685), section 4.1; names and
 * factors as PEFT's.
 * @returns the names of the parameters that changed
 * @throws HyperfitError as `openAdapter` and `planAdapter`; the model is then as it was
 */
export async function mergeAdapter(model: Target, path: string): Promise<string[]> {
  const planned = planAdapter(await openAdapter(path), model.config);
  const loaded = (
    await addon().tensorsLoad(
      planned.flatMap(({ a, b, base }) => [a, b, base ?? a]),
      model.device,
    )
  ).map((handle) => Tensor.fromHandle(handle));
  try {
    for (const [index, { parameter, scale, isTransposed, base }] of planned.entries()) {
      const [a, b, before] = loaded.slice(3 * index, 3 * index + 3) as [Tensor, Tensor, Tensor];
      await addon().modelAddLowRank(
        model.handle,
        parameter,
        a.handle,
        b.handle,
        scale,
        isTransposed,
        base === undefined ? null : before.handle,
      );
    }
  } finally {
    disposeAll(loaded);
  }
  return planned.map(({ parameter }) => parameter);
}

/** Matrices that are stored [in, out] get the transposed product. */
export function addProduct(parameter: Tensor, { a, b, scale }: LowRankAddition, isTransposed: boolean): void {
  scope(() => {
    const [left, right] = isTransposed ? [a.t(), b.t()] : [b, a];
    torch.call('aten::addmm_', [parameter, left, right], { beta: 1, alpha: scale });
  });
}
