import { addon } from '../addon.ts';
import type { ComputeDType, ModelHandle, TensorSource } from '../addon-types.ts';
import { chooseComputeDtype, chooseWeightDtype } from '../compute-dtype.ts';
import { checkOptions } from '../config/check-options.ts';
import type { DeviceName } from '../config/device-name.ts';
import type { QuantizeType } from '../config/quantize-types.ts';
import { withControl } from '../control.ts';
import { chooseDevice } from '../device.ts';
import { HyperfitError } from '../errors.ts';
import { withFetch } from '../hub/fetch-scope.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { readCompanions } from './companions.ts';
import type { LoadOptions } from './load-options.ts';
import { openModelFiles, type ModelFiles } from './model-files.ts';
import { quantizedForms, trainedType } from './quantization.ts';
import { stampFiles, type FileStamps } from './source-stamps.ts';
import { tokenizerOrError } from './tokenizer-or-error.ts';

/** Weights in native memory, and what they came with. */
export interface OpenedModel {
  handle: ModelHandle;
  files: ModelFiles;
  /** The error where there is one that cannot be read: ids work all the same. */
  tokenizer: Tokenizer | HyperfitError | undefined;
  /** What else of the folder transformers reads, by name. */
  companions: ReadonlyMap<string, Buffer>;
  stamps: FileStamps;
  device: DeviceName;
  computeDtype: ComputeDType;
  /** Whether the backward computes activations again. */
  recompute: boolean;
  /** The type whose rounding passes are to run on. */
  quantize: QuantizeType | null;
}

/**
 * What `Model.load` does before there is a model; throws as it does. `bases`: where weights come from that its own files hold otherwise.
 */
export async function openModel(
  path: string,
  options: LoadOptions,
  bases: ReadonlyMap<string, TensorSource> = new Map(),
): Promise<OpenedModel> {
  checkOptions(
    options,
    ['device', 'computeDtype', 'weightDtype', 'recompute', 'adapter', 'quantize', 'signal', 'onWarning', 'onFetch'],
    'Model.load',
  );
  const { signal, onWarning, onFetch, recompute = false } = options;
  if (typeof recompute !== 'boolean')
    throw new HyperfitError('ERR_CONFIG', `expected true or false for \`recompute\`, got ${String(recompute)}`);
  const device = chooseDevice(options.device);
  const computeDtype = chooseComputeDtype(options.computeDtype);
  const weightDtype = chooseWeightDtype(options.weightDtype, computeDtype);
  const files = await withFetch({ onFetch, signal }, () => openModelFiles(path, { onWarning }));
  const { quantize = trainedType(files) } = options;
  if (quantize !== null) quantizedForms(files.config, quantize, files.path);
  for (const note of files.notes) onWarning?.(note);
  const tokenizer = await tokenizerOrError(files);
  const companions = files.format === 'huggingface' ? await readCompanions(files.path) : new Map<string, Buffer>();
  const stamps = await stampFiles(files);
  const sources = files.sources.map((source) => bases.get(source.name) ?? source);
  const handle = await withControl(signal, 0, (control) =>
    addon().modelLoad(files.config, sources, device, computeDtype, weightDtype, recompute, control),
  );
  return { handle, files, tokenizer, companions, stamps, device, computeDtype, recompute, quantize };
}
