import { batches, IGNORE_INDEX, type Batch, type Row } from '../data/batch.ts';
import type { NativeTokenStats } from '../addon-types.ts';
import type { Model } from '../model/model.ts';
import type { LikelihoodCellResult, SequenceSums } from './cell-results.ts';

export type TeacherForcedModel = Pick<Model, 'tokenStats'>;

/** Statistics of each sequence's predicted tokens, and every first choice; `onDone` is told of sequences. */
export async function teacherForce(
  model: TeacherForcedModel,
  sequences: readonly Row[],
  onDone: (done: number) => void = () => {},
): Promise<LikelihoodCellResult> {
  const sums: SequenceSums = { tokens: [], loss: [], entropy: [], top1Mass: [], top3Mass: [], top5Mass: [], correct: [] };
  const top1Ids: number[] = [];
  for (const batch of batches(sequences, { batchSize: 8 })) {
    const stats = await model.tokenStats(batch);
    for (let row = 0; row < batch.batchSize; row += 1) addRow(sums, top1Ids, batch, stats, row);
    onDone(sums.tokens.length);
  }
  return { sums, top1Ids };
}

function addRow(sums: SequenceSums, top1Ids: number[], batch: Batch, stats: NativeTokenStats, row: number): void {
  const places = Array.from({ length: batch.sequenceLength }, (_, column) => row * batch.sequenceLength + column).filter(
    (at) => batch.targets[at] !== IGNORE_INDEX,
  );
  const total = (values: Float32Array): number => places.reduce((sum, at) => sum + values[at]!, 0);
  sums.tokens.push(places.length);
  sums.loss.push(total(stats.loss));
  sums.entropy.push(total(stats.entropy));
  sums.top1Mass.push(total(stats.top1Mass));
  sums.top3Mass.push(total(stats.top3Mass));
  sums.top5Mass.push(total(stats.top5Mass));
  sums.correct.push(places.filter((at) => stats.top1Ids[at] === batch.targets[at]).length);
  for (const at of places) top1Ids.push(stats.top1Ids[at]!);
}

/** Mean over all tokens of one of the sums. */
export function tokenMean(sums: SequenceSums, key: keyof SequenceSums): number {
  return sums[key].reduce((sum, value) => sum + value, 0) / sums.tokens.reduce((sum, value) => sum + value, 0);
}
