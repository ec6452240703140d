import { modelBytes } from '../checkpoint/disk-space.ts';
import type { RunConfig } from '../config/fields.ts';
import { freeBytes } from '../model/free-bytes.ts';
import type { Model } from '../model/model.ts';
import type { Optimizer } from '../model/optimizer.ts';
import { formatSize } from '../hub/bytes.ts';

export interface RoomParts {
  model: Pick<Model, 'config' | 'tokenizer'>;
  optimizer: Pick<Optimizer, 'stateBytes'>;
  config: Pick<RunConfig, 'saveEverySteps' | 'keepLastCheckpoints' | 'keepBest' | 'evaluateEverySteps'>;
  /** Null where only a target loss ends the run. */
  stepsLeft: number | null;
}

/** The most that a run's checkpoints take at once, bytes: a new one is whole before an old one goes. */
export function bytesOfRun({ model, optimizer, config, stepsLeft }: RoomParts): number {
  const { saveEverySteps, keepLastCheckpoints, keepBest, evaluateEverySteps } = config;
  const weights = modelBytes(model);
  const saves = stepsLeft === null ? Infinity : saveEverySteps === 0 ? 1 : Math.ceil(stepsLeft / saveEverySteps);
  const folders = Math.min(saves, keepLastCheckpoints + 1);
  const evaluations =
    evaluateEverySteps === 0 || keepBest === 'none' ? 0 : stepsLeft === null ? Infinity : Math.ceil(stepsLeft / evaluateEverySteps);
  // Of two criteria that different evaluations win, and one of them beaten.
  const best = Math.min(evaluations, keepBest === 'both' ? 3 : 2);
  return folders * (weights + optimizer.stateBytes) + best * weights;
}

/** What to say before the first step where the disk has less than the run will need; undefined where it has enough, or does not tell. */
export async function roomWarning(folder: string, parts: RoomParts): Promise<string | undefined> {
  const [needed, free] = [bytesOfRun(parts), await freeBytes(folder)];
  if (free === undefined || free >= needed) return undefined;
  return `the checkpoints of this run take up to ${formatSize(needed)}, and ${formatSize(free)} are free in ${folder}: saves may fail; free some space, or lower keepLastCheckpoints or set keepBest none`;
}
