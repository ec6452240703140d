import { addon } from '../addon.ts';
import type { TensorHandle } from '../addon-types.ts';
import { HyperfitError } from '../errors.ts';
import { Tensor } from '../tensor/tensor.ts';
import { readSafetensorsSources, renderSafetensorsHeader } from './safetensors.ts';

type NamedHandle = { name: string; tensor: TensorHandle };

/** Native tensors by name; whoever asked for them disposes them. */
export function toTensors(named: readonly NamedHandle[]): Map<string, Tensor> {
  return new Map(named.map(({ name, tensor }) => [name, Tensor.fromHandle(tensor)]));
}

export function disposeAll(tensors: Iterable<Tensor>): void {
  for (const tensor of tensors) tensor.dispose();
}

/**
 * Writes named tensors as one safetensors file, flushed to the disk. A file that is there already is left alone.
 * @throws HyperfitError ERR_CHECKPOINT when the path exists or the disk is full
 */
export async function saveTensorFile(path: string, tensors: ReadonlyMap<string, Tensor>): Promise<void> {
  const header = renderSafetensorsHeader(
    [...tensors].map(([name, tensor]) => ({ name, shape: tensor.shape, dtype: tensor.dtype === 'uint8' ? 'U8' : 'F32' })),
  );
  await addon().tensorsSave(
    path,
    header,
    [...tensors.values()].map((tensor) => tensor.handle),
  );
}

/**
 * Copies the tensors of a safetensors file into `targets`, name by name.
 * @throws HyperfitError ERR_CHECKPOINT when names or shapes differ
 */
export async function loadTensorFile(path: string, targets: ReadonlyMap<string, Tensor>, device: string): Promise<void> {
  const sources = await readSafetensorsSources(path);
  const fits = ({ name, shape, type }: { name: string; shape: readonly number[]; type: string }): boolean => {
    const target = targets.get(name);
    return `${target?.shape}` === `${shape}` && (target?.dtype === 'uint8') === (type === 'U8');
  };
  const wrong = sources.find((source) => !fits(source))?.name ?? (sources.length === targets.size ? undefined : 'a missing tensor');
  if (wrong !== undefined) {
    throw new HyperfitError(
      'ERR_CHECKPOINT',
      `expected the ${targets.size} tensors of this model in ${path}, got another set or shape (${wrong}); the checkpoint belongs to another model`,
    );
  }
  const loaded = (await addon().tensorsLoad(sources, device)).map((handle) => Tensor.fromHandle(handle));
  try {
    sources.forEach(({ name }, index) => targets.get(name)!.copy_(loaded[index]!));
  } finally {
    disposeAll(loaded);
  }
}
