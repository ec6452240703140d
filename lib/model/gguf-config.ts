import type { ModelConfig } from '../addon-types.ts';
import { metadataStrings } from '../tokenizer/metadata.ts';
import type { Metadata } from '../tokenizer/metadata.ts';
import { checkModelConfig, refuseModel } from './config.ts';
import { plainFlags } from './config-flags.ts';
import type { Sizes } from './config-flags.ts';
import { ConfigValues, render } from './config-values.ts';
import { GGUF_ARCHITECTURES } from './gguf-architectures.ts';
import type { GgufArchitecture } from './gguf-architectures.ts';
import { yarnAttention } from './gguf-description.ts';
import type { GgufTensor } from './gguf.ts';

/** Below the architecture's name: what is read, and what must have one of the given values. Any other key is refused by name. */
const READ = [
  'vocab_size',
  'context_length',
  'embedding_length',
  'block_count',
  'feed_forward_length',
  'attention.head_count',
  'attention.head_count_kv',
  'attention.key_length',
  'rope.freq_base',
  'rope.scaling.type',
  'rope.scaling.factor',
  'rope.scale_linear',
];
const ANY: readonly unknown[] = [];
const REQUIRED = ({ headDim, ropeScaling }: ModelConfig): Readonly<Record<string, readonly unknown[]>> => ({
  'rope.dimension_count': [headDim],
  'rope.dimension_count_swa': [headDim],
  'attention.value_length': [headDim],
  'attention.key_length_swa': [headDim],
  'attention.value_length_swa': [headDim],
  expert_count: [0],
  expert_used_count: [0],
  'attention.causal': [true],
  // Beside a scaling that is none these say nothing about the computation.
  'rope.scaling.original_context_length': ANY,
  'rope.scaling.yarn_beta_fast': ANY,
  'rope.scaling.yarn_beta_slow': ANY,
  // Beside YaRN, where it is read, llama.cpp scales by it too.
  'rope.scaling.attn_factor': ropeScaling.type === 'yarn' ? ANY : [1],
  'rope.scaling.finetuned': ANY,
  tensor_data_layout: ['Meta AI original pth'],
  use_parallel_residual: [false],
});

/**
 * The decoder's settings out of the metadata and tensors of a GGUF file. llama3 rotary scaling does not stand there but in a
 * tensor: see gguf-rope.ts.
 * @throws HyperfitError ERR_UNSUPPORTED_MODEL, ERR_MODEL_FILES
 */
export function readGgufConfig(metadata: Metadata, tensors: readonly GgufTensor[], name: string): ModelConfig {
  const architecture = ggufArchitecture(metadata, name);
  const reader = new GgufReader(metadata, tensors, name);
  const config = readConfig(reader, architecture);
  reader.values.finish();
  refuseUnknown(reader, [...READ, ...architecture.read, architecture.normEpsKey], config);
  return checkModelConfig(config, name);
}

/** @throws HyperfitError ERR_UNSUPPORTED_MODEL */
export function ggufArchitecture(metadata: Metadata, name: string): GgufArchitecture {
  const architecture = metadata.get('general.architecture');
  const known = GGUF_ARCHITECTURES.get(architecture);
  return (
    known ??
    refuseModel(name, [`\`general.architecture\` ${render(architecture)} (of GGUF files, ${[...GGUF_ARCHITECTURES.keys()].join(', ')})`])
  );
}

/** The metadata below the architecture's name, and the tensors by name. */
class GgufReader {
  readonly prefix: string;
  readonly values: ConfigValues;
  readonly metadata: Metadata;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
  readonly name: string;

  constructor(metadata: Metadata, tensors: readonly GgufTensor[], name: string) {
    this.prefix = `${metadata.get('general.architecture')}.`;
    this.values = new ConfigValues((key) => metadata.get(this.prefix + key), name);
    this.metadata = metadata;
    this.tensors = new Map(tensors.map((tensor) => [tensor.name, tensor]));
    this.name = name;
  }
}

