import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { makeRandom } from './batches.ts';

/** Random small models as Hugging Face folders, so that combinations nobody thought of meet the oracle too. */

export interface RandomConfig {
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
  /** 0 is none; a window makes the architecture Mistral's, which has no biases. */
  slidingWindow: number;
  rope: 'default' | 'linear' | 'llama3';
  /** Default 64. */
  positions?: number;
}

const ROPES = {
  default: { rope_theta: 10000 },
  linear: { rope_theta: 500, rope_scaling: { rope_type: 'linear', factor: 3 } },
  llama3: { rope_theta: 20000, rope_scaling: { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 32 } },
} as const;

/** Writes the folder and gives its path. */
export function writeRandomModel(config: RandomConfig, seed: number): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'hyperfit-random-model-'));
  writeFileSync(path.join(folder, 'config.json'), JSON.stringify(configJson(config)));
  writeFileSync(path.join(folder, 'model.safetensors'), safetensors(parameterShapes(config), seed));
  return folder;
}

function configJson(config: RandomConfig): object {
  const mistral = config.slidingWindow > 0;
  return {
    model_type: mistral ? 'mistral' : 'llama', architectures: [mistral ? 'MistralForCausalLM' : 'LlamaForCausalLM'],
    vocab_size: config.vocabSize, hidden_size: config.hiddenSize, intermediate_size: config.intermediateSize, num_hidden_layers: config.layers,
    num_attention_heads: config.heads, num_key_value_heads: config.keyValueHeads, head_dim: config.headDim, max_position_embeddings: config.positions ?? 64,
    rms_norm_eps: 1e-5, tie_word_embeddings: config.tied, attention_bias: config.attentionBias, mlp_bias: config.mlpBias, hidden_act: 'silu',
    sliding_window: mistral ? config.slidingWindow : null, bos_token_id: 1, eos_token_id: 2, torch_dtype: 'float32', ...ROPES[config.rope],
  };
}

function parameterShapes(config: RandomConfig): [string, number[]][] {
  const { hiddenSize: C, intermediateSize: I, vocabSize: V, headDim: D, heads, keyValueHeads } = config;
  const linear = (name: string, out: number, into: number, bias: boolean): [string, number[]][] =>
    [[`${name}.weight`, [out, into]], ...(bias ? [[`${name}.bias`, [out]] as [string, number[]]] : [])];
  const layers = Array.from({ length: config.layers }, (_, index): [string, number[]][] => {
    const prefix = `model.layers.${index}`;
    const attention = (name: string, out: number, into: number): [string, number[]][] => linear(`${prefix}.self_attn.${name}`, out, into, config.attentionBias);
    const mlp = (name: string, out: number, into: number): [string, number[]][] => linear(`${prefix}.mlp.${name}`, out, into, config.mlpBias);
    return [
      ...attention('q_proj', heads * D, C), ...attention('k_proj', keyValueHeads * D, C), ...attention('v_proj', keyValueHeads * D, C), ...attention('o_proj', C, heads * D),
      ...mlp('gate_proj', I, C), ...mlp('up_proj', I, C), ...mlp('down_proj', C, I),
      [`${prefix}.input_layernorm.weight`, [C]], [`${prefix}.post_attention_layernorm.weight`, [C]],
    ];
  });
  const head: [string, number[]][] = config.tied ? [] : [['lm_head.weight', [V, C]]];
  return [['model.embed_tokens.weight', [V, C]], ...layers.flat(), ['model.norm.weight', [C]], ...head];
}

function safetensors(shapes: [string, number[]][], seed: number): Uint8Array {
  const random = makeRandom(seed);
  const header: Record<string, object> = {};
  const values: number[] = [];
  for (const [name, shape] of shapes) {
    const count = shape.reduce((product, size) => product * size, 1);
    header[name] = { dtype: 'F32', shape, data_offsets: [values.length * 4, (values.length + count) * 4] };
    const center = name.includes('norm') ? 1 : 0;
    for (let i = 0; i < count; i++) values.push(center + 0.6 * (random() - 0.5));
  }
  const text = JSON.stringify(header);
  const json = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8, ' '));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, Buffer.from(Float32Array.from(values).buffer)]);
}
