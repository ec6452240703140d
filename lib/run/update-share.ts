import { addon } from '../addon.ts';
import type { TensorSource } from '../addon-types.ts';
import type { Model } from '../model/model.ts';
import type { ModelFiles } from '../model/model-files.ts';
import { expectedParameters } from '../model/parameters.ts';
import { scope, Tensor } from '../tensor/index.ts';

/** What rounding leaves of an update, with signs: 1 is all of it, 0 none, as when every weight falls back to where it came from. */
export interface UpdateShare {
  /** Over all weights that training moved; null where it moved none. */
  kept: number | null;
  /** The matrix of which least is left. */
  worst: { parameter: string; kept: number } | null;
  /** Of how many of the matrices less than half is left: their grid lies close to the one that the base came from. */
  lost: { matrices: number; of: number };
  /** Types of the base's weights that are coarser than float32, such as Q4_1 and BF16: grids that weights can fall back onto. */
  grids: string[];
}

const FLOATS: readonly string[] = ['F32', 'F64'];
/** A matrix with less of the update than this share of what an even spread gives says nothing by itself. */
const LEAST_SHARE = 0.01;
const HALF = 0.5;

/**
 * The projection of (exported - base) on (model - base), over |model - base| squared. One parameter after the other is read of both files,
 * so that memory for one is needed.
 * @param exported what was written, read as any file, or rounded weights by name
 * @param base the model that training began from, with the same parameters
 */
export async function measureUpdateShare(
  model: Model,
  exported: readonly TensorSource[] | ReadonlyMap<string, Tensor>,
  base: ModelFiles,
  signal?: AbortSignal,
): Promise<UpdateShare> {
  const [written, before] = ['get' in exported ? exported : byName(exported), byName(base.sources)];
  const sums: { parameter: string; inner: number; square: number; isMatrix: boolean }[] = [];
  for (const [parameter, shape] of expectedParameters(model.config)) {
    signal?.throwIfAborted();
    const [after, origin] = [written.get(parameter), before.get(parameter)];
    if (after === undefined || origin === undefined) continue;
    const tensor = await model.heldParameter(parameter);
    sums.push({ parameter, isMatrix: shape.length > 1, ...(await project(tensor, after, origin).finally(() => tensor.dispose())) });
  }
  return { ...summarize(sums), grids: [...new Set(base.sources.map(({ type }) => type))].filter((type) => !FLOATS.includes(type)) };
}

const byName = (sources: readonly TensorSource[]): ReadonlyMap<string, TensorSource> =>
  new Map(sources.map((source) => [source.name, source]));

async function project(tensor: Tensor, after: TensorSource | Tensor, origin: TensorSource): Promise<{ inner: number; square: number }> {
  const loaded = (await addon().tensorsLoad(after instanceof Tensor ? [origin] : [origin, after], 'cpu')).map((handle) =>
    Tensor.fromHandle(handle),
  );
  const base = loaded[0]!;
  try {
    return scope(() => {
      const rounded = after instanceof Tensor ? after.to('cpu') : loaded[1]!;
      const update = tensor.to('cpu').sub(base).to('float64');
      return { inner: rounded.sub(base).to('float64').mul(update).sum().item(), square: update.square().sum().item() };
    });
  } finally {
    for (const each of loaded) each.dispose();
  }
}

function summarize(
  sums: readonly { parameter: string; inner: number; square: number; isMatrix: boolean }[],
): Pick<UpdateShare, 'kept' | 'worst' | 'lost'> {
  const square = sums.reduce((total, each) => total + each.square, 0);
  if (square === 0) return { kept: null, worst: null, lost: { matrices: 0, of: 0 } };
  const moved = sums.filter((each) => each.isMatrix && each.square >= (LEAST_SHARE * square) / sums.length);
  const shares = moved.map(({ parameter, inner, square: own }) => ({ parameter, kept: inner / own }));
  const worst = shares.reduce<UpdateShare['worst']>((least, each) => (least === null || each.kept < least.kept ? each : least), null);
  return {
    kept: sums.reduce((total, each) => total + each.inner, 0) / square,
    worst,
    lost: { matrices: shares.filter((each) => each.kept < HALF).length, of: shares.length },
  };
}
