import type { ModelConfig } from '../addon-types.ts';
import { metadataStrings } from '../tokenizer/metadata.ts';
import type { Metadata } from '../tokenizer/metadata.ts';
import { checkModelConfig, refuseModel } from './config.ts';
import { ConfigValues, render } from './config-values.ts';
import type { GgufTensor } from './gguf.ts';

const ARCHITECTURE = 'llama';

/** Below `llama.`: what is read, and what must have one of the given values. Any other key is refused by name. */
const READ = [
  'vocab_size', 'context_length', 'embedding_length', 'block_count', 'feed_forward_length', 'attention.head_count', 'attention.head_count_kv',
  'attention.key_length', 'attention.layer_norm_rms_epsilon', 'attention.sliding_window', 'rope.freq_base', 'rope.scaling.type', 'rope.scaling.factor',
  'rope.scale_linear',
];
const REQUIRED = (config: ModelConfig): Readonly<Record<string, readonly unknown[]>> => ({
  'rope.dimension_count': [config.headDim],
  'attention.value_length': [config.headDim],
  expert_count: [0],
  expert_used_count: [0],
  'attention.causal': [true],
  // Beside a scaling that is none these two say nothing about the computation.
  'rope.scaling.original_context_length': ANY,
  'rope.scaling.finetuned': ANY,
  tensor_data_layout: ['Meta AI original pth'],
  use_parallel_residual: [false],
});
const ANY: readonly unknown[] = [];

/**
 * The decoder's settings out of the metadata and tensors of a GGUF file of the architecture llama (Llama, Mistral,
 * SmolLM2, TinyLlama, ...). llama3 rotary scaling does not stand there but in a tensor: see gguf-rope.ts.
 * @throws HyperfitError ERR_UNSUPPORTED_MODEL, ERR_MODEL_FILES
 */
export function readGgufConfig(metadata: Metadata, tensors: readonly GgufTensor[], name: string): ModelConfig {
  const architecture = metadata.get('general.architecture');
  if (architecture !== ARCHITECTURE) refuseModel(name, [`\`general.architecture\` ${render(architecture)} (of GGUF files, llama)`]);
  const values = new ConfigValues((key) => metadata.get(`${ARCHITECTURE}.${key}`), name);
  const config = readConfig(values, metadata, new Map(tensors.map((tensor) => [tensor.name, tensor])), name);
  values.finish();
  refuseUnknown(metadata, config, name);
  return checkModelConfig(config, name);
}

function readConfig(values: ConfigValues, metadata: Metadata, tensors: ReadonlyMap<string, GgufTensor>, name: string): ModelConfig {
  const hiddenSize = values.size('embedding_length');
  const numAttentionHeads = values.size('attention.head_count');
  return {
    vocabSize: values.size('vocab_size', countTokens(metadata, tensors)),
    hiddenSize,
    intermediateSize: values.size('feed_forward_length'),
    numHiddenLayers: values.size('block_count'),
    numAttentionHeads,
    numKeyValueHeads: values.size('attention.head_count_kv', numAttentionHeads),
    headDim: values.size('attention.key_length', hiddenSize / numAttentionHeads),
    maxPositionEmbeddings: values.size('context_length'),
    rmsNormEps: shortestDecimal(values.positive('attention.layer_norm_rms_epsilon')),
    ropeTheta: shortestDecimal(values.positive('rope.freq_base', 10000)),
    ropeScaling: readScaling(values, metadata, name),
    tieWordEmbeddings: !tensors.has('output.weight'),
    attentionBias: tensors.has('blk.0.attn_q.bias'),
    mlpBias: tensors.has('blk.0.ffn_gate.bias'),
    slidingWindow: values.has('attention.sliding_window') ? values.size('attention.sliding_window') : 0,
  };
}

function countTokens(metadata: Metadata, tensors: ReadonlyMap<string, GgufTensor>): number | undefined {
  return tensors.get('token_embd.weight')?.shape[0] ?? metadataStrings(metadata, 'tokenizer.ggml.tokens')?.length;
}

/** Files hold 1e-5 as the float32 next to it; this is the decimal that was meant. */
function shortestDecimal(value: number): number {
  for (let digits = 1; digits < 9; digits += 1) {
    const candidate = Number(value.toPrecision(digits));
    if (Math.fround(candidate) === Math.fround(value)) return candidate;
  }
  return value;
}

function readScaling(values: ConfigValues, metadata: Metadata, name: string): ModelConfig['ropeScaling'] {
  const old = metadata.get(`${ARCHITECTURE}.rope.scale_linear`);
  if (typeof old === 'number' && old !== 1) return { type: 'linear', factor: values.positive('rope.scale_linear') };
  const type = metadata.get(`${ARCHITECTURE}.rope.scaling.type`) ?? 'none';
  if (type === 'linear') return { type: 'linear', factor: values.positive('rope.scaling.factor') };
  if (type !== 'none') refuseModel(name, [`\`${ARCHITECTURE}.rope.scaling.type\` ${render(type)} (of GGUF files, none and linear)`]);
  return { type: 'default' };
}

function refuseUnknown(metadata: Metadata, config: ModelConfig, name: string): void {
  const required = REQUIRED(config);
  const refused = [...metadata.keys()].filter((key) => key.startsWith(`${ARCHITECTURE}.`)).filter((key) => {
    const field = key.slice(ARCHITECTURE.length + 1);
    if (READ.includes(field)) return false;
    const allowed = Object.hasOwn(required, field) ? required[field] : undefined;
    return allowed !== ANY && !allowed?.includes(metadata.get(key));
  });
  if (refused.length > 0) refuseModel(name, refused.map((key) => `\`${key}\` ${render(metadata.get(key))}`));
}

const BOS_KEY = 'tokenizer.ggml.bos_token_id';
const EOS_KEYS = ['tokenizer.ggml.eos_token_id', 'tokenizer.ggml.eot_token_id'];

export function readGgufTokenIds(metadata: Metadata): { bosTokenId: number | undefined; eosTokenIds: number[] } {
  const ids = EOS_KEYS.map((key) => metadata.get(key)).filter((id) => typeof id === 'number');
  const bos = metadata.get(BOS_KEY);
  return { bosTokenId: typeof bos === 'number' ? bos : undefined, eosTokenIds: [...new Set(ids)] };
}
