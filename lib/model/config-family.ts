import type { Flags, Sizes } from './config-flags.ts';
import type { ConfigValues } from './config-values.ts';
import { isJsonObject } from './json.ts';

type Check = (value: unknown) => boolean;

/**
 * What hyperfit knows of each family's config.json. Every key is one that is read, one whose value must be as given
 * because another would change the computation, or one that changes nothing (config-keys.ts); any other key is refused
 * by name.
 */
export interface ConfigFamily {
  modelType: string;
  architecture: string;
  /** What transformers calls it where it was saved without its head, or with another one beside. */
  bareArchitectures: readonly string[];
  /** What Hugging Face assumes where config.json is silent. */
  defaults: Readonly<Record<string, unknown>>;
  /** Read into ModelConfig. */
  read: readonly string[];
  /** Key -> the values under which the computation is ours. An absent key and null are always fine. */
  required: Readonly<Record<string, readonly unknown[] | Check>>;
  /** The usual key -> this family's, where it differs. */
  spelling?: Readonly<Record<string, string>>;
  /** Sizes of which null is an error, where other families derive them. */
  nullRefused?: readonly string[];
  /** False where the embedding of `pad_token_id` learns like any other. */
  pads?: boolean;
  /** What makes the family other than a plain Llama. */
  flags(values: ConfigValues, sizes: Sizes): Partial<Flags>;
}

const SIZE_KEYS = [
  'vocab_size',
  'hidden_size',
  'intermediate_size',
  'num_hidden_layers',
  'num_attention_heads',
  'max_position_embeddings',
  'tie_word_embeddings',
];
export const DECODER_KEYS = [
  ...SIZE_KEYS,
  'num_key_value_heads',
  'head_dim',
  'rms_norm_eps',
  'rope_theta',
  'rope_scaling',
  'rope_parameters',
];
export const WINDOW_KEYS = ['sliding_window', 'use_sliding_window', 'max_window_layers'];

function isTokenizerMap(value: unknown): boolean {
  return isJsonObject(value) && Object.keys(value).every((key) => key === 'AutoTokenizer');
}

export const REQUIRED = {
  partial_rotary_factor: [1],
  rope_interleaved: [false],
  is_encoder_decoder: [false],
  add_cross_attention: [false],
  cross_attention_hidden_size: [],
  is_llama_config: [true],
  quantization_config: [],
  pruned_heads: [{}],
  use_bfloat16: [false],
  // Code of one's own; that of a tokenizer is never run.
  auto_map: isTokenizerMap,
  loss_type: ['ForCausalLM', 'ForCausalLMLoss'],
  layer_types: [],
};
export const REQUIRED_SILU = { ...REQUIRED, hidden_act: ['silu', 'swish'] };
