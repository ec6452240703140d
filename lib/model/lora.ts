import type { ModelConfig, NativeLora } from '../addon-types.ts';
import { checkOptions } from '../config/check-options.ts';
import { HyperfitError } from '../errors.ts';
import { expectedParameters } from './parameters.ts';

/** LoRA (Hu et al. 2021): additions B A of low rank, multiplied by alpha / rank; named as in PEFT. */
export interface LoraOptions {
  /** Columns of B and rows of A. Default 8. */
  rank?: number;
  /** The product of B and A is multiplied by alpha / rank. Default 16. */
  alpha?: number;
  /** Names of modules, such as q_proj or self_attn.q_proj; `all-linear` (the default) are all matrices of the layers. */
  targets?: readonly string[];
  /** Only the last so many layers; null (default) for all. */
  layers?: number | null;
  /** Of the initial A. Default 0. */
  seed?: number;
}

export const ALL_LINEAR = 'all-linear';

/**
 * Checked options with the matrices that they mean.
 * @throws HyperfitError ERR_CONFIG for a rank, alpha, target or number of layers that this model has no place for
 */
export function normalizeLora(config: ModelConfig, options: LoraOptions): NativeLora {
  checkOptions(options, ['rank', 'alpha', 'targets', 'layers', 'seed'], 'LoRA');
  const { rank = 8, alpha = 16, targets = [ALL_LINEAR], layers = null, seed = 0 } = options;
  if (!Number.isInteger(rank) || rank < 1)
    throw new HyperfitError('ERR_CONFIG', `expected a whole number of at least 1 for the rank of LoRA, got ${rank}`);
  if (!(alpha > 0) || !Number.isFinite(Math.fround(alpha)))
    throw new HyperfitError('ERR_CONFIG', `expected a number above 0 for the alpha of LoRA, got ${alpha}`);
  const names = loraNames(config, targets, layers ?? config.numHiddenLayers);
  return { rank, alpha, seed, names, transposed: config.weightLayout === 'fused' };
}

function loraNames(config: ModelConfig, targets: readonly string[], layers: number): string[] {
  const { numHiddenLayers } = config;
  if (!Number.isInteger(layers) || layers < 1 || layers > numHiddenLayers) {
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected from 1 to ${numHiddenLayers} last layers for LoRA, got ${layers}; this model has ${numHiddenLayers}`,
    );
  }
  const matrices = layerMatrices(config);
  for (const target of targets) requireTarget(target, matrices);
  if (targets.length === 0)
    throw new HyperfitError('ERR_CONFIG', `expected the names of modules for LoRA, got none; give ${ALL_LINEAR} for all`);
  return matrices
    .filter(({ layer, module }) => layer >= numHiddenLayers - layers && targets.some((target) => isTarget(target, module)))
    .map(({ name }) => name);
}

interface LayerMatrix {
  name: string;
  layer: number;
  /** What follows the number of the layer, `weight` left out: `self_attn.q_proj`. */
  module: string;
}

const IN_LAYER = /^(?:model\.layers|transformer\.h)\.(\d+)\.(.+)\.weight$/;

function layerMatrices(config: ModelConfig): LayerMatrix[] {
  return [...expectedParameters(config)].flatMap(([name, shape]) => {
    const [, layer, module] = IN_LAYER.exec(name) ?? [];
    return shape.length === 2 && module !== undefined ? [{ name, layer: Number(layer), module }] : [];
  });
}

function isTarget(target: string, module: string): boolean {
  return target === ALL_LINEAR || module === target || module.endsWith(`.${target}`);
}

function requireTarget(target: string, matrices: readonly LayerMatrix[]): void {
  if (matrices.some(({ module }) => isTarget(target, module))) return;
  const known = [...new Set(matrices.map(({ module }) => module))].join(', ');
  throw new HyperfitError(
    'ERR_CONFIG',
    `expected ${ALL_LINEAR} or modules of this model for the targets of LoRA (${known}), got ${JSON.stringify(target)}`,
  );
}
