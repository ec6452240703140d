import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Model, noGrad, torch } from '../../dist/index.mjs';

const LLAMA = {
  model_type: 'llama',
  architectures: ['LlamaForCausalLM'],
  hidden_act: 'silu',
  attention_bias: false,
  mlp_bias: false,
  bos_token_id: 1,
  eos_token_id: 2,
};

/** As their config.json state them. */
export const SHAPES = {
  'SmolLM2-135M': {
    ...LLAMA,
    hidden_size: 576,
    intermediate_size: 1536,
    num_hidden_layers: 30,
    num_attention_heads: 9,
    num_key_value_heads: 3,
    vocab_size: 49152,
    max_position_embeddings: 8192,
    rms_norm_eps: 1e-5,
    rope_theta: 100000,
    tie_word_embeddings: true,
  },
  'TinyLlama-1.1B': {
    ...LLAMA,
    hidden_size: 2048,
    intermediate_size: 5632,
    num_hidden_layers: 22,
    num_attention_heads: 32,
    num_key_value_heads: 4,
    vocab_size: 32000,
    max_position_embeddings: 2048,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    tie_word_embeddings: false,
  },
  'Llama-3.1-8B': {
    ...LLAMA,
    hidden_size: 4096,
    intermediate_size: 14336,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    vocab_size: 128256,
    max_position_embeddings: 131072,
    rms_norm_eps: 1e-5,
    rope_theta: 500000,
    tie_word_embeddings: false,
  },
};

const headDim = ({ hidden_size, num_attention_heads }) => hidden_size / num_attention_heads;

/** Linear products as [outputs, inputs, how often]. */
export function productsOf(config) {
  const {
    hidden_size: hidden,
    intermediate_size: inner,
    num_hidden_layers: layers,
    num_key_value_heads: groups,
    vocab_size: vocab,
  } = config;
  const keys = groups * headDim(config);
  return [
    [hidden, hidden, 2 * layers],
    [keys, hidden, 2 * layers],
    [inner, hidden, 2 * layers],
    [hidden, inner, layers],
    [vocab, hidden, 1],
  ];
}

const layerParameters = (config) =>
  productsOf({ ...config, num_hidden_layers: 1, vocab_size: 0 }).reduce(
    (sum, [outputs, inputs, times]) => sum + outputs * inputs * times,
    2 * config.hidden_size,
  );
const outerParameters = ({ hidden_size, vocab_size, tie_word_embeddings }) =>
  vocab_size * hidden_size * (tie_word_embeddings ? 1 : 2) + hidden_size;
export const parameterCount = (config) => outerParameters(config) + config.num_hidden_layers * layerParameters(config);

/** How many of its layers can be trained in so many bytes, at 18 a weight in bfloat16 and with a share left for activations. */
export function layersThatFit(config, bytes) {
  const weights = (0.85 * bytes) / 18;
  return Math.max(0, Math.min(config.num_hidden_layers, Math.floor((weights - outerParameters(config)) / layerParameters(config))));
}

/**
 * A model of this shape with random weights. Its file is a hole (no byte of it is on the disk) that reads as zeros; the device itself
 * draws the numbers into the parameters.
 */
export async function randomModel(config, options) {
  const folder = mkdtempSync(join(tmpdir(), 'hyperfit-shape-'));
  try {
    writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
    writeHollowFile(join(folder, 'model.safetensors'), parameterShapes(config));
    const model = await Model.load(folder, options);
    drawWeights(model);
    return model;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function parameterShapes(config) {
  const {
    hidden_size: hidden,
    intermediate_size: inner,
    num_hidden_layers: layers,
    num_key_value_heads: groups,
    vocab_size: vocab,
    tie_word_embeddings: tied,
  } = config;
  const keys = groups * headDim(config);
  const layer = {
    'self_attn.q_proj': [hidden, hidden],
    'self_attn.k_proj': [keys, hidden],
    'self_attn.v_proj': [keys, hidden],
    'self_attn.o_proj': [hidden, hidden],
    'mlp.gate_proj': [inner, hidden],
    'mlp.up_proj': [inner, hidden],
    'mlp.down_proj': [hidden, inner],
    input_layernorm: [hidden],
    post_attention_layernorm: [hidden],
  };
  return [
    ['model.embed_tokens.weight', [vocab, hidden]],
    ...Array.from({ length: layers }, (_, n) =>
      Object.entries(layer).map(([name, shape]) => [`model.layers.${n}.${name}.weight`, shape]),
    ).flat(),
    ['model.norm.weight', [hidden]],
    ...(tied ? [] : [['lm_head.weight', [vocab, hidden]]]),
  ];
}

function writeHollowFile(path, shapes) {
  const header = {};
  let end = 0;
  for (const [name, shape] of shapes) {
    const begin = end;
    end += 2 * shape.reduce((product, size) => product * size, 1);
    header[name] = { dtype: 'BF16', shape, data_offsets: [begin, end] };
  }
  const text = Buffer.from(JSON.stringify(header));
  const start = Buffer.alloc(8);
  start.writeBigUInt64LE(BigInt(text.length));
  const file = openSync(path, 'wx');
  writeSync(file, Buffer.concat([start, text]));
  ftruncateSync(file, 8 + text.length + end);
  closeSync(file);
}

/** As transformers draws them: N(0, 0.02), norms one. */
function drawWeights(model) {
  torch.manualSeed(1);
  for (const tensor of model.parameters().values()) {
    noGrad(() => (tensor.shape.length === 1 ? tensor.fill_(1) : torch.call('aten::normal_', [tensor, 0, 0.02]).dispose?.()));
    tensor.dispose();
  }
}
