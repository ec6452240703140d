import type { ModelConfig } from '../addon-types.ts';
import { HyperfitError } from '../errors.ts';
import { describeTokenizer, metadataOf } from '../tokenizer/gguf-description.ts';
import type { DescribedModel } from '../tokenizer/gguf-description.ts';
import type { MetadataEntry } from '../tokenizer/metadata-entry.ts';
import { GGUF_ARCHITECTURES } from './gguf-architectures.ts';
import { readGgufConfig } from './gguf-config.ts';
import { architectureOf, describeConfig, describeGeneral, EXPORTED_FAMILIES } from './gguf-description.ts';
import { noteWindows, refuseLosses } from './gguf-limits.ts';
import type { GgufFileType } from './gguf-mix.ts';
import { ROPE_FREQUENCIES } from './gguf-names.ts';
import type { GgufLayout } from './gguf-names.ts';
import { LLAMA3, LLAMA3_KEY, llama3Divisors, llama3Numbers } from './gguf-rope.ts';
import { storedTensors } from './gguf-stored.ts';
import type { StoredTensor } from './gguf-stored.ts';

/** Everything about a GGUF file but where its bytes come from. */
export interface GgufPlan {
  entries: MetadataEntry[];
  tensors: StoredTensor[];
  /** Float32 [headDim / 2], for llama3 rotary scaling alone. */
  ropeDivisors: Float32Array | undefined;
  notes: string[];
}

/**
 * What a GGUF file of this model says and holds.
 * @param title `general.name`
 * @throws HyperfitError ERR_UNSUPPORTED_MODEL for what llama.cpp does not compute; ERR_TOKENIZER
 */
export async function planGguf(config: ModelConfig, model: DescribedModel, fileType: GgufFileType, title: string): Promise<GgufPlan> {
  const { described, tensors, factor } = describeTensors(config, fileType, title, model.name);
  const isScaled = factor !== 1;
  const tokenizer = await describeTokenizer(model);
  return {
    entries: [...described, ...tokenizer.entries],
    tensors,
    ropeDivisors:
      config.ropeScaling.type === 'llama3'
        ? Float32Array.from(llama3Divisors(config, config.ropeScaling as typeof config.ropeScaling & { type: 'llama3' }))
        : undefined,
    notes: [...(isScaled ? [noteScale(config, factor)] : []), ...noteWindows(config), ...tokenizer.notes],
  };
}

/**
 * What the file says of the configuration, and how each parameter is stored; `factor` is what queries are multiplied by on the way.
 * @param name for messages
 * @throws HyperfitError ERR_UNSUPPORTED_MODEL for what llama.cpp does not compute
 */
export function describeTensors(
  config: ModelConfig,
  fileType: GgufFileType,
  title: string,
  name: string,
): { described: MetadataEntry[]; tensors: StoredTensor[]; factor: number } {
  const layout = layoutOf(config);
  const described = [...describeGeneral(config, fileType, title), ...describeConfig(config), ...describeLlama3(config)];
  const unscaled = storedTensors(config, layout, fileType, 1);
  const again = readGgufConfig(
    metadataOf(described),
    unscaled.map((tensor) => ({
      path: name,
      name: tensor.name,
      shape: tensor.shape,
      type: tensor.form.type,
      offset: 0,
      byteLength: tensor.byteLength,
    })),
    name,
  );
  const isLlama3 = config.ropeScaling.type === 'llama3';
  refuseLosses(config, isLlama3 ? { ...again, ropeScaling: config.ropeScaling } : again, name);
  const factor = config.queryScale / again.queryScale;
  return Math.abs(factor - 1) > 1e-6
    ? { described, tensors: storedTensors(config, layout, fileType, factor), factor }
    : { described, tensors: unscaled, factor: 1 };
}

/** @throws HyperfitError ERR_UNSUPPORTED_MODEL for a family that llama.cpp does not have */
export function layoutOf({ modelType }: ModelConfig): GgufLayout {
  const known = GGUF_ARCHITECTURES.get(architectureOf({ modelType }));
  if (known !== undefined) return known.layout;
  throw new HyperfitError(
    'ERR_UNSUPPORTED_MODEL',
    `expected a model of one of ${EXPORTED_FAMILIES.join(', ')}, which llama.cpp has, got \`model_type\` "${modelType}"; save it with \`save\` instead`,
  );
}

/** Settings other than those that the divisors are read with. */
function describeLlama3({ ropeScaling: scaling }: ModelConfig): MetadataEntry[] {
  if (scaling.type !== 'llama3') return [];
  const { lowFreqFactor, highFreqFactor, originalMaxPositionEmbeddings } = scaling;
  const isUsual =
    lowFreqFactor === LLAMA3.lowFreqFactor &&
    highFreqFactor === LLAMA3.highFreqFactor &&
    originalMaxPositionEmbeddings === LLAMA3.originalMaxPositionEmbeddings;
  return isUsual ? [] : [{ key: LLAMA3_KEY, type: 'numbers', value: llama3Numbers(scaling) }];
}

function noteScale({ qkNorm, modelType }: ModelConfig, factor: number): string {
  return `llama.cpp fixes the scale of a ${modelType}'s queries, so that ${Number(factor.toPrecision(6))} was multiplied into ${qkNorm ? 'the norms of its queries' : 'the rows of its queries'}`;
}

/** As a tensor of the file: float32, like every vector. */
export function ropeTensor(divisors: Float32Array): { name: string; shape: number[]; type: string; byteLength: number } {
  return { name: ROPE_FREQUENCIES, shape: [divisors.length], type: 'F32', byteLength: divisors.byteLength };
}
