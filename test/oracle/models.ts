import type { DeviceName } from '../../lib/config/device-name.ts';
import { Model } from '../../lib/model/model.ts';
import type { Tensor } from '../../lib/tensor/tensor.ts';

export async function withModel<T>(path: string, device: DeviceName, use: (model: Model) => Promise<T>): Promise<T> {
  const model = await Model.load(path, { device, computeDtype: 'float32' });
  try {
    return await use(model);
  } finally {
    model.dispose();
  }
}

/** The elements of a float tensor, row-major, as a copy. */
export function readNumbers(tensor: Tensor): Float64Array {
  return Float64Array.from(tensor.toTypedArray() as Float32Array);
}

/** The elements of every tensor; the tensors are disposed. */
export function readAll(tensors: ReadonlyMap<string, Tensor>): Map<string, Float64Array> {
  return new Map(
    [...tensors].map(([name, tensor]) => {
      const numbers = readNumbers(tensor);
      tensor.dispose();
      return [name, numbers];
    }),
  );
}
