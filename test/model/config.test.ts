import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ModelConfig } from '../../lib/addon-types.ts';
import { readConfigJson } from '../../lib/model/config.ts';
import { plainFlags } from '../../lib/model/config-flags.ts';
import { renderConfigJson } from '../../lib/model/config-render.ts';
import type { JsonObject } from '../../lib/model/json.ts';

const LLAMA = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  vocab_size: 100,
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 64,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
};
const MISTRAL = { ...LLAMA, architectures: ['MistralForCausalLM'], model_type: 'mistral' };
const SIZES = {
  vocabSize: 100,
  hiddenSize: 32,
  intermediateSize: 48,
  numHiddenLayers: 2,
  numAttentionHeads: 4,
  numKeyValueHeads: 2,
  headDim: 8,
  maxPositionEmbeddings: 64,
};
const EXPECTED: ModelConfig = {
  ...SIZES,
  ...plainFlags(SIZES),
  modelType: 'llama',
  normEps: 1e-5,
  ropeTheta: 10000,
  ropeScaling: { type: 'default' },
  tieWordEmbeddings: false,
};
const LLAMA3_JSON = { factor: 32, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 };
const LLAMA3_ROPE = { type: 'llama3', factor: 32, lowFreqFactor: 1, highFreqFactor: 4, originalMaxPositionEmbeddings: 8192 };

function read(raw: JsonObject): ModelConfig {
  return readConfigJson(raw, 'config.json');
}

function refusal(raw: JsonObject): unknown {
  try {
    return read(raw);
  } catch (error) {
    return error;
  }
}

describe('A config.json', () => {
  const cases: [string, JsonObject, Partial<ModelConfig>][] = [
    ['of a Llama', LLAMA, {}],
    ['with a head dimension of its own', { ...LLAMA, head_dim: 16 }, { headDim: 16, queryScale: 0.25 }],
    ['with one head for each', { ...LLAMA, num_key_value_heads: undefined }, { numKeyValueHeads: 4 }],
    [
      'with biases and a tied head',
      { ...LLAMA, attention_bias: true, mlp_bias: true, tie_word_embeddings: true },
      { qkvBias: true, outputBias: true, mlpBias: true, tieWordEmbeddings: true },
    ],
    ['with no rotary settings', { ...LLAMA, rope_theta: undefined, rope_scaling: null }, {}],
    [
      'with linear scaling, old spelling',
      { ...LLAMA, rope_scaling: { type: 'linear', factor: 4 } },
      { ropeScaling: { type: 'linear', factor: 4 } },
    ],
    [
      'with llama3 scaling',
      { ...LLAMA, rope_scaling: { rope_type: 'llama3', ...LLAMA3_JSON } },
      { ropeScaling: LLAMA3_ROPE as ModelConfig['ropeScaling'] },
    ],
    [
      'with rope_parameters',
      { ...LLAMA, rope_theta: undefined, rope_parameters: { rope_type: 'default', rope_theta: 5e5 } },
      { ropeTheta: 5e5 },
    ],
    [
      'with llama3 scaling in rope_parameters',
      { ...LLAMA, rope_parameters: { rope_type: 'llama3', rope_theta: 5e5, ...LLAMA3_JSON } },
      { ropeTheta: 5e5, ropeScaling: LLAMA3_ROPE as ModelConfig['ropeScaling'] },
    ],
    [
      'of SmolLM2, with keys of other tools',
      {
        ...LLAMA,
        is_llama_config: true,
        rope_interleaved: false,
        'transformers.js_config': { dtype: 'q4' },
        pretraining_tp: 1,
        future_key: null,
      },
      {},
    ],
    ['of a Mistral that says nothing of a window', MISTRAL, { modelType: 'mistral', layerWindows: [4096, 4096] }],
    ['of a Mistral without a window', { ...MISTRAL, sliding_window: null }, { modelType: 'mistral' }],
    ['of a Mistral with a window', { ...MISTRAL, sliding_window: 16 }, { modelType: 'mistral', layerWindows: [16, 16] }],
    [
      'of a Mistral that says not to use its window, which nobody reads',
      { ...MISTRAL, sliding_window: 16, use_sliding_window: false },
      { modelType: 'mistral', layerWindows: [16, 16] },
    ],
  ];
  test.each(cases)('%s', (_, raw, changes) => {
    const defined = Object.fromEntries(Object.entries(raw).filter(([, value]) => value !== undefined));
    expect(read(defined)).toEqual({ ...EXPECTED, ...changes });
  });
});

