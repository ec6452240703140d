import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readConfigJson } from '../../lib/model/config.ts';
import { expectedParameters } from '../../lib/model/parameters.ts';
import { makeRandom } from './batches.ts';

/** Random small models as Hugging Face folders, so that combinations nobody thought of meet the oracle too. */

export interface RandomConfig {
  family: keyof typeof FAMILIES;
  heads: number;
  keyValueHeads: number;
  headDim: number;
  hiddenSize: number;
  intermediateSize: number;
  layers: number;
  vocabSize: number;
  attentionBias: boolean;
  mlpBias: boolean;
  tied: boolean;
  /** Of the families whose embedding knows it; null for none. */
  padding?: number | null;
  /** Of the families and layers that have one; 0 is none. */
  slidingWindow: number;
  /** Default 64. */
  positions?: number;
  rope: keyof typeof ROPES;
  /** Of Gemma; 0 is none. */
  softcap: number;
  /** Of GPT-2 and ImageGPT. */
  activation: 'gelu_new' | 'gelu' | 'quick_gelu' | 'silu';
}

const ROPES = {
  default: { rope_theta: 10000 },
  linear: { rope_theta: 500, rope_scaling: { rope_type: 'linear', factor: 3 } },
  llama3: {
    rope_theta: 20000,
    rope_scaling: { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 32 },
  },
  yarn: { rope_theta: 3000, rope_scaling: { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 16 } },
} as const;

/** What each family's config.json says beside the sizes. */
const FAMILIES = {
  llama: ({ attentionBias, mlpBias, rope }) => ({ hidden_act: 'silu', attention_bias: attentionBias, mlp_bias: mlpBias, ...ROPES[rope] }),
  mistral: ({ slidingWindow }) => ({ hidden_act: 'silu', sliding_window: slidingWindow || null }),
  qwen2: ({ slidingWindow }) => ({
    hidden_act: 'silu',
    use_sliding_window: slidingWindow > 0,
    sliding_window: slidingWindow || null,
    max_window_layers: 1,
  }),
  qwen3: ({ attentionBias }) => ({ hidden_act: 'silu', attention_bias: attentionBias }),
  smollm3: ({ attentionBias, mlpBias }) => ({
    hidden_act: 'silu',
    attention_bias: attentionBias,
    mlp_bias: mlpBias,
    no_rope_layer_interval: 2,
  }),
  gemma2: (config) => ({ ...gemma(config), attn_logit_softcapping: config.softcap || null }),
  gemma3_text: (config) => ({ ...gemma(config), rope_theta: 1e6, rope_local_base_freq: 500, sliding_window_pattern: 2 }),
  gpt2: ({ activation }) => ({ activation_function: activation }),
  imagegpt: ({ activation }) => ({ activation_function: activation, tie_word_embeddings: false }),
} satisfies Record<string, (config: RandomConfig) => object>;

function gemma({ attentionBias, slidingWindow, softcap, headDim }: RandomConfig): object {
  return {
    hidden_activation: 'gelu_pytorch_tanh',
    attention_bias: attentionBias,
    sliding_window: slidingWindow || 64,
    final_logit_softcapping: softcap || null,
    query_pre_attn_scalar: headDim + 3,
  };
}

export const FAMILY_NAMES = Object.keys(FAMILIES) as (keyof typeof FAMILIES)[];

/** Writes the folder and gives its path. */
export function writeRandomModel(config: RandomConfig, seed: number): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'hyperfit-random-model-'));
  const json = {
    model_type: config.family,
    ...sizes(config),
    bos_token_id: 1,
    eos_token_id: 2,
    pad_token_id: config.padding ?? null,
    torch_dtype: 'float32',
    ...FAMILIES[config.family](config),
  };
  const settings = readConfigJson(json, folder);
  writeFileSync(path.join(folder, 'config.json'), JSON.stringify(json));
  writeFileSync(path.join(folder, 'model.safetensors'), safetensors(expectedParameters(settings), settings.normOffset ? 0 : 1, seed));
  return folder;
}

function sizes(config: RandomConfig): object {
  const { family, heads, hiddenSize, intermediateSize, layers, vocabSize, tied } = config;
  const shared = { vocab_size: vocabSize, tie_word_embeddings: tied };
  if (family === 'gpt2' || family === 'imagegpt')
    return {
      ...shared,
      n_embd: hiddenSize,
      n_head: heads,
      n_layer: layers,
      n_inner: intermediateSize,
      n_positions: config.positions ?? 64,
      layer_norm_epsilon: 1e-5,
    };
  return {
    ...shared,
    hidden_size: hiddenSize,
    intermediate_size: intermediateSize,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: config.keyValueHeads,
    head_dim: config.headDim,
    max_position_embeddings: config.positions ?? 64,
    rms_norm_eps: 1e-5,
  };
}

/** Everything within 0.3 of zero, but what scales a norm of `normCenter`. */
function safetensors(shapes: ReadonlyMap<string, readonly number[]>, normCenter: number, seed: number): Uint8Array {
  const random = makeRandom(seed);
  const header: Record<string, object> = {};
  const values: number[] = [];
  for (const [name, shape] of shapes) {
    const count = shape.reduce((product, size) => product * size, 1);
    header[name] = { dtype: 'F32', shape, data_offsets: [values.length * 4, (values.length + count) * 4] };
    const scalesNorm = shape.length === 1 && name.endsWith('.weight');
    for (let i = 0; i < count; i++) values.push((scalesNorm ? normCenter : 0) + 0.6 * (random() - 0.5));
  }
  const text = JSON.stringify(header);
  const json = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8, ' '));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, Buffer.from(Float32Array.from(values).buffer)]);
}
