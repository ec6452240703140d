import type { ModelConfig } from '../addon-types.ts';
import type { MetadataEntry } from '../tokenizer/metadata-entry.ts';
import { GGUF_FILE_TYPES } from './gguf-mix.ts';
import type { GgufFileType } from './gguf-mix.ts';
import { expectedParameters } from './parameters.ts';

/** `model_type` of config.json -> `general.architecture`. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  llama: 'llama',
  mistral: 'llama',
  qwen2: 'qwen2',
  qwen3: 'qwen3',
  smollm3: 'smollm3',
  gemma2: 'gemma2',
  gemma3_text: 'gemma3',
  gpt2: 'gpt2',
};
export const EXPORTED_FAMILIES = Object.keys(ARCHITECTURES);
const QUANTIZATION_VERSION = 2;

/** Undefined for a family that llama.cpp does not have. */
export function architectureOf({ modelType }: Pick<ModelConfig, 'modelType'>): string | undefined {
  return ARCHITECTURES[modelType];
}

/** `general.*`, as llama.cpp's converter writes it. */
export function describeGeneral(config: ModelConfig, fileType: GgufFileType, name: string): MetadataEntry[] {
  return [
    { key: 'general.architecture', type: 'string', value: architectureOf(config)! },
    { key: 'general.type', type: 'string', value: 'model' },
    { key: 'general.name', type: 'string', value: name },
    { key: 'general.size_label', type: 'string', value: sizeLabel(config) },
    { key: 'general.file_type', type: 'uint32', value: GGUF_FILE_TYPES[fileType].number },
    { key: 'general.quantization_version', type: 'uint32', value: QUANTIZATION_VERSION },
  ];
}

/** 135M, 1.2B. */
function sizeLabel(config: ModelConfig): string {
  const count = [...expectedParameters(config).values()].reduce(
    (sum, shape) => sum + shape.reduce((product, size) => product * size, 1),
    0,
  );
  if (count >= 1e9) return `${Number((count / 1e9).toPrecision(2))}B`;
  return count >= 1e6 ? `${Math.round(count / 1e6)}M` : `${Math.max(1, Math.round(count / 1e3))}K`;
}

/** The keys below the architecture's name. */
export function describeConfig(config: ModelConfig): MetadataEntry[] {
  const prefix = `${architectureOf(config)!}.`;
  const entries =
    config.weightLayout === 'fused'
      ? fusedEntries(config)
      : [...sizeEntries(config), ...ropeEntries(config), ...windowEntries(config), ...capEntries(config)];
  return entries.map((entry) => ({ ...entry, key: prefix + entry.key }));
}

const whole = (key: string, value: number): MetadataEntry => ({ key, type: 'uint32', value });
const real = (key: string, value: number): MetadataEntry => ({ key, type: 'float32', value });

function commonEntries(config: ModelConfig): MetadataEntry[] {
  return [
    whole('vocab_size', config.vocabSize),
    whole('context_length', config.maxPositionEmbeddings),
    whole('embedding_length', config.hiddenSize),
    whole('block_count', config.numHiddenLayers),
    whole('feed_forward_length', config.intermediateSize),
    whole('attention.head_count', config.numAttentionHeads),
  ];
}

function fusedEntries(config: ModelConfig): MetadataEntry[] {
  return [...commonEntries(config), real('attention.layer_norm_epsilon', config.normEps)];
}

function sizeEntries(config: ModelConfig): MetadataEntry[] {
  return [
    ...commonEntries(config),
    whole('attention.head_count_kv', config.numKeyValueHeads),
    real('attention.layer_norm_rms_epsilon', config.normEps),
    whole('attention.key_length', config.headDim),
    whole('attention.value_length', config.headDim),
    whole('rope.dimension_count', config.headDim),
  ];
}

function ropeEntries({ ropeTheta, ropeScaling: scaling, localRopeTheta }: ModelConfig): MetadataEntry[] {
  const bases = [real('rope.freq_base', ropeTheta), ...(localRopeTheta > 0 ? [real('rope.freq_base_swa', localRopeTheta)] : [])];
  if (scaling.type !== 'linear' && scaling.type !== 'yarn') return bases;
  const entries = [
    ...bases,
    { key: 'rope.scaling.type', type: 'string' as const, value: scaling.type },
    real('rope.scaling.factor', scaling.factor),
  ];
  if (scaling.type === 'linear') return entries;
  const usual = scaling.attentionFactor / yarnAttention(scaling.factor);
  return [
    ...entries,
    whole('rope.scaling.original_context_length', scaling.originalMaxPositionEmbeddings),
    real('rope.scaling.yarn_beta_fast', scaling.betaFast),
    real('rope.scaling.yarn_beta_slow', scaling.betaSlow),
    // llama.cpp multiplies what follows from the factor by this.
    ...(Math.abs(usual - 1) < 1e-6 ? [] : [real('rope.scaling.attn_factor', usual)]),
  ];
}

/** By how much YaRN scales sines and cosines; llama.cpp does so by itself. */
export function yarnAttention(factor: number): number {
  return factor <= 1 ? 1 : 0.1 * Math.log(factor) + 1;
}

/** Every n-th layer of these sees everything, where no list says otherwise; layers of other families are all alike. */
const GLOBAL_PERIODS: Readonly<Record<string, number>> = { gemma2: 2, gemma3_text: 6 };

function windowEntries({ layerWindows, modelType }: ModelConfig): MetadataEntry[] {
  const window = layerWindows.find((each) => each > 0);
  const period = GLOBAL_PERIODS[modelType];
  if (window === undefined && period === undefined) return [];
  const sliding = layerWindows.map((each) => each > 0);
  const isUsual = sliding.every((slides, layer) => slides === ((layer + 1) % (period ?? Infinity) !== 0));
  const pattern: MetadataEntry[] = isUsual ? [] : [{ key: 'attention.sliding_window_pattern', type: 'bools', value: sliding }];
  return [...(window === undefined ? [] : [whole('attention.sliding_window', window)]), ...pattern];
}

function capEntries({ attentionSoftcap, finalSoftcap }: ModelConfig): MetadataEntry[] {
  return [
    ...(attentionSoftcap > 0 ? [real('attn_logit_softcapping', attentionSoftcap)] : []),
    ...(finalSoftcap > 0 ? [real('final_logit_softcapping', finalSoftcap)] : []),
  ];
}
