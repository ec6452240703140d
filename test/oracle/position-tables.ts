import type { ModelConfig } from '../../lib/addon-types.ts';

/** Rotary tables and attention masks in float64, from the published formulas. */

/** cos and sin, each [T, D] with the D/2 frequencies standing twice. */
export function makeRotaryTables(
  config: ModelConfig,
  rope: 'global' | 'local',
  sequenceLength: number,
): { cos: Float64Array; sin: Float64Array } {
  const { headDim, ropeTheta, localRopeTheta, ropeScaling } = config;
  const frequencies = rope === 'local' ? plainFrequencies(headDim, localRopeTheta) : scaleFrequencies(headDim, ropeTheta, ropeScaling);
  const angles = Array.from({ length: sequenceLength }, (_, t) =>
    [...frequencies, ...frequencies].map((frequency) => t * frequency),
  ).flat();
  const factor = rope === 'global' && ropeScaling.type === 'yarn' ? ropeScaling.attentionFactor : 1;
  return {
    cos: Float64Array.from(angles, (angle) => factor * Math.cos(angle)),
    sin: Float64Array.from(angles, (angle) => factor * Math.sin(angle)),
  };
}

function plainFrequencies(headDim: number, theta: number): number[] {
  return Array.from({ length: headDim / 2 }, (_, i) => theta ** ((-2 * i) / headDim));
}

function scaleFrequencies(headDim: number, theta: number, scaling: ModelConfig['ropeScaling']): number[] {
  const plain = plainFrequencies(headDim, theta);
  if (scaling.type === 'default') return plain;
  if (scaling.type === 'linear') return plain.map((frequency) => frequency / scaling.factor);
  if (scaling.type === 'llama3') return plain.map((frequency) => scaleAsLlama3(frequency, scaling));
  return scaleAsYarn(plain, headDim, theta, scaling);
}

/** A ramp over the pairs, from the one that turns `betaFast` times in the original context (kept) to that of `betaSlow` (slowed). */
function scaleAsYarn(
  plain: number[],
  headDim: number,
  theta: number,
  scaling: Extract<ModelConfig['ropeScaling'], { type: 'yarn' }>,
): number[] {
  // theta^(-2 i / D) L = 2 pi turns, solved for i.
  const pairOf = (turns: number): number =>
    (headDim / 2) * (Math.log(scaling.originalMaxPositionEmbeddings / (2 * Math.PI * turns)) / Math.log(theta));
  const [fast, slow] = [pairOf(scaling.betaFast), pairOf(scaling.betaSlow)];
  const begin = Math.max(0, scaling.truncate ? Math.floor(fast) : fast);
  const end = Math.min(headDim - 1, scaling.truncate ? Math.ceil(slow) : slow);
  return plain.map((frequency, pair) => {
    const slowed = Math.min(1, Math.max(0, (pair - begin) / (end - begin || 0.001)));
    return frequency * (1 - slowed + slowed / scaling.factor);
  });
}

/** Slow turns are slowed by `factor`, fast ones left alone, those between blended by how often they turn in the original context. */
function scaleAsLlama3(frequency: number, scaling: Extract<ModelConfig['ropeScaling'], { type: 'llama3' }>): number {
  const turns = (scaling.originalMaxPositionEmbeddings * frequency) / (2 * Math.PI);
  const share = (turns - scaling.lowFreqFactor) / (scaling.highFreqFactor - scaling.lowFreqFactor);
  const kept = Math.min(1, Math.max(0, share));
  return kept * frequency + ((1 - kept) * frequency) / scaling.factor;
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
