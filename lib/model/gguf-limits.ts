import type { ModelConfig } from '../addon-types.ts';
import { refuseModel } from './config.ts';

/** Numbers of a file are float32. */
const TOLERANCE = 1e-6;
/** They say nothing about the computation: what names the family, and the row that learns nothing. */
const NOT_COMPARED: readonly string[] = ['modelType', 'paddingIndex', 'queryScale'];

/**
 * Refuses a model that GGUF, or llama.cpp reading it, would compute otherwise: `again` is what its file says when it is read as any is.
 * @throws HyperfitError ERR_UNSUPPORTED_MODEL naming what is lost
 */
export function refuseLosses(config: ModelConfig, again: ModelConfig, name: string): void {
  const lost = (Object.keys(config) as (keyof ModelConfig)[])
    .filter(
      (key) =>
        !NOT_COMPARED.includes(key) &&
        !(key === 'localRopeTheta' && !config.layerRopes.includes('local')) &&
        !isSame(config[key], again[key]),
    )
    .map(
      (key) =>
        `\`${key}\` ${JSON.stringify(config[key]).slice(0, 80)}, which its GGUF form would have as ${JSON.stringify(again[key]).slice(0, 80)}`,
    );
  const found = [...lost, ...unreadable(config)];
  if (found.length > 0)
    refuseModel(
      name,
      found.map((what) => `${what} (save the model with \`save\` instead)`),
    );
}

function isSame(a: unknown, b: unknown): boolean {
  if (typeof a === 'number' && typeof b === 'number') return Math.abs(a - b) <= TOLERANCE * Math.max(Math.abs(a), Math.abs(b));
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((each, index) => isSame(each, b[index]));
  if (typeof a !== 'object' || a === null || typeof b !== 'object' || b === null) return a === b;
  return Object.keys({ ...a, ...b }).every((key) => isSame((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]));
}

/** Weights for which llama.cpp has no place: it refuses such a file. */
function unreadable({ modelType, tieWordEmbeddings, outputBias, mlpBias, hiddenSize, numAttentionHeads, headDim }: ModelConfig): string[] {
  const takesBiases = ['llama', 'mistral', 'gpt2'].includes(modelType);
  return [
    ...(modelType === 'gemma2' && !tieWordEmbeddings ? ['a head of its own, which llama.cpp does not read in a Gemma 2,'] : []),
    ...(outputBias && !takesBiases ? [`a bias of \`o_proj\`, which llama.cpp does not read in a ${modelType},`] : []),
    ...(mlpBias && !takesBiases ? [`biases of the MLP, which llama.cpp does not read in a ${modelType},`] : []),
    ...(modelType === 'qwen2' && numAttentionHeads * headDim !== hiddenSize
      ? [`\`head_dim\` ${headDim}, which in a qwen2 llama.cpp takes to be ${hiddenSize / numAttentionHeads},`]
      : []),
  ];
}

/** What the file holds and llama.cpp passes over. */
export function noteWindows({ modelType, layerWindows }: ModelConfig): string[] {
  const window = layerWindows.find((each) => each > 0);
  if (window === undefined || modelType.startsWith('gemma')) return [];
  return [
    `llama.cpp computes no sliding windows in a ${modelType}: beyond ${window} tokens it gives other text than the model (the file holds the window all the same)`,
  ];
}
