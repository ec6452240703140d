import { measureMauves, pairTexts } from '../evaluate/mauve-texts.ts';
import type { MauveCell } from './cell.ts';
import type { MauveCellResult } from './cell-results.ts';
import type { Laboratory } from './laboratory.ts';
import type { Results } from './study.ts';

/** Compares what each text cell wrote with what people wrote after the same contexts. */
export async function runMauveCell(cell: MauveCell, laboratory: Laboratory, results: Results): Promise<MauveCellResult> {
  const originals = laboratory.domain(cell.domain).contexts.map(({ context, original }) => ({ context, human: original }));
  const written = cell.texts.map((id) => results.get(id, 'text').texts.map(({ ids }) => ids));
  // A study refuses a feature model beside a model without a tokenizer.
  const texts = await pairTexts(laboratory.tokenizer!, originals, written, cell.newTokens);
  const onProgress = ({ done, total }: { done: number; total: number }): void => laboratory.onWork('texts read', done, total);
  const clustered = await measureMauves(await laboratory.featureModel(), texts, {
    features: cell.featureModel,
    seeds: Array.from({ length: cell.clusterings }, (_, seed) => seed),
    onProgress,
  });
  return { mauves: clustered.map((mauves) => ({ ...mauves[0]!, scores: mauves.map(({ score }) => score) })) };
}