describe('Refused with ERR_UNSUPPORTED_MODEL, naming key, value and the families', () => {
  const cases: [string, JsonObject, RegExp][] = [
    ['another family', { ...LLAMA, model_type: 'mamba' }, /`model_type` "mamba".*llama \(LlamaForCausalLM\), mistral/],
    ['no family', { hidden_size: 3 }, /`model_type` nothing/],
    [
      'another head',
      { ...LLAMA, architectures: ['LlamaForSequenceClassification'] },
      /`architectures` \["LlamaForSequenceClassification"\]/,
    ],
    ['another activation', { ...LLAMA, hidden_act: 'gelu' }, /`hidden_act` "gelu"/],
    ['a key that is not known', { ...LLAMA, attn_logit_softcapping: 50 }, /`attn_logit_softcapping` 50/],
    ['a key that is a property of every object', { ...LLAMA, constructor: 1 }, /`constructor` 1/],
    ['every such key at once', { ...LLAMA, logit_scale: 2, embedding_multiplier: 3 }, /`logit_scale` 2, `embedding_multiplier` 3/],
    ['quantised weights', { ...LLAMA, quantization_config: { bits: 4 } }, /`quantization_config` \{"bits":4\}/],
    ['code of its own', { ...LLAMA, auto_map: { AutoModel: 'x.Model' } }, /`auto_map`/],
    ['a part of the head rotated', { ...LLAMA, partial_rotary_factor: 0.5 }, /`partial_rotary_factor` 0.5/],
    ['a window in a Llama', { ...LLAMA, sliding_window: 8 }, /`sliding_window` 8/],
    ['biases in a Mistral', { ...MISTRAL, attention_bias: true }, /`attention_bias` true/],
    [
      'longrope',
      { ...LLAMA, rope_scaling: { rope_type: 'longrope', factor: 4 } },
      /default, linear, dynamic, llama3, yarn.*of type "longrope"/,
    ],
    [
      'rotary settings per kind of layer',
      { ...LLAMA, rope_parameters: { full_attention: { rope_type: 'default' } } },
      /`rope_parameters.full_attention`/,
    ],
    ['an unknown rotary key', { ...LLAMA, rope_scaling: { rope_type: 'linear', factor: 2, mscale: 1 } }, /`rope_scaling.mscale` 1/],
  ];
  test.each(cases)('%s', (_, raw, message) => {
    expect(refusal(raw)).toMatchObject({ code: 'ERR_UNSUPPORTED_MODEL', message: expect.stringMatching(message) });
  });
});

describe('Refused with ERR_MODEL_FILES', () => {
  const cases: [string, JsonObject, RegExp][] = [
    ['missing sizes, all at once', { model_type: 'llama' }, /`hidden_size`, got nothing.*`vocab_size`, got nothing/],
    ['sizes of another type', { ...LLAMA, hidden_size: '32' }, /a positive integer for `hidden_size`, got "32"/],
    ['sizes below one', { ...LLAMA, num_hidden_layers: 0 }, /`num_hidden_layers`, got 0/],
    ['sizes too large', { ...LLAMA, vocab_size: 2 ** 40 }, /`vocab_size`/],
    ['heads that do not divide the width', { ...LLAMA, num_attention_heads: 5, num_key_value_heads: 5 }, /`head_dim`/],
    ['key/value heads that do not divide the heads', { ...LLAMA, num_key_value_heads: 3 }, /divide 4 heads, got 3/],
    ['an odd head dimension', { ...LLAMA, head_dim: 7 }, /even head dimension, got 7/],
    ['a flag that is no flag', { ...LLAMA, tie_word_embeddings: 'yes' }, /true or false for `tie_word_embeddings`/],
    ['a negative epsilon', { ...LLAMA, rms_norm_eps: -1 }, /`rms_norm_eps`/],
    ['linear scaling without a factor', { ...LLAMA, rope_scaling: { type: 'linear' } }, /`factor`, got nothing/],
    ['rotary settings that are a list', { ...LLAMA, rope_scaling: [1] }, /an object for `rope_scaling`/],
  ];
  test.each(cases)('%s', (_, raw, message) => {
    expect(refusal(raw)).toMatchObject({ code: 'ERR_MODEL_FILES', message: expect.stringMatching(message) });
  });
});

