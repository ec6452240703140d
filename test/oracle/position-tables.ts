import type { ModelConfig } from '../../lib/addon-types.ts';

/** Rotary tables and attention masks in float64, from the published formulas. */

/** cos and sin, each [T, D] with the D/2 frequencies standing twice. */
export function makeRotaryTables(config: ModelConfig, sequenceLength: number): { cos: Float64Array; sin: Float64Array } {
  const frequencies = inverseFrequencies(config);
  const angles = Array.from({ length: sequenceLength }, (_, t) => [...frequencies, ...frequencies].map((frequency) => t * frequency)).flat();
  return { cos: Float64Array.from(angles, Math.cos), sin: Float64Array.from(angles, Math.sin) };
}

function inverseFrequencies(config: ModelConfig): number[] {
  const { headDim, ropeTheta, ropeScaling: scaling } = config;
  const plain = Array.from({ length: headDim / 2 }, (_, i) => ropeTheta ** (-2 * i / headDim));
  if (scaling.type === 'default') return plain;
  if (scaling.type === 'yarn') throw new Error('yarn is compared with Hugging Face alone');
  if (scaling.type === 'linear') return plain.map((frequency) => frequency / scaling.factor);
  return plain.map((frequency) => scaleAsLlama3(frequency, scaling));
}

/** Slow turns are slowed by `factor`, fast ones left alone, those between blended by how often they turn in the original context. */
function scaleAsLlama3(frequency: number, scaling: Extract<ModelConfig['ropeScaling'], { type: 'llama3' }>): number {
  const turns = (scaling.originalMaxPositionEmbeddings * frequency) / (2 * Math.PI);
  const share = (turns - scaling.lowFreqFactor) / (scaling.highFreqFactor - scaling.lowFreqFactor);
  const kept = Math.min(1, Math.max(0, share));
  return kept * frequency + (1 - kept) * frequency / scaling.factor;
}

/** [T, T]: 0 where position t may look at s, -Infinity elsewhere. `slidingWindow` counts t itself; 0 is no window. */
export function makeAttentionMask(sequenceLength: number, slidingWindow: number): Float64Array {
  const window = slidingWindow || sequenceLength;
  return Float64Array.from({ length: sequenceLength ** 2 }, (_, i) => {
    const t = Math.floor(i / sequenceLength);
    const s = i % sequenceLength;
    return s <= t && s > t - window ? 0 : -Infinity;
  });
}
