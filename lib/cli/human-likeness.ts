import type { Context } from '../data/selection.ts';
import type { EvaluatedGeneration } from '../evaluate/evaluation.ts';
import type { Mauve, MauveOptions } from '../evaluate/mauve.ts';
import { measureMauves, pairTexts, type MauveTexts } from '../evaluate/mauve-texts.ts';
import type { Model } from '../model/model.ts';
import { checkFeatureModel, nameFeatureModel } from '../run/feature-model.ts';
import { withModel, type ModelOptions } from './load-model.ts';
import type { Output } from './output.ts';

/** Throws as `checkFeatureModel`. */
export async function checkLikeness(path: string, documents: readonly Context[], newTokens: number, output: Output): Promise<void> {
  const usable = documents.filter(({ original, isAnswer }) => original.length >= newTokens && isAnswer !== true).length;
  await checkFeatureModel(path, { usable, all: documents.length, newTokens }, (message) => output.warn(message));
}

/** What people and the model wrote after the same contexts, of equal length; answers have lengths of their own and are left out. */
export async function pairDocuments(
  model: Model,
  documents: readonly Context[],
  generations: readonly EvaluatedGeneration[],
  newTokens: number,
): Promise<MauveTexts> {
  const originals = documents.map(({ context, original, isAnswer }) => ({
    context,
    human: isAnswer === true ? new Int32Array(0) : original,
  }));
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
export async function measureLikeness(
  path: string,
  texts: MauveTexts,
  settings: MauveOptions,
  options: ModelOptions,
  output: Output,
): Promise<ClusteredMauve> {
  return withModel({ ...options, model: path, adapter: undefined }, output, async (model) => {
    const onProgress = ({ done, total }: { done: number; total: number }): void => {
      if (done % 32 === 0 || done === total) output.log(`texts read ${done}/${total}`);
    };
    const { seed = 0 } = settings;
    const clusterings = texts.human.length <= CLUSTERINGS.mostTexts ? CLUSTERINGS.count : 1;
    const seeds = Array.from({ length: clusterings }, (_, at) => seed + at);
    const [mauves] = await measureMauves(
      model,
      { human: texts.human, machines: [texts.machine] },
      { ...settings, seeds, features: await nameFeatureModel(model.path), onProgress },
    );
    const scores = mauves!.map(({ score }) => score);
    return { ...mauves![0]!, range: clusterings === 1 ? null : { low: Math.min(...scores), high: Math.max(...scores), clusterings } };
  });
}