describe('config.json as it is written', () => {
  const ORIGIN = { rawConfig: undefined, bosTokenId: 1, eosTokenIds: [2] };

  test.each([
    ['plain', EXPECTED],
    ['linear scaling', { ...EXPECTED, ropeScaling: { type: 'linear', factor: 2 } } as ModelConfig],
    [
      'llama3 scaling, biases, tied',
      { ...EXPECTED, ropeScaling: LLAMA3_ROPE, qkvBias: true, outputBias: true, mlpBias: true, tieWordEmbeddings: true } as ModelConfig,
    ],
    ['a window', { ...EXPECTED, modelType: 'mistral', layerWindows: [16, 16] }],
    ['a head dimension of its own', { ...EXPECTED, headDim: 12, queryScale: 12 ** -0.5 }],
  ])('reads back as what it was: %s', (_, config) => {
    const written = JSON.parse(renderConfigJson({ config, ...ORIGIN })) as JsonObject;
    expect(read(written)).toEqual(config);
    expect(written).toMatchObject({ torch_dtype: 'float32', bos_token_id: 1, eos_token_id: 2 });
  });

  test.each([
    ['torch_dtype', { torch_dtype: 'bfloat16' }, { torch_dtype: 'float32' }],
    ['dtype', { dtype: 'bfloat16' }, { dtype: 'float32' }],
    ['neither', {}, { torch_dtype: 'float32' }],
  ])('keeps every key of the original but the dtype, spelled as there: %s', (_, dtype, expected) => {
    const rawConfig = { ...LLAMA, 'transformers.js_config': { a: [1] }, ...dtype };
    const written = JSON.parse(renderConfigJson({ config: EXPECTED, ...ORIGIN, rawConfig })) as JsonObject;
    expect(written).toEqual({ ...LLAMA, 'transformers.js_config': { a: [1] }, ...expected });
  });
});

test.each([
  'llama-bias',
  'llama-linear-rope',
  'llama-sharded',
  'llama-tied-gqa',
  'llama-untied-mha',
  'llama3-rope',
  'mistral-window',
  'tiny-text',
])('The config.json that transformers wrote for %s is understood', (name) => {
  const raw = JSON.parse(readFileSync(join(__dirname, '..', 'fixtures', 'models', name, 'config.json'), 'utf8')) as JsonObject;
  expect(read(raw)).toMatchObject({ vocabSize: raw['vocab_size'], hiddenSize: raw['hidden_size'] });
});

test('numbers that transformers wants as floats are spelled as such', () => {
  const rawConfig = {
    rms_norm_eps: 1e-6,
    final_logit_softcapping: 30,
    rope_parameters: { rope_theta: 10000, factor: 8 },
    hidden_size: 64,
    head_dim: 16,
  };
  const json = renderConfigJson({ config: {} as ModelConfig, rawConfig, bosTokenId: undefined, eosTokenIds: [] });
  expect(json).toMatch(/"final_logit_softcapping": 30\.0,/);
  expect(json).toMatch(/"rope_theta": 10000\.0,/);
  expect(json).toMatch(/"factor": 8\.0\n/);
  expect(json).toMatch(/"hidden_size": 64,/);
  expect(json).toMatch(/"rms_norm_eps": 0\.000001,/);
});
