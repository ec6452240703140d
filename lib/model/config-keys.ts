import { QUANTIZE_KEY } from './quantize-key.ts';

/**
 * Keys of config.json that change neither the forward pass nor the gradients. Dropouts are among them: hyperfit trains
 * without. So is `pretraining_tp`, which only splits the same matrix products, `reorder_and_upcast_attn`, which says
 * nothing in float32, lengths and names that no model class reads, and the generation settings of old files.
 */
const HARMLESS_KEYS: ReadonlySet<string> = new Set([
  QUANTIZE_KEY,
  'model_type', 'architectures', 'torch_dtype', 'dtype', 'transformers_version', '_name_or_path', 'name_or_path', 'transformers.js_config', '_commit_hash',
  'use_cache', 'pretraining_tp', 'max_window_layers', 'original_max_position_embeddings', 'reorder_and_upcast_attn', 'cache_implementation', 'gradient_checkpointing',
  // Tokens.
  'bos_token_id', 'eos_token_id', 'pad_token_id', 'unk_token_id', 'sep_token_id', 'cls_token_id', 'mask_token_id', 'decoder_start_token_id', 'bos_token_ids', 'eos_token_ids',
  'pad_token_ids', 'bos_token', 'eos_token', 'pad_token', 'unk_token', 'tokenizer_class', 'tokenizer_name', 'prefix',
  // Lengths that are hints.
  'n_ctx', 'max_sequence_length', 'max_seq_len', 'max_seq_length', 'seq_length', 'model_max_length', 'sliding_window_size',
  // Training.
  'initializer_range', 'initializer_factor', 'attention_dropout', 'hidden_dropout', 'resid_pdrop', 'embd_pdrop', 'attn_pdrop', 'hidden_dropout_prob', 'attention_probs_dropout_prob',
  'resid_dropout', 'embedding_dropout', 'embd_dropout', 'classifier_dropout', 'neftune_noise_alpha', 'label_smoothing', 'z_loss', 'use_flash_attention', 'use_flash_attention_2',
  // Classifiers, and what transformers keeps for itself.
  'id2label', 'label2id', 'num_labels', '_num_labels', 'problem_type', 'finetuning_task', 'task_specific_params', 'keys_to_ignore_at_inference', 'chunk_size_feed_forward',
  'return_dict', 'return_dict_in_generate', 'output_attentions', 'output_hidden_states', 'output_scores', 'output_past', 'output_logits', 'torchscript', 'tf_legacy_loss',
  'is_decoder', 'tie_encoder_decoder', 'xla_device', 'internal_version', 'predict_special_tokens', 'n_special', 'base_model_name_or_path', 'model_name', 'license',
  'attn_implementation', '_flash_attn_2_enabled', 'base_model_tp_plan', 'base_model_pp_plan', 'tp_plan', '_from_model_config', 'onnx_export', 'torch_compile',
  // Generation.
  'bad_words_ids', 'begin_suppress_tokens', 'suppress_tokens', 'forced_bos_token_id', 'forced_eos_token_id', 'exponential_decay_length_penalty', 'remove_invalid_values',
  'max_length', 'max_new_tokens', 'min_length', 'min_new_tokens', 'do_sample', 'early_stopping', 'num_beams', 'num_beam_groups', 'diversity_penalty', 'temperature', 'top_k', 'top_p',
  'min_p', 'typical_p', 'epsilon_cutoff', 'eta_cutoff', 'repetition_penalty', 'length_penalty', 'no_repeat_ngram_size', 'encoder_no_repeat_ngram_size', 'num_return_sequences',
  'renormalize_logits', 'stop_strings', 'generation_config',
]);
/** Of whole groups of such keys: heads for summaries, implementations of the same attention, notes of a tool. */
const HARMLESS_PREFIXES = ['summary_', '_attn_implementation', '_experts_implementation', 'unsloth_', '_unsloth_'];

export function isHarmless(key: string): boolean {
  return HARMLESS_KEYS.has(key) || HARMLESS_PREFIXES.some((prefix) => key.startsWith(prefix));
}
