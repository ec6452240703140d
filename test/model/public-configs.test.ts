import { readConfigJson } from '../../lib/model/config.ts';
import type { JsonObject } from '../../lib/model/json.ts';

/** config.json of models that people bring, with the keys that their files carry beside the sizes. */

const GPT2: JsonObject = {
  activation_function: 'gelu_new', architectures: ['GPT2LMHeadModel'], attn_pdrop: 0.1, bos_token_id: 50256, embd_pdrop: 0.1, eos_token_id: 50256, initializer_range: 0.02, layer_norm_epsilon: 1e-5,
  model_type: 'gpt2', n_ctx: 1024, n_embd: 768, n_head: 12, n_layer: 12, n_positions: 1024, resid_pdrop: 0.1, summary_activation: null, summary_first_dropout: 0.1, summary_proj_to_labels: true,
  summary_type: 'cls_index', summary_use_proj: true, task_specific_params: { 'text-generation': { do_sample: true, max_length: 50 } }, vocab_size: 50257,
};
const LLAMA: JsonObject = {
  architectures: ['LlamaForCausalLM'], bos_token_id: 1, eos_token_id: 2, hidden_act: 'silu', hidden_size: 4096, initializer_range: 0.02, intermediate_size: 11008, max_position_embeddings: 4096,
  model_type: 'llama', num_attention_heads: 32, num_hidden_layers: 32, num_key_value_heads: 32, rms_norm_eps: 1e-6, rope_scaling: null, tie_word_embeddings: false, torch_dtype: 'bfloat16',
  transformers_version: '4.33.1', use_cache: true, vocab_size: 102400,
};
const QWEN: JsonObject = { ...LLAMA, model_type: 'qwen2', architectures: ['Qwen2ForCausalLM'], sliding_window: 32768, use_sliding_window: false, max_window_layers: 21, attention_dropout: 0, rope_theta: 1e6 };
const LLAMA3_ROPE = { factor: 32, high_freq_factor: 4, low_freq_factor: 1, original_max_position_embeddings: 8192, rope_type: 'llama3' };
const GEMMA: JsonObject = {
  attention_bias: false, attention_dropout: 0, bos_token_id: 2, cache_implementation: 'hybrid', eos_token_id: 1, head_dim: 256, hidden_act: 'gelu_pytorch_tanh', hidden_activation: 'gelu_pytorch_tanh',
  hidden_size: 2304, initializer_range: 0.02, intermediate_size: 9216, max_position_embeddings: 8192, num_attention_heads: 8, num_hidden_layers: 26, num_key_value_heads: 4, pad_token_id: 0,
  query_pre_attn_scalar: 256, rms_norm_eps: 1e-6, rope_theta: 10000, sliding_window: 4096, torch_dtype: 'bfloat16', transformers_version: '4.42.4', use_cache: true, vocab_size: 256000,
};
const GEMMA3: JsonObject = {
  ...GEMMA, architectures: ['Gemma3ForCausalLM'], model_type: 'gemma3_text', attn_logit_softcapping: null, final_logit_softcapping: null, rope_local_base_freq: 10000, rope_theta: 1e6, sliding_window: 512,
};

