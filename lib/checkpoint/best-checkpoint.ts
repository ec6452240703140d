import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { copyFile, link, rename } from '../file-system.ts';
import { readTextSync } from '../regular-file.ts';
import { z } from 'zod';
import { makeFolder } from '../folders.ts';
import { requireSoundWeights } from '../model/sound-weights.ts';
import type { Model } from '../model/model.ts';
import { REPLACED_SUFFIX, saveError, writeFlushed, writeFolder } from './atomic-folder.ts';
import { modelBytes, requireDiskSpace } from './disk-space.ts';
import { listFiles, MANIFEST_NAME } from './manifest.ts';

/** By what a checkpoint can be the best of a run. */
export const BEST_CRITERIA = ['generation', 'loss'] as const;
export type BestCriterion = (typeof BEST_CRITERIA)[number];

const measure = z.number().nullable();
const figures = {
  step: z.number().int().min(1),
  trainLoss: measure,
  ttr: measure,
  rep2: measure,
  exactMatch: measure.optional(),
  answerLoss: measure.optional(),
};
const schema = z.object({ schemaVersion: z.literal(1), criterion: z.enum(BEST_CRITERIA), ...figures });

/** What checkpoints are compared by, all of one evaluation. */
export interface BestScore {
  step: number;
  /** Mean training loss of about one pass up to this step, nats per token. */
  trainLoss: number | null;
  /** Mean type-token ratio of greedy continuations of held-out contexts. */
  ttr: number | null;
  /** Their share of repeated bigrams. */
  rep2: number | null;
  /** Of greedy answers to held-out questions: the share equal to the right one. */
  exactMatch?: number | null | undefined;
  /** Of the right answers, nats per token. */
  answerLoss?: number | null | undefined;
}

export interface BestCheckpoint extends BestScore {
  criterion: BestCriterion;
  /** A Hugging Face folder: weights without moments, hence nothing to resume from. */
  path: string;
}

const BEST_NAME = 'best.json';

export function bestPath(folder: string, criterion: BestCriterion): string {
  return join(folder, `best-by-${criterion}`);
}

/**
 * Whether `candidate` beats `incumbent`. Generation: the more exact answers, of equally many those whose right answers have the lower loss;
 * where no answers are measured the higher type-token ratio, of equal ones the one with fewer repeated bigrams. Loss: the lower mean
 * training loss. What was not measured never wins, and of equals the earlier stays.
 */
export function isBetter(criterion: BestCriterion, candidate: BestScore, incumbent: BestScore | undefined): boolean {
  if (criterion === 'loss') return candidate.trainLoss !== null && candidate.trainLoss < (incumbent?.trainLoss ?? Infinity);
  if (typeof candidate.exactMatch === 'number' || typeof candidate.answerLoss === 'number') return answersBetter(candidate, incumbent);
  if (candidate.ttr === null) return false;
  const ratio = incumbent?.ttr ?? -Infinity;
  return candidate.ttr > ratio || (candidate.ttr === ratio && (candidate.rep2 ?? 1) < (incumbent?.rep2 ?? 1));
}

function answersBetter(candidate: BestScore, incumbent: BestScore | undefined): boolean {
  const [share, best] = [candidate.exactMatch ?? -1, incumbent?.exactMatch ?? -1];
  return share > best || (share === best && (candidate.answerLoss ?? Infinity) < (incumbent?.answerLoss ?? Infinity));
}

/**
 * Keeps the weights as `folder/best-by-<criterion>`, in place of the former ones, for each of the criteria. The tensors are written
 * once: further folders link to the files of the first. `writeMore` adds what belongs beside them.
 * @throws HyperfitError ERR_CHECKPOINT when the disk is full or refuses, ERR_NOT_FINITE for weights that are ruined; the former ones are
 * then untouched
 */
export async function saveBest(
  folder: string,
  criteria: readonly BestCriterion[],
  model: Model,
  score: BestScore,
  writeMore: (partial: string) => Promise<void> = async () => {},
): Promise<BestCheckpoint[]> {
  await requireSoundWeights(model, score.step);
  await makeFolder(folder).catch((cause: unknown) => {
    throw saveError(folder, cause);
  });
  await requireDiskSpace(folder, modelBytes(model));
  const kept: BestCheckpoint[] = [];
  for (const criterion of criteria) {
    const path = bestPath(folder, criterion);
    const first = kept[0];
    await writeFolder(path, async (partial) => {
      await (first === undefined ? model.save(partial).then(() => writeMore(partial)) : linkFiles(first.path, partial));
      await writeFlushed(join(partial, BEST_NAME), `${JSON.stringify({ schemaVersion: 1, criterion, ...score }, null, 2)}\n`);
    });
    kept.push({ criterion, ...score, path });
  }
  return kept;
}

/** Files of a complete folder are never written to again, so two folders may share them. */
async function linkFiles(from: string, to: string): Promise<void> {
  const names = (await listFiles(from)).filter((name) => name !== BEST_NAME && name !== MANIFEST_NAME);
  for (const name of names) {
    const [source, target] = [join(from, name), join(to, name)];
    await makeFolder(dirname(target));
    await link(source, target).catch(() => copyFile(source, target));
  }
}

/** The best checkpoints in `folder`, in the order of BEST_CRITERIA; those that are not complete do not count. */
export function readBest(folder: string): BestCheckpoint[] {
  return BEST_CRITERIA.flatMap((criterion) => {
    const path = bestPath(folder, criterion);
    const score = existsSync(join(path, MANIFEST_NAME)) ? parseScore(join(path, BEST_NAME)) : undefined;
    if (score === undefined) return [];
    const { schemaVersion: _, ...kept } = score;
    return [{ ...kept, criterion, path }];
  });
}

function parseScore(path: string): z.infer<typeof schema> | undefined {
  try {
    return schema.parse(JSON.parse(readTextSync(path)));
  } catch {
    return undefined;
  }
}

/** Puts back a folder that had stepped aside for one that never came, since the process died in between. */
export async function recoverBest(folder: string): Promise<void> {
  for (const criterion of BEST_CRITERIA) {
    const path = bestPath(folder, criterion);
    if (!existsSync(path) && existsSync(path + REPLACED_SUFFIX)) await rename(path + REPLACED_SUFFIX, path);
  }
}
