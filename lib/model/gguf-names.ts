import type { ModelConfig, TensorSource } from '../addon-types.ts';
import type { GgufTensor } from './gguf.ts';

/** How llama.cpp's converter lays out the weights of an architecture. */
export interface GgufLayout {
  /** Names outside the layers -> Hugging Face's. */
  whole: ReadonlyMap<string, string>;
  /** `blk.N.<name>` -> what follows the layer's number in Hugging Face's names. */
  layer: ReadonlyMap<string, string>;
  /** What stands before that number. */
  layers: string;
  /** Query and key rows are interleaved per head. */
  interleavesRotaryRows: boolean;
  /** Weights of norms are stored as 1 + w. */
  addsOneToNorms: boolean;
  /** Stored [out, in], while Hugging Face's Conv1D has [in, out]. */
  transposed: readonly string[];
}

/** Frequencies that the configuration says already (`gguf-rope.ts` reads it). */
export const ROPE_FREQUENCIES = 'rope_freqs.weight';

const WHOLE = { token_embd: 'model.embed_tokens', output_norm: 'model.norm', output: 'lm_head' };
const LAYER = {
  attn_norm: 'input_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  ffn_norm: 'post_attention_layernorm',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
};
const QK_NORMS = { attn_q_norm: 'self_attn.q_norm', attn_k_norm: 'self_attn.k_norm' };
const GEMMA_NORMS = {
  post_attention_norm: 'post_attention_layernorm',
  ffn_norm: 'pre_feedforward_layernorm',
  post_ffw_norm: 'post_feedforward_layernorm',
};
const GPT2_WHOLE = { token_embd: 'transformer.wte', position_embd: 'transformer.wpe', output_norm: 'transformer.ln_f', output: 'lm_head' };
const GPT2_LAYER = {
  attn_norm: 'ln_1',
  attn_qkv: 'attn.c_attn',
  attn_output: 'attn.c_proj',
  ffn_norm: 'ln_2',
  ffn_up: 'mlp.c_fc',
  ffn_down: 'mlp.c_proj',
};

function layout(whole: Record<string, string>, layer: Record<string, string>, differences: Partial<GgufLayout> = {}): GgufLayout {
  return {
    whole: new Map(Object.entries(whole)),
    layer: new Map(Object.entries(layer)),
    layers: 'model.layers',
    interleavesRotaryRows: false,
    addsOneToNorms: false,
    transposed: [],
    ...differences,
  };
}

export const LLAMA_LAYOUT = layout(WHOLE, LAYER, { interleavesRotaryRows: true });
export const QWEN_LAYOUT = layout(WHOLE, { ...LAYER, ...QK_NORMS });
export const GEMMA_LAYOUT = layout(WHOLE, { ...LAYER, ...QK_NORMS, ...GEMMA_NORMS }, { addsOneToNorms: true });
export const GPT2_LAYOUT = layout(GPT2_WHOLE, GPT2_LAYER, {
  layers: 'transformer.h',
  transposed: ['attn_qkv', 'attn_output', 'ffn_up', 'ffn_down'],
});

/**
 * Where each tensor of a GGUF file stands, under Hugging Face's names, and what makes Hugging Face's numbers of it. Names
 * that are not known stay as they are.
 */
export function ggufSources(tensors: readonly GgufTensor[], config: ModelConfig, names: GgufLayout): TensorSource[] {
  return tensors.filter(({ name }) => name !== ROPE_FREQUENCIES).map((tensor) => toSource(tensor, config, names));
}

function toSource(tensor: GgufTensor, config: ModelConfig, names: GgufLayout): TensorSource {
  const [, layer, part = '', kind] = /^(?:blk\.(\d+)\.)?([a-z_]+)\.(weight|bias)$/.exec(tensor.name) ?? [];
  const known = layer === undefined ? names.whole.get(part) : names.layer.get(part);
  if (known === undefined) return { ...tensor };
  return {
    ...tensor,
    name: `${layer === undefined ? known : `${names.layers}.${layer}.${known}`}.${kind}`,
    ropeHeads: names.interleavesRotaryRows ? ropeHeadsOf(part, config) : 0,
    add: names.addsOneToNorms && part.endsWith('_norm') ? -1 : 0,
    transposed: kind === 'weight' && names.transposed.includes(part),
  };
}

/** How many heads the rows of a part of attention make that are turned; 0 for other parts. */
export function ropeHeadsOf(part: string, config: ModelConfig): number {
  if (part === 'attn_q') return config.numAttentionHeads;
  return part === 'attn_k' ? config.numKeyValueHeads : 0;
}
