/**
 * Keys of config.json that change neither the forward pass nor the gradients. Dropouts are among them: hyperfit trains
 * without. So is `pretraining_tp`, which only splits the same matrix products, `reorder_and_upcast_attn`, which says
 * nothing in float32, and the generation settings of old files.
 */
export const HARMLESS_KEYS: ReadonlySet<string> = new Set([
  'model_type', 'architectures', 'torch_dtype', 'dtype', 'transformers_version', '_name_or_path', 'name_or_path', 'transformers.js_config',
  'bos_token_id', 'eos_token_id', 'pad_token_id', 'unk_token_id', 'sep_token_id', 'decoder_start_token_id', 'use_cache', 'initializer_range',
  'attention_dropout', 'hidden_dropout', 'resid_pdrop', 'embd_pdrop', 'attn_pdrop', 'pretraining_tp', 'max_window_layers',
  'original_max_position_embeddings', 'reorder_and_upcast_attn', 'n_ctx', 'cache_implementation',
  'summary_type', 'summary_use_proj', 'summary_activation', 'summary_proj_to_labels', 'summary_first_dropout',
  '_attn_implementation', '_attn_implementation_autoset', '_attn_implementation_internal', 'attn_implementation', '_flash_attn_2_enabled',
  '_experts_implementation', '_commit_hash', 'chunk_size_feed_forward', 'finetuning_task', 'id2label', 'label2id', 'problem_type', 'return_dict',
  'return_dict_in_generate', 'output_attentions', 'output_hidden_states', 'output_scores', 'torchscript', 'tf_legacy_loss', 'is_decoder',
  'tie_encoder_decoder', 'tokenizer_class', 'task_specific_params', 'prefix', 'gradient_checkpointing', 'bad_words_ids', 'begin_suppress_tokens',
  'suppress_tokens', 'forced_bos_token_id', 'forced_eos_token_id', 'exponential_decay_length_penalty', 'remove_invalid_values', 'max_length',
  'min_length', 'do_sample', 'early_stopping', 'num_beams', 'num_beam_groups', 'diversity_penalty', 'temperature', 'top_k', 'top_p', 'typical_p',
  'repetition_penalty', 'length_penalty', 'no_repeat_ngram_size', 'encoder_no_repeat_ngram_size', 'num_return_sequences', 'unsloth_fixed',
  'unsloth_version', 'keys_to_ignore_at_inference',
]);
