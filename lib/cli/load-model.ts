import type { ComputeDType } from '../addon-types.ts';
import { resolveModelPath } from '../checkpoint/checkpoint-list.ts';
import { Model } from '../model/model.ts';
import type { Output } from './output.ts';

export interface ModelOptions {
  model: string;
  adapter?: string | undefined;
  device: string;
  computeDtype: ComputeDType;
}

/** Loads the model of a command, works with it, and lets it go. */
export async function withModel<T>({ model: path, adapter: adapterPath, device, computeDtype }: ModelOptions, output: Output, work: (model: Model) => Promise<T>): Promise<T> {
  const onWarning = (message: string): void => output.warn(message);
  const adapter = adapterPath && (await resolveModelPath(adapterPath, onWarning));
  const model = await Model.load(await resolveModelPath(path, onWarning), { device, computeDtype, adapter, onWarning });
  try {
    return await work(model);
  } finally {
    model.dispose();
  }
}
