import { measureMauves, pairTexts, type MauveTexts } from '../evaluate/mauve-texts.ts';
import type { MauveCell } from './cell.ts';
import type { MauveCellResult } from './cell-results.ts';
import type { Laboratory } from './laboratory.ts';
import type { Results } from './study.ts';

/** Compares what each text cell wrote with what people wrote after the same contexts. */
export async function runMauveCell(cell: MauveCell, laboratory: Laboratory, results: Results): Promise<MauveCellResult> {
  const pairs: MauveTexts[] = [];
  for (const id of cell.texts) pairs.push(await textsOf(cell, results.get(id, 'text').texts, laboratory));
  const model = await laboratory.featureModel();
  const onProgress = ({ done, total }: { done: number; total: number }): void => laboratory.onWork('texts read', done, total);
  return { mauves: await measureMauves(model, { human: pairs[0]!.human, machines: pairs.map(({ machine }) => machine) }, { features: cell.featureModel, onProgress }) };
}

async function textsOf({ domain, newTokens }: MauveCell, written: readonly { ids: number[] }[], laboratory: Laboratory): Promise<MauveTexts> {
  const pairs = laboratory.domain(domain).contexts.map(({ context, original }, at) => ({ context, human: original, machine: Int32Array.from(written[at]!.ids) }));
  // A study refuses a feature model beside a model without a tokenizer.
  return pairTexts(laboratory.tokenizer!, pairs, newTokens);
}
