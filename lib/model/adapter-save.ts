import { join } from 'node:path';
import { writeFile } from '../file-system.ts';
import { makeFolder } from '../folders.ts';
import type { ModelConfig } from '../addon-types.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { LowRankAddition } from './adapter.ts';
import { ADAPTER_CONFIG, ADAPTER_WEIGHTS, EMBEDDINGS } from './adapter-files.ts';
import { baseModelName, hubName, shortModelName } from './base-name.ts';
import { CARD_FILE, renderModelCard, type ModelCard } from './model-card.ts';
import { renderAdapterConfig } from './adapter-render.ts';
import { disposeAll, saveTensorFile } from './tensor-file.ts';

/** What is written beside A and B. */
export interface AdapterOrigin {
  config: ModelConfig;
  /** Where the base is: a name of the Hugging Face hub, or a path, whose place in the hub's cache tells the name. */
  baseModel: string;
  /** What README.md says beyond that. */
  card?: Partial<ModelCard> | undefined;
}

/**
 * Writes additions as PEFT does: adapter_model.safetensors (float32) and adapter_config.json, which says of each module its rank and what
 * its product is multiplied by.
 * @throws HyperfitError ERR_CHECKPOINT when the files are there or the disk is full
 */
export async function writeAdapter(
  folder: string,
  additions: readonly LowRankAddition[],
  { config, baseModel, card }: AdapterOrigin,
): Promise<void> {
  await makeFolder(folder);
  const tensors = new Map(additions.flatMap(namedHalves));
  try {
    await saveTensorFile(join(folder, ADAPTER_WEIGHTS), tensors);
  } finally {
    disposeAll(tensors.values());
  }
  await writeFile(
    join(folder, ADAPTER_CONFIG),
    renderAdapterConfig(
      { parameters: additions.map(({ parameter }) => parameter), baseModel: baseModelName(baseModel), ...commonScaling(additions) },
      config,
    ),
  );
  await writeFile(join(folder, CARD_FILE), renderModelCard({ ...adapterCard(baseModel), ...card }));
}

/** Of an embedding PEFT keeps the two the other way about. */
function namedHalves({ parameter, a, b }: LowRankAddition): [string, Tensor][] {
  const module = moduleOf(parameter);
  const [isEmbedding, prefix] = [EMBEDDINGS.includes(module), `base_model.model.${module}`];
  const [left, right] = scope(() => (isEmbedding ? [b.t().contiguous(), a.t().contiguous()] : [a.mul(1), b.mul(1)]) as [Tensor, Tensor]);
  return isEmbedding
    ? [
        [`${prefix}.lora_embedding_A`, left],
        [`${prefix}.lora_embedding_B`, right],
      ]
    : [
        [`${prefix}.lora_A.weight`, left],
        [`${prefix}.lora_B.weight`, right],
      ];
}

export function adapterCard(baseModel: string): ModelCard {
  const baseName = shortModelName(baseModel);
  return { title: `Adapter for ${baseName}`, baseModel: hubName(baseModel), baseName, library: 'peft', dtype: 'float32', tags: ['lora'] };
}

function moduleOf(parameter: string): string {
  return parameter.replace(/\.weight$/, '');
}

/** Rank and alpha that most modules share are those of the adapter; the others are named one by one. */
function commonScaling(additions: readonly LowRankAddition[]): {
  rank: number;
  alpha: number;
  ranks: Record<string, number>;
  alphas: Record<string, number>;
} {
  const scalings = additions.map(({ parameter, a, scale }) => ({
    module: moduleOf(parameter),
    rank: a.shape[0]!,
    alpha: scale * a.shape[0]!,
  }));
  const [rank, alpha] = [mostFrequent(scalings.map((each) => each.rank)), mostFrequent(scalings.map((each) => each.alpha))];
  const others = (key: 'rank' | 'alpha', common: number): Record<string, number> =>
    Object.fromEntries(scalings.filter((each) => each[key] !== common).map((each) => [each.module, each[key]]));
  return { rank, alpha, ranks: others('rank', rank), alphas: others('alpha', alpha) };
}

function mostFrequent(values: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort((left, right) => right[1] - left[1])[0]![0];
}
