import { measureMauve, pairTexts, type MauveTexts } from '../evaluate/mauve-texts.ts';
import type { Mauve } from '../evaluate/mauve.ts';
import type { MauveCell } from './cell.ts';
import type { MauveCellResult } from './cell-results.ts';
import type { Laboratory } from './laboratory.ts';
import type { Results } from './study.ts';

/** Compares what each text cell wrote with what people wrote after the same contexts. */
export async function runMauveCell(cell: MauveCell, laboratory: Laboratory, results: Results): Promise<MauveCellResult> {
  const pairs: MauveTexts[] = [];
  for (const id of cell.texts) pairs.push(await textsOf(cell, results.get(id, 'text').texts, laboratory));
  const model = await laboratory.featureModel();
  const total = pairs.reduce((sum, { human, machine }) => sum + human.length + machine.length, 0);
  const mauves: Mauve[] = [];
  let read = 0;
  for (const texts of pairs) {
    const before = read;
    mauves.push(await measureMauve(model, texts, { features: cell.featureModel, onProgress: ({ done }) => laboratory.onWork('texts read', (read = before + done), total) }));
  }
  return { mauves };
}

async function textsOf({ domain, newTokens }: MauveCell, written: readonly { ids: number[] }[], laboratory: Laboratory): Promise<MauveTexts> {
  const pairs = laboratory.domain(domain).contexts.map(({ context, original }, at) => ({ context, human: original, machine: Int32Array.from(written[at]!.ids) }));
  // A study refuses a feature model beside a model without a tokenizer.
  return pairTexts(laboratory.tokenizer!, pairs, newTokens);
}
