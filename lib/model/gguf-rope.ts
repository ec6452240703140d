import { HyperfitError } from '../errors.ts';
import { openRegularFile } from '../regular-file.ts';
import type { ModelConfig, NativeRopeScaling } from '../addon-types.ts';
import { metadataNumbers } from '../tokenizer/metadata.ts';
import type { Metadata } from '../tokenizer/metadata.ts';
import type { GgufTensor } from './gguf.ts';
import { ROPE_FREQUENCIES } from './gguf-names.ts';

/**
 * What every released Llama 3.1 to 3.3 has; GGUF keeps only the divisors that follow from it. Others are written under a key of our own.
 */
export const LLAMA3 = { type: 'llama3', lowFreqFactor: 1, highFreqFactor: 4, originalMaxPositionEmbeddings: 8192 } as const;
const TOLERANCE = 1e-4;

/**
 * The llama3 rotary scaling behind the tensor `rope_freqs` [headDim / 2] of a GGUF file: its largest divisor is the
 * factor, and the rest must agree with the usual settings, or those that hyperfit wrote under `LLAMA3_KEY`. A file without that tensor
 * keeps what `config` says.
 * @throws HyperfitError ERR_UNSUPPORTED_MODEL when the divisors follow from other settings
 */
export async function resolveRopeFrequencies(
  tensors: readonly GgufTensor[],
  config: ModelConfig,
  metadata: Metadata = new Map(),
): Promise<ModelConfig> {
  const tensor = tensors.find(({ name }) => name === ROPE_FREQUENCIES);
  if (tensor === undefined) return config;
  const divisors = await readFloats(tensor);
  if (divisors.every((divisor) => divisor === 1)) return config;
  const ropeScaling: Llama3 = { ...LLAMA3, factor: Math.max(...divisors), ...readSettings(metadata) };
  const expected = llama3Divisors(config, ropeScaling);
  const agrees =
    divisors.length === expected.length && divisors.every((divisor, index) => Math.abs(divisor / expected[index]! - 1) < TOLERANCE);
  if (!agrees)
    throw new HyperfitError(
      'ERR_UNSUPPORTED_MODEL',
      `expected ${ROPE_FREQUENCIES} of Llama 3's rotary scaling in ${tensor.path}, got other frequencies; use the Hugging Face folder of this model`,
    );
  return { ...config, ropeScaling };
}

export const LLAMA3_KEY = 'hyperfit.rope.llama3';
type Llama3 = NativeRopeScaling & { type: 'llama3' };

/** `LLAMA3_KEY` is [factor, low, high, original context]. */
export function llama3Numbers({ factor, lowFreqFactor, highFreqFactor, originalMaxPositionEmbeddings }: Llama3): Float64Array {
  return Float64Array.of(factor, lowFreqFactor, highFreqFactor, originalMaxPositionEmbeddings);
}

function readSettings(metadata: Metadata): Partial<Llama3> {
  const [factor, lowFreqFactor, highFreqFactor, originalMaxPositionEmbeddings] = metadataNumbers(metadata, LLAMA3_KEY) ?? [];
  if (!factor || !lowFreqFactor || !highFreqFactor || !originalMaxPositionEmbeddings) return {};
  return { factor, lowFreqFactor, highFreqFactor, originalMaxPositionEmbeddings };
}

async function readFloats(tensor: GgufTensor): Promise<number[]> {
  if (tensor.type !== 'F32')
    throw new HyperfitError(
      'ERR_UNSUPPORTED_MODEL',
      `expected F32 for ${ROPE_FREQUENCIES} in ${tensor.path}, got ${tensor.type}; convert the model again`,
    );
  const bytes = Buffer.alloc(tensor.byteLength);
  const handle = await openRegularFile(tensor.path);
  try {
    await handle.read(bytes, 0, bytes.length, tensor.offset);
  } finally {
    await handle.close();
  }
  return Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readFloatLE(4 * index));
}

/** By how much llama3 scaling divides each rotary frequency [headDim / 2]; transformers' modeling_rope_utils.py. */
export function llama3Divisors(
  config: Pick<ModelConfig, 'headDim' | 'ropeTheta'>,
  scaling: NativeRopeScaling & { type: 'llama3' },
): number[] {
  const { factor, lowFreqFactor, highFreqFactor, originalMaxPositionEmbeddings } = scaling;
  return Array.from({ length: config.headDim / 2 }, (_, index) => {
    const wavelength = 2 * Math.PI * config.ropeTheta ** ((2 * index) / config.headDim);
    const turns = originalMaxPositionEmbeddings / wavelength;
    if (turns > highFreqFactor) return 1;
    if (turns < lowFreqFactor) return factor;
    const smooth = (turns - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
    return 1 / ((1 - smooth) / factor + smooth);
  });
}
