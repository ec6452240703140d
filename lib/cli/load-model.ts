import { resolveModelPath } from '../checkpoint/checkpoint-list.ts';
import type { RunConfig } from '../config/fields.ts';
import { environmentLayer } from '../config/layers.ts';
import { normalizeConfig } from '../config/normalize.ts';
import { Model } from '../model/model.ts';
import type { Output } from './output.ts';

/** Where a model computes, and in what types. */
type Computing = Pick<RunConfig, 'device' | 'computeDtype' | 'weightDtype'>;

export interface ModelOptions extends Partial<Computing> {
  model: string;
  adapter?: string | undefined;
}

/** Loads the model of a command, works with it, and lets it go. */
export async function withModel<T>(options: ModelOptions, output: Output, work: (model: Model) => Promise<T>): Promise<T> {
  const model = await loadModel(options, output);
  try {
    return await work(model);
  } finally {
    model.dispose();
  }
}

/** The model of a command; its caller disposes it. */
export async function loadModel(options: ModelOptions, output: Output): Promise<Model> {
  const onWarning = (message: string): void => output.warn(message);
  const adapter = options.adapter && (await resolveModelPath(options.adapter, onWarning));
  return Model.load(await resolveModelPath(options.model, onWarning), { ...resolveComputing(options), adapter, onWarning });
}

/**
 * Flags, then `HYPERFIT_DEVICE`, `HYPERFIT_COMPUTE_DTYPE` and `HYPERFIT_WEIGHT_DTYPE`, then the defaults: as for a run, which has files
 * besides.
 * @throws HyperfitError ERR_CONFIG
 */
export function resolveComputing(options: Partial<Computing>): Computing {
  const pick = ({ device, computeDtype, weightDtype }: Readonly<Record<string, unknown>>): Record<string, unknown> => ({
    device,
    computeDtype,
    weightDtype,
  });
  const layers = [
    { name: 'flags', values: pick({ ...options }) },
    { name: 'environment', values: pick(environmentLayer(process.env).values) },
  ];
  const { device, computeDtype, weightDtype } = normalizeConfig(layers).config;
  return { device, computeDtype, weightDtype };
}