const CONFIGS: Record<string, JsonObject> = {
  distilgpt2: { ...GPT2, _num_labels: 1, n_layer: 6, id2label: { 0: 'LABEL_0' }, label2id: { LABEL_0: 0 } },
  'gpt2 of 2019': { ...GPT2, output_past: true, output_attentions: false, output_hidden_states: false, torchscript: false, pruned_heads: {}, use_bfloat16: false, finetuning_task: null, num_labels: 1, xla_device: null, predict_special_tokens: true, n_special: 0 },
  'gpt2-large': { ...GPT2, n_embd: 1280, n_head: 20, n_layer: 36, reorder_and_upcast_attn: false, scale_attn_by_inverse_layer_idx: false, scale_attn_weights: true, gradient_checkpointing: false, use_cache: true },
  'DialoGPT': { ...GPT2, n_embd: 1024, n_head: 16, n_layer: 24, task_specific_params: { conversational: { max_length: 1000 } } },
  'TinyLlama': { ...LLAMA, hidden_size: 2048, intermediate_size: 5632, num_hidden_layers: 22, num_key_value_heads: 4, max_position_embeddings: 2048, vocab_size: 32000, pretraining_tp: 1, attention_bias: false, rope_theta: 10000, rms_norm_eps: 1e-5 },
  'Llama 1, converted early': { ...LLAMA, architectures: ['LLaMAForCausalLM', 'LlamaForCausalLM'], max_sequence_length: 2048, pad_token_id: -1, vocab_size: 32000, num_key_value_heads: undefined, max_position_embeddings: undefined },
  'Llama 2': { ...LLAMA, _name_or_path: 'meta-llama/Llama-2-7b-hf', pretraining_tp: 1, vocab_size: 32000 },
  'Llama 3.2': { ...LLAMA, attention_bias: false, attention_dropout: 0, eos_token_id: [128001, 128008, 128009], head_dim: 64, hidden_size: 2048, num_key_value_heads: 8, max_position_embeddings: 131072, mlp_bias: false, pretraining_tp: 1, rope_scaling: LLAMA3_ROPE, rope_theta: 5e5, tie_word_embeddings: true, vocab_size: 128256 },
  'of Unsloth': { ...LLAMA, rope_scaling: LLAMA3_ROPE, rope_theta: 5e5, unsloth_fixed: true, unsloth_version: '2025.1.1', unsloth_tiled_mlp: false, neftune_noise_alpha: 5, pad_token_id: 128004 },
  'a fine-tune': { ...LLAMA, neftune_noise_alpha: null, internal_version: 2, gradient_checkpointing: false, max_seq_length: 4096, model_max_length: 4096, tokenizer_class: 'LlamaTokenizer', base_model_name_or_path: 'x', _flash_attn_2_enabled: true, loss_type: 'ForCausalLM', problem_type: null, is_decoder: true },
  'SmolLM2': { ...LLAMA, is_llama_config: true, rope_interleaved: false, rope_theta: 1e5, 'transformers.js_config': { kv_cache_dtype: {} }, tie_word_embeddings: true, hidden_size: 576, num_attention_heads: 9, num_key_value_heads: 3, pad_token_id: 2 },
  'DeepSeek-LLM': { ...LLAMA, bos_token_id: 100000, eos_token_id: 100001, pretraining_tp: 1, rope_theta: 10000 },
  'DeepSeek-Coder': { ...LLAMA, rope_scaling: { factor: 4, type: 'linear' }, rope_theta: 1e5, max_position_embeddings: 16384, vocab_size: 32256 },
  'DeepSeek-R1-Distill-Qwen': { ...QWEN, use_mrope: false, bos_token_id: 151643, eos_token_id: 151643, rope_theta: 10000 },
  'Mistral 0.1': { ...LLAMA, model_type: 'mistral', architectures: ['MistralForCausalLM'], sliding_window: 4096, num_key_value_heads: 8, rope_theta: 10000, intermediate_size: 14336 },
  'Mistral 0.3': { ...LLAMA, model_type: 'mistral', architectures: ['MistralForCausalLM'], sliding_window: null, num_key_value_heads: 8, rope_theta: 1e6, attention_dropout: 0 },
  'Qwen2.5': QWEN,
  'Qwen2.5 with YaRN': { ...QWEN, rope_scaling: { factor: 4, original_max_position_embeddings: 32768, type: 'yarn' } },
  'Qwen3': { ...QWEN, model_type: 'qwen3', architectures: ['Qwen3ForCausalLM'], attention_bias: false, head_dim: 128, sliding_window: null, max_window_layers: 28, tie_word_embeddings: true },
  'SmolLM3': { ...QWEN, model_type: 'smollm3', architectures: ['SmolLM3ForCausalLM'], attention_bias: false, mlp_bias: false, layer_types: Array.from({ length: 32 }, () => 'full_attention'), no_rope_layer_interval: 4, no_rope_layers: Array.from({ length: 32 }, (_, layer) => Number((layer + 1) % 4 !== 0)), pretraining_tp: 2, sliding_window: null, max_window_layers: 28, num_key_value_heads: 4 },
  'Gemma 2': { ...GEMMA, architectures: ['Gemma2ForCausalLM'], model_type: 'gemma2', attn_logit_softcapping: 50, final_logit_softcapping: 30, sliding_window_size: 4096, _attn_implementation: 'eager' },
  'Gemma 3 1B': { ...GEMMA3, sliding_window_pattern: 6, rope_scaling: null, vocab_size: 262144 },
  'Gemma 3 270M': { ...GEMMA3, _sliding_window_pattern: 6, layer_types: Array.from({ length: 26 }, (_, layer) => ((layer + 1) % 6 === 0 ? 'full_attention' : 'sliding_attention')), use_bidirectional_attention: false, dtype: 'bfloat16' },
  'Gemma 3 4B, its text half': {
    architectures: ['Gemma3ForConditionalGeneration'], model_type: 'gemma3', boi_token_index: 255999, eoi_token_index: 256000, eos_token_id: [1, 106], image_token_index: 262144, initializer_range: 0.02, mm_tokens_per_image: 256,
    torch_dtype: 'bfloat16', transformers_version: '4.50.0.dev0', vision_config: { model_type: 'siglip_vision_model' },
    text_config: { hidden_size: 2560, intermediate_size: 10240, model_type: 'gemma3_text', num_hidden_layers: 34, rope_scaling: { factor: 8, rope_type: 'linear' }, sliding_window: 1024 },
  },
};

describe('A config.json of', () => {
  test.each(Object.keys(CONFIGS))('%s is read, with nothing to say about it', (name) => {
    const config = Object.fromEntries(Object.entries(CONFIGS[name]!).filter(([, value]) => value !== undefined));
    const notes: string[] = [];
    expect(readConfigJson(config, 'config.json', (note) => notes.push(note)).hiddenSize).toBeGreaterThan(100);
    expect(notes).toEqual([]);
  });

  test.each<[string, JsonObject, RegExp]>([
    ['a GPTQ file', { ...LLAMA, quantization_config: { bits: 4, quant_method: 'gptq' } }, /`quantization_config` \{"bits":4,"quant_method":"gptq"\}/],
    ['a model with code of its own', { ...LLAMA, auto_map: { AutoModelForCausalLM: 'modeling_x.X' } }, /`auto_map`/],
    ['a mixture of experts', { ...LLAMA, num_local_experts: 8, num_experts_per_tok: 2 }, /`num_local_experts` 8, `num_experts_per_tok` 2/],
    ['Granite, which multiplies', { ...LLAMA, logits_scaling: 8, residual_multiplier: 0.22 }, /`logits_scaling` 8, `residual_multiplier` 0.22/],
    ['another loss', { ...LLAMA, loss_type: 'ForSequenceClassification' }, /`loss_type`/],
    ['layers that differ', { ...LLAMA, per_layer_config: { 0: { hidden_size: 3 } } }, /`per_layer_config`/],
  ])('%s is refused by the key that matters', (_, config, message) => {
    expect(() => readConfigJson(config, 'config.json')).toThrow(expect.objectContaining({ code: 'ERR_UNSUPPORTED_MODEL', message: expect.stringMatching(message) }));
  });
});
