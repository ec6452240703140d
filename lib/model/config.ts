import { HyperfitError } from '../errors.ts';
import type { ModelConfig } from '../addon-types.ts';
import { FAMILIES, HARMLESS_KEYS, LLAMA, MISTRAL, supportedFamilies } from './config-families.ts';
import type { ConfigFamily } from './config-families.ts';
import { readRope, renderRope } from './config-rope.ts';
import { ConfigValues, render } from './config-values.ts';
import type { JsonObject } from './json.ts';

/**
 * The decoder's settings out of a Hugging Face config.json; `name` is the file for messages.
 * @throws HyperfitError ERR_UNSUPPORTED_MODEL naming every key that changes the computation in a way that is not
 * understood; ERR_MODEL_FILES for missing or impossible values
 */
export function readConfigJson(raw: JsonObject, name: string): ModelConfig {
  const family = findFamily(raw, name);
  refuseUnknown(raw, family, name);
  const values = new ConfigValues((key) => raw[key] ?? family.defaults[key], name);
  const sizes = readSizes(values);
  const config: ModelConfig = {
    ...sizes,
    rmsNormEps: values.positive('rms_norm_eps'),
    ...readRope(raw, name),
    tieWordEmbeddings: values.flag('tie_word_embeddings', false),
    attentionBias: family.read.includes('attention_bias') && values.flag('attention_bias', false),
    mlpBias: family.read.includes('mlp_bias') && values.flag('mlp_bias', false),
    slidingWindow: readSlidingWindow(raw, family, values),
  };
  values.finish();
  return checkModelConfig(config, name);
}

function findFamily(raw: JsonObject, name: string): ConfigFamily {
  const family = FAMILIES.find(({ modelType }) => modelType === raw['model_type']);
  if (family === undefined) refuseModel(name, [`\`model_type\` ${render(raw['model_type'])}`]);
  const architectures = raw['architectures'] ?? [family.architecture];
  const isKnown = Array.isArray(architectures) && architectures.includes(family.architecture);
  if (!isKnown) refuseModel(name, [`\`architectures\` ${render(architectures)}`]);
  return family;
}

export function refuseModel(name: string, got: readonly string[]): never {
  throw new HyperfitError('ERR_UNSUPPORTED_MODEL', `expected settings that hyperfit computes in ${name}, got ${got.join(', ')}; it knows ${supportedFamilies()}: use such a model`);
}

function refuseUnknown(raw: JsonObject, family: ConfigFamily, name: string): void {
  const refused = Object.keys(raw).filter((key) => !isUnderstood(key, raw[key], family));
  if (refused.length > 0) refuseModel(name, refused.map((key) => `\`${key}\` ${render(raw[key])}`));
}

function isUnderstood(key: string, value: unknown, family: ConfigFamily): boolean {
  if (value === null || HARMLESS_KEYS.has(key) || family.read.includes(key)) return true;
  if (!Object.hasOwn(family.required, key)) return false;
  return family.required[key]?.some((allowed) => JSON.stringify(allowed) === JSON.stringify(value)) ?? false;
}

function readSizes(values: ConfigValues) {
  const hiddenSize = values.size('hidden_size');
  const numAttentionHeads = values.size('num_attention_heads');
  return {
    vocabSize: values.size('vocab_size'),
    hiddenSize,
    intermediateSize: values.size('intermediate_size'),
    numHiddenLayers: values.size('num_hidden_layers'),
    numAttentionHeads,
    numKeyValueHeads: values.size('num_key_value_heads', numAttentionHeads),
    headDim: values.size('head_dim', hiddenSize / numAttentionHeads),
    maxPositionEmbeddings: values.size('max_position_embeddings'),
  };
}

/** 0 for none. An explicit null is none, while an absent key has the family's default. */
function readSlidingWindow(raw: JsonObject, family: ConfigFamily, values: ConfigValues): number {
  const isOff = !family.read.includes('sliding_window') || raw['use_sliding_window'] === false || raw['sliding_window'] === null;
  return isOff ? 0 : values.size('sliding_window');
}

/** Relations between the fields. @throws HyperfitError ERR_MODEL_FILES */
export function checkModelConfig(config: ModelConfig, name: string): ModelConfig {
  const { numAttentionHeads, numKeyValueHeads, headDim } = config;
  const problems: string[] = [];
  if (numAttentionHeads % numKeyValueHeads !== 0) problems.push(`key/value heads that divide ${numAttentionHeads} heads, got ${numKeyValueHeads}`);
  if (headDim % 2 !== 0) problems.push(`an even head dimension, got ${headDim}`);
  if (problems.length > 0) throw new HyperfitError('ERR_MODEL_FILES', `expected ${problems.join('; ')} in ${name}; fetch the file again, or correct it`);
  return config;
}

/** What `renderConfigJson` needs to know of a model. */
export interface ConfigOrigin {
  config: ModelConfig;
  /** The config.json that it came with, if any. */
  rawConfig: JsonObject | undefined;
  bosTokenId: number | undefined;
  eosTokenIds: readonly number[];
}

/** config.json of float32 weights: the original's keys where there was one, else all that is needed to load the model. */
export function renderConfigJson({ config, rawConfig, bosTokenId, eosTokenIds }: ConfigOrigin): string {
  const raw = rawConfig ?? makeRawConfig(config, bosTokenId, eosTokenIds);
  const spellings = ['dtype', 'torch_dtype'].filter((key) => key in raw);
  const dtypes = Object.fromEntries((spellings.length > 0 ? spellings : ['torch_dtype']).map((key) => [key, 'float32']));
  return `${JSON.stringify({ ...raw, ...dtypes }, null, 2)}\n`;
}

function makeRawConfig(config: ModelConfig, bosTokenId: number | undefined, eosTokenIds: readonly number[]): JsonObject {
  const family = config.slidingWindow > 0 ? MISTRAL : LLAMA;
  return {
    architectures: [family.architecture],
    model_type: family.modelType,
    vocab_size: config.vocabSize,
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize,
    num_hidden_layers: config.numHiddenLayers,
    num_attention_heads: config.numAttentionHeads,
    num_key_value_heads: config.numKeyValueHeads,
    head_dim: config.headDim,
    hidden_act: 'silu',
    max_position_embeddings: config.maxPositionEmbeddings,
    rms_norm_eps: config.rmsNormEps,
    ...renderRope(config),
    tie_word_embeddings: config.tieWordEmbeddings,
    ...(family === LLAMA ? { attention_bias: config.attentionBias, mlp_bias: config.mlpBias } : { sliding_window: config.slidingWindow }),
    bos_token_id: bosTokenId ?? null,
    eos_token_id: eosTokenIds.length === 1 ? eosTokenIds[0] : eosTokenIds.length === 0 ? null : eosTokenIds,
  };
}
