import { DECODER_KEYS, REQUIRED, REQUIRED_SILU, WINDOW_KEYS } from './config-family.ts';
import type { ConfigFamily } from './config-family.ts';
import { ACTIVATIONS } from './config-flags.ts';
import type { Flags, Sizes } from './config-flags.ts';
import { isLayerTypes, readLayerWindows, readNoRopeLayers, readSlidingLayers } from './config-layers.ts';
import type { ConfigValues } from './config-values.ts';

function attentionBiases(values: ConfigValues): Partial<Flags> {
  const bias = values.flag('attention_bias', false);
  return { qkvBias: bias, outputBias: bias };
}

const LLAMA: ConfigFamily = {
  modelType: 'llama',
  architecture: 'LlamaForCausalLM',
  bareArchitectures: ['LlamaModel'],
  defaults: { max_position_embeddings: 2048, rms_norm_eps: 1e-6, tie_word_embeddings: false },
  read: [...DECODER_KEYS, 'attention_bias', 'mlp_bias'],
  required: { ...REQUIRED_SILU, sliding_window: [0], use_sliding_window: [false] },
  flags: (values) => ({ ...attentionBiases(values), mlpBias: values.flag('mlp_bias', false) }),
};

const MISTRAL: ConfigFamily = {
  modelType: 'mistral',
  architecture: 'MistralForCausalLM',
  bareArchitectures: ['MistralModel'],
  defaults: {
    max_position_embeddings: 131072,
    rms_norm_eps: 1e-6,
    tie_word_embeddings: false,
    num_key_value_heads: 8,
    sliding_window: 4096,
  },
  read: [...DECODER_KEYS, ...WINDOW_KEYS],
  required: { ...REQUIRED_SILU, attention_bias: [false], mlp_bias: [false] },
  flags: (values, sizes) => {
    const slides = values.has('sliding_window');
    if (slides && !values.flag('use_sliding_window', true))
      values.note('`use_sliding_window` false turns no window of a Mistral off, as in transformers; set `sliding_window` to null for that');
    return {
      layerWindows: readLayerWindows(
        values,
        Array.from({ length: sizes.numHiddenLayers }, () => slides),
      ),
    };
  },
};

/** Qwen's windows: none unless `use_sliding_window`, then by `layer_types`, or from layer `max_window_layers` on. */
function readUpperWindows(values: ConfigValues, layers: number): number[] {
  const isOn = values.flag('use_sliding_window', false) && values.has('sliding_window');
  const first = isOn && !values.has('layer_types') ? values.whole('max_window_layers') : 0;
  const sliding = readSlidingLayers(values, layers, (layer) => isOn && layer >= first);
  if (sliding.includes(true) && !isOn) values.refuse('layer_types', 'full_attention alone, since `use_sliding_window` is not true,');
  return readLayerWindows(values, sliding);
}

const QWEN2: ConfigFamily = {
  modelType: 'qwen2',
  architecture: 'Qwen2ForCausalLM',
  bareArchitectures: ['Qwen2Model'],
  defaults: {
    max_position_embeddings: 32768,
    rms_norm_eps: 1e-6,
    tie_word_embeddings: false,
    num_key_value_heads: 32,
    sliding_window: 4096,
    max_window_layers: 28,
  },
  read: [...DECODER_KEYS, ...WINDOW_KEYS],
  required: { ...REQUIRED_SILU, layer_types: isLayerTypes, use_mrope: [false] },
  flags: (values, sizes) => ({ qkvBias: true, layerWindows: readUpperWindows(values, sizes.numHiddenLayers) }),
};

const QWEN3: ConfigFamily = {
  ...QWEN2,
  modelType: 'qwen3',
  architecture: 'Qwen3ForCausalLM',
  bareArchitectures: ['Qwen3Model'],
  defaults: { ...QWEN2.defaults, head_dim: 128 },
  nullRefused: ['head_dim'],
  read: [...QWEN2.read, 'attention_bias'],
  flags: (values, sizes) => ({ ...attentionBiases(values), qkNorm: true, layerWindows: readUpperWindows(values, sizes.numHiddenLayers) }),
};

