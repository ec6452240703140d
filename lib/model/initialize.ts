import { join } from 'node:path';
import { writeFile } from '../file-system.ts';
import { makeFolder } from '../folders.ts';
import type { ModelConfig } from '../addon-types.ts';
import { checkOptions } from '../config/check-options.ts';
import { HyperfitError } from '../errors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { torch } from '../tensor/torch.ts';
import { readConfigJson } from './config.ts';
import { renderConfigJson } from './config-render.ts';
import type { JsonObject } from './json.ts';
import { PREPROCESSOR_FILE } from './model-files.ts';
import { expectedParameters } from './parameters.ts';
import { disposeAll, saveTensorFile } from './tensor-file.ts';

/** transformers' default of `initializer_range` in every family. */
const INITIALIZER_RANGE = 0.02;

/** Of `initializeModel`. */
export interface InitializeOptions {
  /** Of the draws; equal seeds give equal files. Default 0. */
  seed?: number;
  /** Text of preprocessor_config.json, which image models need; see `renderPreprocessor`. */
  preprocessor?: string;
}

/**
 * Makes a model folder with random weights as transformers draws them: N(0, `initializer_range`), norms one and biases zero; the output
 * projections of GPT-2 and ImageGPT are scaled by 1 / sqrt(2 n_layer). Libtorch's generator is seeded on the way.
 * @param config what config.json is to hold, of any supported family
 * @throws HyperfitError ERR_UNSUPPORTED_MODEL, ERR_MODEL_FILES for the config; ERR_CONFIG for the seed; ERR_CHECKPOINT when weights are
 * there already
 *
 * @example
 * const sizes = { vocab_size: 256, hidden_size: 64, intermediate_size: 128, num_hidden_layers: 2, num_attention_heads: 4 };
 * const config = { model_type: 'llama', ...sizes, max_position_embeddings: 128 };
 * await initializeModel('tiny', config, { seed: 0 });
 * const tiny = await Model.load('tiny'); // ids alone: it has no tokenizer
 */
export async function initializeModel(folder: string, config: JsonObject, options: InitializeOptions = {}): Promise<void> {
  checkOptions(options, ['seed', 'preprocessor'], 'initializeModel');
  const { seed = 0, preprocessor } = options;
  const settings = readConfigJson(config, join(folder, 'config.json'));
  const range = readRange(config['initializer_range'], folder);
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new HyperfitError('ERR_CONFIG', `expected a whole number of at least 0 for \`seed\`, got ${seed}; give one`);
  await makeFolder(folder);
  torch.manualSeed(seed);
  const tensors = new Map<string, Tensor>();
  try {
    for (const [name, shape] of expectedParameters(settings)) tensors.set(name, drawParameter(name, shape, settings, range));
    await saveTensorFile(join(folder, 'model.safetensors'), tensors);
  } finally {
    disposeAll(tensors.values());
  }
  await writeFile(
    join(folder, 'config.json'),
    renderConfigJson({ config: settings, rawConfig: config, bosTokenId: undefined, eosTokenIds: [] }),
  );
  if (preprocessor !== undefined) await writeFile(join(folder, PREPROCESSOR_FILE), preprocessor);
}

function readRange(value: unknown, folder: string): number {
  const range = value ?? INITIALIZER_RANGE;
  if (typeof range === 'number' && Number.isFinite(range) && range >= 0) return range;
  throw new HyperfitError(
    'ERR_MODEL_FILES',
    `expected a number of at least 0 for \`initializer_range\` of ${folder}, got ${JSON.stringify(value)}; leave it out for ${INITIALIZER_RANGE}`,
  );
}

function drawParameter(name: string, shape: readonly number[], config: ModelConfig, range: number): Tensor {
  if (name.endsWith('.bias')) return torch.zeros(shape);
  // Every other vector scales a norm; where 1 + weight does, one is zero.
  if (shape.length === 1) return config.normOffset ? torch.zeros(shape) : torch.ones(shape);
  const isOutput = config.weightLayout === 'fused' && name.endsWith('.c_proj.weight');
  return torch.randn(shape).mul_(isOutput ? range / Math.sqrt(2 * config.numHiddenLayers) : range);
}
