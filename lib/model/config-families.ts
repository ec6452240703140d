/**
 * What hyperfit knows of each family's config.json. Every key is one that is read, one whose value must be as given
 * because another would change the computation, or one that changes nothing; any other key is refused by name.
 */
export interface ConfigFamily {
  modelType: string;
  architecture: string;
  /** What Hugging Face assumes where config.json is silent. */
  defaults: Readonly<Record<string, unknown>>;
  /** Read into ModelConfig. */
  read: readonly string[];
  /** Key -> the values under which the computation is ours. An absent key and null are always fine. */
  required: Readonly<Record<string, readonly unknown[]>>;
}

const DECODER_KEYS = [
  'vocab_size', 'hidden_size', 'intermediate_size', 'num_hidden_layers', 'num_attention_heads', 'num_key_value_heads', 'head_dim',
  'max_position_embeddings', 'rms_norm_eps', 'rope_theta', 'rope_scaling', 'rope_parameters', 'tie_word_embeddings',
];

const REQUIRED = {
  hidden_act: ['silu', 'swish'],
  partial_rotary_factor: [1],
  rope_interleaved: [false],
  is_encoder_decoder: [false],
  add_cross_attention: [false],
  cross_attention_hidden_size: [],
  is_llama_config: [true],
  quantization_config: [],
  pruned_heads: [{}],
  use_bfloat16: [false],
  auto_map: [],
  layer_types: [],
};

export const LLAMA: ConfigFamily = {
  modelType: 'llama',
  architecture: 'LlamaForCausalLM',
  defaults: { max_position_embeddings: 2048, rms_norm_eps: 1e-6, tie_word_embeddings: false, attention_bias: false, mlp_bias: false },
  read: [...DECODER_KEYS, 'attention_bias', 'mlp_bias'],
  required: { ...REQUIRED, sliding_window: [0], use_sliding_window: [false] },
};

export const MISTRAL: ConfigFamily = {
  modelType: 'mistral',
  architecture: 'MistralForCausalLM',
  defaults: { max_position_embeddings: 131072, rms_norm_eps: 1e-6, tie_word_embeddings: false, num_key_value_heads: 8, sliding_window: 4096 },
  read: [...DECODER_KEYS, 'sliding_window', 'use_sliding_window'],
  required: { ...REQUIRED, attention_bias: [false], mlp_bias: [false] },
};

export const FAMILIES: readonly ConfigFamily[] = [LLAMA, MISTRAL];

/**
 * Keys that change neither the forward pass nor the gradients. Dropouts are among them: hyperfit trains without. So is
 * `pretraining_tp`, which only splits the same matrix products, and the generation settings of old files.
 */
export const HARMLESS_KEYS: ReadonlySet<string> = new Set([
  'model_type', 'architectures', 'torch_dtype', 'dtype', 'transformers_version', '_name_or_path', 'name_or_path', 'transformers.js_config',
  'bos_token_id', 'eos_token_id', 'pad_token_id', 'unk_token_id', 'sep_token_id', 'decoder_start_token_id', 'use_cache', 'initializer_range',
  'attention_dropout', 'hidden_dropout', 'resid_pdrop', 'embd_pdrop', 'pretraining_tp', 'max_window_layers', 'original_max_position_embeddings',
  '_attn_implementation', '_attn_implementation_autoset', '_attn_implementation_internal', 'attn_implementation', '_flash_attn_2_enabled',
  '_experts_implementation', '_commit_hash', 'chunk_size_feed_forward', 'finetuning_task', 'id2label', 'label2id', 'problem_type', 'return_dict',
  'return_dict_in_generate', 'output_attentions', 'output_hidden_states', 'output_scores', 'torchscript', 'tf_legacy_loss', 'is_decoder',
  'tie_encoder_decoder', 'tokenizer_class', 'task_specific_params', 'prefix', 'gradient_checkpointing', 'bad_words_ids', 'begin_suppress_tokens',
  'suppress_tokens', 'forced_bos_token_id', 'forced_eos_token_id', 'exponential_decay_length_penalty', 'remove_invalid_values', 'max_length',
  'min_length', 'do_sample', 'early_stopping', 'num_beams', 'num_beam_groups', 'diversity_penalty', 'temperature', 'top_k', 'top_p', 'typical_p',
  'repetition_penalty', 'length_penalty', 'no_repeat_ngram_size', 'encoder_no_repeat_ngram_size', 'num_return_sequences', 'unsloth_fixed',
  'unsloth_version', 'keys_to_ignore_at_inference',
]);

export function supportedFamilies(): string {
  return FAMILIES.map(({ modelType, architecture }) => `${modelType} (${architecture})`).join(', ');
}
