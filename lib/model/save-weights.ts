import { join } from 'node:path';
import { addon } from '../addon.ts';
import type { ModelConfig, ModelHandle } from '../addon-types.ts';
import { HyperfitError } from '../errors.ts';
import { open, rm, writeFile } from '../file-system.ts';
import { scope } from '../tensor/scope.ts';
import { Tensor } from '../tensor/tensor.ts';
import { expectedParameters } from './parameters.ts';
import { renderSafetensorsHeader } from './safetensors.ts';
import type { SaveDType } from './save-dtypes.ts';
import { planShards, renderShardIndex, type PlannedShard } from './shard-plan.ts';
import { SHARD_INDEX } from './shards.ts';

/** By type: its name in safetensors, its bytes, and its name in GGML, by which rows are written. */
const STORED = {
  float32: { name: 'F32', bytes: 4, ggml: 'F32' },
  bfloat16: { name: 'BF16', bytes: 2, ggml: 'BF16' },
  float16: { name: 'F16', bytes: 2, ggml: 'F16' },
} as const;
/** Rows are rounded and written in pieces of about so many numbers: 16 MB of float32. */
const PIECE_ELEMENTS = 1 << 22;

/** What rounding to a smaller type changed: |stored - weight| / |weight| over the weights that are not zero. */
export interface Rounding {
  /** The largest relative change of a weight. */
  largest: number;
  /** The mean relative change. */
  mean: number;
}

export interface SavedWeights {
  files: string[];
  bytes: number;
  /** Null where nothing is rounded. */
  rounding: Rounding | null;
}

/** What is saved. */
interface SavedParameters {
  readonly handle: ModelHandle;
  readonly config: ModelConfig;
}

/**
 * Writes the parameters of a model as one safetensors file or several with their index, one after the other, so that no copy of the model
 * is made.
 * @throws HyperfitError ERR_CHECKPOINT when a file is there or the disk is full, ERR_NOT_FINITE for weights that `dtype` cannot hold
 */
export async function saveWeights(
  folder: string,
  model: SavedParameters,
  { dtype, maxShardBytes }: { dtype: SaveDType; maxShardBytes?: number | undefined },
): Promise<SavedWeights> {
  const shapes = expectedParameters(model.config);
  const sizes = [...shapes].map(([name, shape]) => ({ name, bytes: countElements(shape) * STORED[dtype].bytes }));
  const shards = planShards(sizes, maxShardBytes);
  const loss = new RoundingLoss();
  for (const shard of shards)
    await saveShard(
      join(folder, shard.file),
      model,
      shard.names.map((name) => ({ name, shape: shapes.get(name)! })),
      dtype,
      loss,
    );
  const files = shards.map(({ file }) => file);
  const bytes = shards.reduce((sum, shard) => sum + shard.bytes, 0);
  if (shards.length > 1)
    await writeFile(join(folder, SHARD_INDEX), renderShardIndex(shards as PlannedShard[], bytes / STORED[dtype].bytes));
  return { files: shards.length > 1 ? [...files, SHARD_INDEX] : files, bytes, rounding: dtype === 'float32' ? null : loss.rounding };
}

function countElements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

async function saveShard(
  path: string,
  { handle }: SavedParameters,
  parameters: readonly { name: string; shape: readonly number[] }[],
  dtype: SaveDType,
  loss: RoundingLoss,
): Promise<void> {
  const { name: stored, bytes: width } = STORED[dtype];
  const header = renderSafetensorsHeader(parameters, {}, stored);
  if (dtype === 'float32')
    return addon().modelSaveParameters(
      handle,
      path,
      header,
      parameters.map(({ name }) => name),
    );
  const file = await open(path, 'wx').catch((cause: Error) => {
    throw new HyperfitError('ERR_CHECKPOINT', `expected to write ${path}, got: ${cause.message}; choose another folder`, { cause });
  });
  try {
    let offset = header.length;
    await file.write(header);
    for (const { name, shape } of parameters) {
      const tensor = Tensor.fromHandle(await addon().modelHeldParameter(handle, name));
      await saveTensor(path, offset, name, tensor, dtype, loss).finally(() => tensor.dispose());
      offset += countElements(shape) * width;
    }
    await file.sync();
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

async function saveTensor(path: string, offset: number, name: string, tensor: Tensor, dtype: SaveDType, loss: RoundingLoss): Promise<void> {
  const { shape } = tensor;
  const [rows, columns] = shape.length < 2 ? [1, shape[0]!] : [shape[0]!, shape[1]!];
  const form = { type: STORED[dtype].ggml, ropeHeads: 0, add: 0, scale: 1, transposed: false };
  const piece = Math.max(1, Math.floor(PIECE_ELEMENTS / Math.max(columns, 1)));
  for (let begin = 0; begin < rows; begin += piece) {
    const end = Math.min(begin + piece, rows);
    loss.add(name, tensor, dtype, shape.length < 2 ? undefined : [begin, end]);
    await addon().tensorWriteRows(path, offset + begin * columns * STORED[dtype].bytes, name, tensor.handle, form, begin, end);
  }
}

/** Gathers what rounding changes. */
class RoundingLoss {
  #largest = 0;
  #sum = 0;
  #count = 0;

  get rounding(): Rounding {
    return { largest: this.#largest, mean: this.#count === 0 ? 0 : this.#sum / this.#count };
  }

  /** @param rows of a matrix; undefined for a whole vector */
  add(name: string, tensor: Tensor, dtype: SaveDType, rows: [number, number] | undefined): void {
    const { largest, sum, count } = scope(() => {
      const exact = (rows === undefined ? tensor : tensor.narrow(0, rows[0], rows[1] - rows[0])).to('float32');
      const used = exact.ne(0);
      const change = exact.to(dtype).to('float32').sub(exact).abs().div(exact.abs()).maskedFill(exact.eq(0), 0);
      return { largest: Number(change.max().item()), sum: Number(change.sum().item()), count: Number(used.sum().item()) };
    });
    if (!Number.isFinite(largest)) {
      throw new HyperfitError(
        'ERR_NOT_FINITE',
        `expected weights that ${dtype} can hold, got larger ones in \`${name}\`; save as bfloat16, which has the range of float32`,
      );
    }
    this.#largest = Math.max(this.#largest, largest);
    this.#sum += sum;
    this.#count += count;
  }
}
