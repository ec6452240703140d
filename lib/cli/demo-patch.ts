import { join } from 'node:path';
import type { RunConfig } from '../config/fields.ts';
import { evaluate } from '../evaluate/evaluation.ts';
import { OverlapIndex } from '../evaluate/overlap.ts';
import { Model } from '../model/model.ts';
import { renderComparisonTable } from '../report/comparison-text.ts';
import { makeVariant } from '../report/variant.ts';
import { readComparisonFile } from '../run/comparison-file.ts';
import { patchModel, type PatchResult } from '../run/patch.ts';
import { cardOf } from '../run/run-card.ts';
import { loadRunData } from '../run/run-data.ts';
import { runFolder } from '../run/run-folder.ts';
import type { RunResult } from '../run/run.ts';

/** Enough to end the loops of the demo's model, and a megabyte or two. */
const RANK = 2;

/** The run's change as a patch, and how the stock model writes with it. */
export interface DemoPatch extends Pick<PatchResult, 'rank' | 'numbers' | 'energyKept' | 'shareInMatrices' | 'adapter' | 'gguf' | 'notes'> {
  variant: ReturnType<typeof makeVariant>;
}

/**
 * Writes `patch/` into the run's folder and measures the base with it as the run measured the other two; undefined for a run that was
 * stopped or compared nothing.
 */
export async function patchDemo(
  { reason, checkpoint, comparison, folder }: RunResult,
  config: RunConfig,
  onProgress: (message: string) => void,
): Promise<DemoPatch | undefined> {
  if (reason === 'stopped' || checkpoint === null || comparison.length === 0 || config.model === null) return undefined;
  const computing = { device: config.device, computeDtype: config.computeDtype };
  const base = await Model.load(config.model, computing);
  try {
    const trained = await Model.load(checkpoint, computing);
    const { rank, numbers, energyKept, shareInMatrices, adapter, gguf, notes } = await patchModel(trained, base, join(folder, 'patch'), {
      rank: RANK,
      merged: false,
      card: await cardOf(checkpoint),
    }).finally(() => trained.dispose());
    onProgress(`continuing the contexts with the patch of rank ${RANK}`);
    const data = await loadRunData(config, base);
    const contexts = readComparisonFile(runFolder(folder)).contexts.map(({ context }) => Int32Array.from(context));
    const result = await evaluate(base, {
      contexts,
      heldOut: data.heldOut,
      maxNewTokens: config.maxNewTokens,
      train: new OverlapIndex(data.train.map(({ ids }) => ids)),
    });
    return {
      rank,
      numbers,
      energyKept,
      shareInMatrices,
      adapter,
      gguf,
      notes,
      variant: makeVariant(`patch of rank ${RANK}, greedy`, true, result),
    };
  } finally {
    base.dispose();
  }
}

export function renderDemoPatch(
  { rank, numbers, shareInMatrices, energyKept, adapter, gguf, variant }: DemoPatch,
  comparison: RunResult['comparison'],
): string {
  const greedy = comparison
    .filter(({ decoding }) => decoding === 'greedy')
    .map(({ name, isHyperfitted, result }) => makeVariant(name, isHyperfitted, result));
  const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
  return [
    '',
    `patch: the change of the layers' matrices cut to rank ${rank}, ${numbers} numbers (${percent(energyKept * shareInMatrices)} of what changed, in squares), laid over the original`,
    '',
    renderComparisonTable([
      ...greedy.filter(({ isHyperfitted }) => !isHyperfitted),
      variant,
      ...greedy.filter(({ isHyperfitted }) => isHyperfitted),
    ]),
    '',
    `PEFT       ${adapter}`,
    ...(gguf === null ? [] : [`llama.cpp  ${gguf}`]),
  ].join('\n');
}
