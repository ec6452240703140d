import type { EvaluatedGeneration } from '../evaluate/evaluation.ts';
import type { Mauve, MauveOptions } from '../evaluate/mauve.ts';
import { measureMauves, pairTexts, type MauveTexts } from '../evaluate/mauve-texts.ts';
import type { Model } from '../model/model.ts';
import { checkFeatureModel, nameFeatureModel } from '../run/feature-model.ts';
import { withModel, type ModelOptions } from './load-model.ts';
import type { Output } from './output.ts';

/** A document, of which the model is given the beginning. */
export interface SplitDocument {
  ids: Int32Array;
  context: Int32Array;
}

/** Throws as `checkFeatureModel`. */
export async function checkLikeness(path: string, documents: readonly SplitDocument[], newTokens: number, output: Output): Promise<void> {
  const usable = documents.filter(({ ids, context }) => ids.length >= context.length + newTokens).length;
  await checkFeatureModel(path, { usable, all: documents.length, newTokens }, (message) => output.warn(message));
}

/** What people and the model wrote after the same contexts, of equal length. */
export async function pairDocuments(model: Model, documents: readonly SplitDocument[], generations: readonly EvaluatedGeneration[], newTokens: number): Promise<MauveTexts> {
  const originals = documents.map(({ ids, context }) => ({ context, human: ids.subarray(context.length) }));
  const { human, machines } = await pairTexts(model.requireTokenizer(), originals, [generations.map(({ ids }) => ids)], newTokens);
  return { human, machine: machines[0]! };
}

/** A score with the least and the largest that other clusterings of the same texts give; one clustering has no range. */
export interface ClusteredMauve extends Mauve {
  range: { low: number; high: number; clusterings: number } | null;
}

/** Clusterings of small sets; of large ones they take minutes each and differ little. */
const CLUSTERINGS = { count: 10, mostTexts: 1000 };

/** MAUVE under the model at `path`. */
export async function measureLikeness(path: string, texts: MauveTexts, settings: MauveOptions, options: ModelOptions, output: Output): Promise<ClusteredMauve> {
  return withModel({ ...options, model: path }, output, async (model) => {
    const onProgress = ({ done, total }: { done: number; total: number }): void => {
      if (done % 32 === 0 || done === total) output.log(`texts read ${done}/${total}`);
    };
    const { seed = 0 } = settings;
    const clusterings = texts.human.length <= CLUSTERINGS.mostTexts ? CLUSTERINGS.count : 1;
    const seeds = Array.from({ length: clusterings }, (_, at) => seed + at);
    const [mauves] = await measureMauves(model, { human: texts.human, machines: [texts.machine] }, { ...settings, seeds, features: await nameFeatureModel(model.path), onProgress });
    const scores = mauves!.map(({ score }) => score);
    return { ...mauves![0]!, range: clusterings === 1 ? null : { low: Math.min(...scores), high: Math.max(...scores), clusterings } };
  });
}
