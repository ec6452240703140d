import type { ModelConfig, TensorSource } from '../addon-types.ts';
import type { GgufTensor } from './gguf.ts';

/** Names of llama.cpp's architecture `llama` -> Hugging Face's. */
const WHOLE_NAMES = new Map([
  ['token_embd.weight', 'model.embed_tokens.weight'],
  ['output_norm.weight', 'model.norm.weight'],
  ['output.weight', 'lm_head.weight'],
]);
const LAYER_NAMES = new Map([
  ['attn_norm', 'input_layernorm'],
  ['attn_q', 'self_attn.q_proj'],
  ['attn_k', 'self_attn.k_proj'],
  ['attn_v', 'self_attn.v_proj'],
  ['attn_output', 'self_attn.o_proj'],
  ['ffn_norm', 'post_attention_layernorm'],
  ['ffn_gate', 'mlp.gate_proj'],
  ['ffn_up', 'mlp.up_proj'],
  ['ffn_down', 'mlp.down_proj'],
]);
/** Frequencies that the configuration says already (`gguf-rope.ts` reads it). */
export const ROPE_FREQUENCIES = 'rope_freqs.weight';

/**
 * Where each tensor of a llama GGUF stands, under Hugging Face's names. Query and key rows are interleaved per head in
 * such files; `ropeHeads` says how many heads to put back in order. Names that are not known stay as they are.
 */
export function ggufSources(path: string, tensors: readonly GgufTensor[], config: ModelConfig): TensorSource[] {
  return tensors
    .filter(({ name }) => name !== ROPE_FREQUENCIES)
    .map((tensor) => ({ ...tensor, name: huggingFaceName(tensor.name), path, ropeHeads: ropeHeadsOf(tensor.name, config) }));
}

function huggingFaceName(name: string): string {
  const whole = WHOLE_NAMES.get(name);
  if (whole !== undefined) return whole;
  const [, layer, part, kind] = /^blk\.(\d+)\.([a-z_]+)\.(weight|bias)$/.exec(name) ?? [];
  const known = part === undefined ? undefined : LAYER_NAMES.get(part);
  return known === undefined ? name : `model.layers.${layer}.${known}.${kind}`;
}

function ropeHeadsOf(name: string, config: ModelConfig): number {
  if (/\.attn_q\.(weight|bias)$/.test(name)) return config.numAttentionHeads;
  if (/\.attn_k\.(weight|bias)$/.test(name)) return config.numKeyValueHeads;
  return 0;
}
