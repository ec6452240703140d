import type { Model } from '../model/model.ts';
import { openModelFiles } from '../model/model-files.ts';
import { savedRunFile } from './run-file.ts';
import type { RunFolder } from './run-folder.ts';

/** Share of the weights that differ from those the run began with; null when those files are gone. */
export async function measureChangedShare(folder: RunFolder, model: Model): Promise<number | null> {
  const { path } = savedRunFile(folder).model;
  return openModelFiles(path).then(
    (files) => model.changedShare(files),
    () => null,
  );
}

/** Full fine-tuning in float32 moves nearly every weight, embeddings of unseen tokens apart. */
const IMPLAUSIBLE_SHARE = 0.2;

/** A warning about updates that do not arrive, or undefined. */
export function frozenWeightsWarning(changedShare: number | null, step: number): string | undefined {
  if (changedShare === null || changedShare >= IMPLAUSIBLE_SHARE) return undefined;
  return `only ${(changedShare * 100).toFixed(1)} % of the weights changed in ${step} steps: updates are lost to rounding; raise learningRate`;
}
