import type { ModelConfig } from '../addon-types.ts';
import { FAMILIES } from './config-families.ts';
import { ACTIVATIONS } from './config-flags.ts';
import { textHalf } from './config-gemma3.ts';
import { renderLayerTypes } from './config-layers.ts';
import { renderRope } from './config-rope.ts';
import type { JsonObject } from './json.ts';
import { QUANTIZE_KEY } from './quantize-key.ts';

/** What `renderConfigJson` needs to know of a model. */
export interface ConfigOrigin {
  config: ModelConfig;
  /** The config.json that it came with, if any. */
  rawConfig: JsonObject | undefined;
  bosTokenId: number | undefined;
  eosTokenIds: readonly number[];
}

/**
 * config.json of weights stored as `dtype`, and trained for a type of GGUF file or not: the original's keys where there was one, else all
 * that is needed to load the model.
 */
export function renderConfigJson(
  { config, rawConfig, bosTokenId, eosTokenIds }: ConfigOrigin,
  dtype = 'float32',
  quantization: string | null = null,
): string {
  const raw = rawConfig === undefined ? makeRawConfig(config, bosTokenId, eosTokenIds) : textHalf(rawConfig, 'config.json');
  const spellings = ['dtype', 'torch_dtype'].filter((key) => key in raw);
  const dtypes = Object.fromEntries((spellings.length > 0 ? spellings : ['torch_dtype']).map((key) => [key, dtype]));
  const architectures = FAMILIES.find(({ modelType }) => modelType === raw['model_type'])?.architecture;
  // Weights are written with their head, whatever class they were read of.
  const { [QUANTIZE_KEY]: _former, ...kept } = raw;
  return renderJson({
    ...kept,
    ...(quantization === null ? {} : { [QUANTIZE_KEY]: quantization }),
    ...(architectures === undefined ? {} : { architectures: [architectures] }),
    ...dtypes,
  });
}

/** A file of Hugging Face's, with numbers spelled as transformers wants them. */
export function renderJson(value: JsonObject): string {
  return `${spellFloats(JSON.stringify(value, null, 2))}\n`;
}

function makeRawConfig(config: ModelConfig, bosTokenId: number | undefined, eosTokenIds: readonly number[]): JsonObject {
  return {
    architectures: FAMILIES.filter(({ modelType }) => modelType === config.modelType).map(({ architecture }) => architecture),
    model_type: config.modelType,
    vocab_size: config.vocabSize,
    ...(config.weightLayout === 'fused' ? fusedSettings(config) : separateSettings(config)),
    tie_word_embeddings: config.tieWordEmbeddings,
    bos_token_id: bosTokenId ?? null,
    eos_token_id: eosTokenIds.length === 1 ? eosTokenIds[0] : eosTokenIds.length === 0 ? null : eosTokenIds,
  };
}

function fusedSettings(config: ModelConfig): JsonObject {
  return {
    n_embd: config.hiddenSize,
    n_inner: config.intermediateSize,
    n_layer: config.numHiddenLayers,
    n_head: config.numAttentionHeads,
    n_positions: config.maxPositionEmbeddings,
    layer_norm_epsilon: config.normEps,
    activation_function: activationName(config),
  };
}

function activationName({ activation }: ModelConfig): string | undefined {
  return Object.keys(ACTIVATIONS).find((name) => ACTIVATIONS[name] === activation);
}

function separateSettings(config: ModelConfig): JsonObject {
  return {
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize,
    num_hidden_layers: config.numHiddenLayers,
    num_attention_heads: config.numAttentionHeads,
    num_key_value_heads: config.numKeyValueHeads,
    head_dim: config.headDim,
    max_position_embeddings: config.maxPositionEmbeddings,
    rms_norm_eps: config.normEps,
    pad_token_id: config.paddingIndex < 0 ? null : config.paddingIndex,
    ...renderRope(config),
    ...FAMILY_SETTINGS[config.modelType]?.(config),
  };
}

/** Beyond what every family says. */
const FAMILY_SETTINGS: Readonly<Record<string, (config: ModelConfig) => JsonObject>> = {
  llama: (config) => ({ hidden_act: 'silu', attention_bias: config.qkvBias, mlp_bias: config.mlpBias }),
  mistral: (config) => ({ hidden_act: 'silu', sliding_window: windowOf(config) }),
  qwen2: qwenSettings,
  qwen3: (config) => ({ ...qwenSettings(config), attention_bias: config.qkvBias }),
  smollm3: (config) => ({
    ...qwenSettings(config),
    attention_bias: config.qkvBias,
    mlp_bias: config.mlpBias,
    no_rope_layers: config.layerRopes.map((rope) => (rope === 'none' ? 0 : 1)),
  }),
  gemma2: (config) => ({ ...gemmaSettings(config), attn_logit_softcapping: config.attentionSoftcap || null }),
  gemma3_text: (config) => ({ ...gemmaSettings(config), rope_local_base_freq: config.localRopeTheta }),
};

function windowOf({ layerWindows }: ModelConfig): number | null {
  return layerWindows.find((window) => window > 0) ?? null;
}

function qwenSettings(config: ModelConfig): JsonObject {
  const window = windowOf(config);
  return {
    hidden_act: 'silu',
    use_sliding_window: window !== null,
    sliding_window: window,
    layer_types: renderLayerTypes(config.layerWindows),
  };
}

function gemmaSettings(config: ModelConfig): JsonObject {
  return {
    hidden_activation: 'gelu_pytorch_tanh',
    attention_bias: config.qkvBias,
    query_pre_attn_scalar: Math.round(config.queryScale ** -2),
    sliding_window: windowOf(config),
    layer_types: renderLayerTypes(config.layerWindows),
    final_logit_softcapping: config.finalSoftcap || null,
  };
}

/** Keys whose numbers transformers wants spelled as floats: it refuses 30 where it expects 30.0, which JavaScript cannot tell apart. */
const FLOAT_KEY =
  /^ *"\w*(?:theta|factor|softcapping|eps|epsilon|dropout|pdrop|initializer_range|base_freq|temperature|top_p|penalty)": -?\d+,?$/;
/** Beyond, a line is no number of such a key. */
const MOST_LINE = 200;

function spellFloats(json: string): string {
  return json
    .split('\n')
    .map((line) => (line.length < MOST_LINE && FLOAT_KEY.test(line) ? line.replace(/\d(?=,?$)/, '$&.0') : line))
    .join('\n');
}