const SMOLLM3: ConfigFamily = {
  modelType: 'smollm3',
  architecture: 'SmolLM3ForCausalLM',
  bareArchitectures: ['SmolLM3Model'],
  defaults: {
    max_position_embeddings: 32768,
    rms_norm_eps: 1e-6,
    tie_word_embeddings: true,
    num_key_value_heads: 4,
    rope_theta: 2e6,
    no_rope_layer_interval: 4,
    pad_token_id: 128004,
  },
  read: [...DECODER_KEYS, 'attention_bias', 'mlp_bias', 'sliding_window', 'use_sliding_window', 'no_rope_layers', 'no_rope_layer_interval'],
  required: { ...REQUIRED_SILU, layer_types: isLayerTypes },
  flags: (values, sizes) => {
    const layerRopes = readNoRopeLayers(values, sizes.numHiddenLayers);
    const isOn = values.flag('use_sliding_window', false) && values.has('sliding_window');
    // `layer_types` turns windows on by itself.
    const sliding = readSlidingLayers(values, sizes.numHiddenLayers, (layer) => isOn && layerRopes[layer] === 'none');
    return {
      ...attentionBiases(values),
      mlpBias: values.flag('mlp_bias', false),
      layerRopes,
      layerWindows: readLayerWindows(values, sliding),
    };
  },
};

const GEMMA_DEFAULTS = {
  pad_token_id: 0,
  rms_norm_eps: 1e-6,
  tie_word_embeddings: true,
  num_attention_heads: 8,
  num_key_value_heads: 4,
  head_dim: 256,
  hidden_size: 2304,
  intermediate_size: 9216,
  num_hidden_layers: 26,
  sliding_window: 4096,
  query_pre_attn_scalar: 256,
  hidden_activation: 'gelu_pytorch_tanh',
};
const GEMMA_SIZES = ['num_key_value_heads', 'head_dim'];
const GEMMA_REQUIRED = {
  ...REQUIRED,
  hidden_act: ['gelu_pytorch_tanh'],
  hidden_activation: ['gelu_pytorch_tanh'],
  layer_types: isLayerTypes,
  use_bidirectional_attention: [false],
};

function gemmaFlags(values: ConfigValues, sizes: Sizes): Partial<Flags> {
  return {
    ...attentionBiases(values),
    normOffset: true,
    postNorms: true,
    activation: 'gelu_tanh',
    embeddingScale: Math.sqrt(sizes.hiddenSize),
    queryScale: values.positive('query_pre_attn_scalar') ** -0.5,
    finalSoftcap: values.has('final_logit_softcapping') ? values.positive('final_logit_softcapping') : 0,
  };
}

const GEMMA2: ConfigFamily = {
  modelType: 'gemma2',
  architecture: 'Gemma2ForCausalLM',
  bareArchitectures: ['Gemma2Model'],
  defaults: {
    ...GEMMA_DEFAULTS,
    max_position_embeddings: 8192,
    vocab_size: 256000,
    final_logit_softcapping: 30,
    attn_logit_softcapping: 50,
  },
  read: [...DECODER_KEYS, 'attention_bias', 'sliding_window', 'query_pre_attn_scalar', 'final_logit_softcapping', 'attn_logit_softcapping'],
  required: GEMMA_REQUIRED,
  nullRefused: GEMMA_SIZES,
  flags: (values, sizes) => ({
    ...gemmaFlags(values, sizes),
    attentionSoftcap: values.has('attn_logit_softcapping') ? values.positive('attn_logit_softcapping') : 0,
    layerWindows: readLayerWindows(
      values,
      readSlidingLayers(values, sizes.numHiddenLayers, (layer) => layer % 2 === 0),
    ),
  }),
};

/** What transformers writes for itself and does not read again. */
function noteOtherPattern(values: ConfigValues, pattern: number): void {
  const other = values.raw('_sliding_window_pattern') ?? pattern;
  if (other !== pattern && !values.has('layer_types'))
    values.note(
      `\`_sliding_window_pattern\` is not read, as in transformers: every ${pattern}th layer sees all; say it by \`sliding_window_pattern\` or \`layer_types\``,
    );
}