function readConfig(reader: GgufReader, architecture: GgufArchitecture): ModelConfig {
  const { values, tensors } = reader;
  const sizes = readSizes(reader);
  return {
    ...sizes,
    ...plainFlags(sizes),
    normEps: shortestDecimal(values.positive(architecture.normEpsKey)),
    ropeTheta: shortestDecimal(values.positive('rope.freq_base', 10000)),
    ropeScaling: readScaling(reader),
    tieWordEmbeddings: !tensors.has('output.weight'),
    paddingIndex: readPaddingIndex(reader, architecture, sizes),
    ...architecture.differences({ values, sizes, hasTensor: (tensor) => tensors.has(tensor) }),
  };
}

/** As config.json of the same model would say it; see `ModelConfig`. */
function readPaddingIndex({ metadata }: GgufReader, { layout }: GgufArchitecture, { vocabSize }: Sizes): number {
  const id = metadata.get('tokenizer.ggml.padding_token_id') ?? (layout.addsOneToNorms ? 0 : -1);
  const isRow = typeof id === 'number' && id < vocabSize && layout.layers !== 'transformer.h';
  return isRow ? id : -1;
}

function readSizes({ values, metadata, tensors }: GgufReader): Sizes {
  const hiddenSize = values.size('embedding_length');
  const numAttentionHeads = values.size('attention.head_count');
  return {
    vocabSize: countRows(tensors) ?? values.size('vocab_size', metadataStrings(metadata, 'tokenizer.ggml.tokens')?.length),
    hiddenSize,
    intermediateSize: values.size('feed_forward_length'),
    numHiddenLayers: values.layers('block_count'),
    numAttentionHeads,
    numKeyValueHeads: values.size('attention.head_count_kv', numAttentionHeads),
    headDim: values.size('attention.key_length', hiddenSize / numAttentionHeads),
    maxPositionEmbeddings: values.size('context_length'),
  };
}

/** Of the embedding. `vocab_size` of the metadata is what a vocabulary once had; llama.cpp passes over it too. */
function countRows(tensors: ReadonlyMap<string, GgufTensor>): number | undefined {
  return tensors.get('token_embd.weight')?.shape[0];
}

/** Files hold 1e-5 as the float32 next to it; this is the decimal that was meant. */
function shortestDecimal(value: number): number {
  for (let digits = 1; digits < 9; digits += 1) {
    const candidate = Number(value.toPrecision(digits));
    if (Math.fround(candidate) === Math.fround(value)) return candidate;
  }
  return value;
}

function readScaling({ values, prefix, name }: GgufReader): ModelConfig['ropeScaling'] {
  const old = values.raw('rope.scale_linear');
  if (typeof old === 'number' && old !== 1) return { type: 'linear', factor: values.positive('rope.scale_linear') };
  const type = values.raw('rope.scaling.type') ?? 'none';
  if (type === 'linear') return { type: 'linear', factor: values.positive('rope.scaling.factor') };
  if (type === 'yarn') return readYarn(values);
  if (type !== 'none') refuseModel(name, [`\`${prefix}rope.scaling.type\` ${render(type)} (of GGUF files, none, linear and yarn)`]);
  return { type: 'default' };
}

/** llama.cpp takes the attention's factor from the scaling's, and multiplies it by a key of its own. */
function readYarn(values: ConfigValues): ModelConfig['ropeScaling'] {
  const factor = values.positive('rope.scaling.factor');
  return {
    type: 'yarn',
    factor,
    betaFast: values.positive('rope.scaling.yarn_beta_fast', 32),
    betaSlow: values.positive('rope.scaling.yarn_beta_slow', 1),
    attentionFactor: yarnAttention(factor) * values.positive('rope.scaling.attn_factor', 1),
    truncate: true,
    originalMaxPositionEmbeddings: values.size('rope.scaling.original_context_length', values.size('context_length')),
  };
}

function refuseUnknown({ metadata, prefix, name }: GgufReader, read: readonly string[], config: ModelConfig): void {
  const required = REQUIRED(config);
  const refused = [...metadata.keys()]
    .filter((key) => key.startsWith(prefix))
    .filter((key) => {
      const field = key.slice(prefix.length);
      if (read.includes(field)) return false;
      const allowed = Object.hasOwn(required, field) ? required[field] : undefined;
      return allowed !== ANY && !allowed?.includes(metadata.get(key));
    });
  if (refused.length > 0)
    refuseModel(
      name,
      refused.map((key) => `\`${key}\` ${render(metadata.get(key))}`),
    );
}