const GEMMA3: ConfigFamily = {
  modelType: 'gemma3_text',
  architecture: 'Gemma3ForCausalLM',
  bareArchitectures: ['Gemma3TextModel'],
  defaults: {
    ...GEMMA_DEFAULTS,
    max_position_embeddings: 131072,
    vocab_size: 262208,
    rope_theta: 1e6,
    rope_local_base_freq: 1e4,
    sliding_window_pattern: 6,
  },
  read: [
    ...DECODER_KEYS,
    'attention_bias',
    'sliding_window',
    'query_pre_attn_scalar',
    'final_logit_softcapping',
    'rope_local_base_freq',
    'sliding_window_pattern',
    '_sliding_window_pattern',
  ],
  // transformers reads attn_logit_softcapping of Gemma 3 and does not apply it.
  required: { ...GEMMA_REQUIRED, attn_logit_softcapping: [] },
  nullRefused: GEMMA_SIZES,
  flags: (values, sizes) => {
    const pattern = values.has('layer_types') ? 1 : values.size('sliding_window_pattern');
    noteOtherPattern(values, pattern);
    const sliding = readSlidingLayers(values, sizes.numHiddenLayers, (layer) => (layer + 1) % pattern !== 0);
    return {
      ...gemmaFlags(values, sizes),
      qkNorm: true,
      layerRopes: sliding.map((slides) => (slides ? 'local' : 'global')),
      layerWindows: readLayerWindows(values, sliding),
    };
  },
};

const GPT2: ConfigFamily = {
  modelType: 'gpt2',
  architecture: 'GPT2LMHeadModel',
  pads: false,
  bareArchitectures: ['GPT2Model', 'GPT2DoubleHeadsModel'],
  defaults: {
    vocab_size: 50257,
    n_positions: 1024,
    n_embd: 768,
    n_layer: 12,
    n_head: 12,
    layer_norm_epsilon: 1e-5,
    activation_function: 'gelu_new',
    tie_word_embeddings: true,
  },
  read: [
    'vocab_size',
    'tie_word_embeddings',
    'n_positions',
    'n_embd',
    'n_layer',
    'n_head',
    'n_inner',
    'layer_norm_epsilon',
    // Other names of four of these, which win.
    'hidden_size',
    'num_hidden_layers',
    'num_attention_heads',
    'max_position_embeddings',
  ],
  required: {
    ...REQUIRED,
    activation_function: Object.keys(ACTIVATIONS),
    scale_attn_weights: [true],
    scale_attn_by_inverse_layer_idx: [false],
  },
  spelling: {
    hidden_size: 'n_embd',
    num_hidden_layers: 'n_layer',
    num_attention_heads: 'n_head',
    max_position_embeddings: 'n_positions',
    intermediate_size: 'n_inner',
    rms_norm_eps: 'layer_norm_epsilon',
  },
  flags: (values, sizes) => ({
    weightLayout: 'fused',
    normType: 'layer',
    activation: ACTIVATIONS[values.raw('activation_function') as string] ?? 'gelu_tanh',
    gatedMlp: false,
    qkvBias: true,
    outputBias: true,
    mlpBias: true,
    learnedPositions: true,
    layerRopes: Array.from({ length: sizes.numHiddenLayers }, () => 'none' as const),
  }),
};

/** Its layer norm subtracts no mean and has no bias: an RMS norm. The start token, the last id, is never predicted. */
const IMAGEGPT: ConfigFamily = {
  ...GPT2,
  modelType: 'imagegpt',
  architecture: 'ImageGPTForCausalImageModeling',
  bareArchitectures: ['ImageGPTModel'],
  defaults: {
    ...GPT2.defaults,
    vocab_size: 513,
    n_embd: 512,
    n_layer: 24,
    n_head: 8,
    activation_function: 'quick_gelu',
    tie_word_embeddings: false,
  },
  required: { ...GPT2.required, tie_word_embeddings: [false] },
  read: GPT2.read.filter((key) => key !== 'tie_word_embeddings'),
  flags: (values, sizes) => ({ ...GPT2.flags(values, sizes), normType: 'rms', outputVocabSize: sizes.vocabSize - 1 }),
};

export const FAMILIES: readonly ConfigFamily[] = [LLAMA, MISTRAL, QWEN2, QWEN3, SMOLLM3, GEMMA2, GEMMA3, GPT2, IMAGEGPT];

export function supportedFamilies(): string {
  return FAMILIES.map(({ modelType, architecture }) => `${modelType} (${architecture})`).join(', ');
}
