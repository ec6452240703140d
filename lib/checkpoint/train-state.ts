import { join } from 'node:path';
import { z } from 'zod';
import { HyperfitError } from '../errors.ts';
import { readText } from '../regular-file.ts';
import { writeFlushed } from './atomic-folder.ts';

export const STATE_NAME = 'state.json';

const count = z.number().int().min(0);

const schema = z.object({
  schemaVersion: z.literal(1),
  /** Optimizer steps done. */
  step: count,
  /** Full passes done; the pass in progress has this index, counted from 0. */
  epoch: count,
  /** Batches of the pass in progress that are done. */
  position: count,
  /** Sum of the losses (nats) and count of the predicted tokens in the pass in progress. */
  epochLossSum: z.number(),
  epochTokenCount: count,
  /** Mean loss of the last full pass, null before the first. */
  lastEpochLoss: z.number().nullable(),
  /** The order of a pass is a function of these and of the pass's index: no generator state needs keeping beside them. */
  order: z.string(),
  seed: count,
  sampleCount: count,
  batchSize: count,
  /** SHA-256 of the training sequences, in the order in which they were listed. */
  dataHash: z.string(),
});

/** Where a training run stands: with the weights and the moments, all that a bit-exact resume needs. */
export type TrainState = z.infer<typeof schema>;

export async function saveState(folder: string, state: TrainState): Promise<void> {
  // In the order of the schema: a resumed run writes the same bytes.
  await writeFlushed(join(folder, STATE_NAME), `${JSON.stringify(schema.parse(state), null, 2)}\n`);
}

/** @throws HyperfitError ERR_CHECKPOINT when the file is missing or malformed */
export async function loadState(folder: string): Promise<TrainState> {
  const path = join(folder, STATE_NAME);
  const remedy = 'resume from a checkpoint made by hyperfit train';
  const text = await readText(path).catch((cause: unknown) => {
    throw new HyperfitError('ERR_CHECKPOINT', `expected ${path}, got none; ${remedy}`, { cause });
  });
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new HyperfitError('ERR_CHECKPOINT', `expected step, epoch, position and order in ${path}, got something else; ${remedy}`, {
      cause,
    });
  }
}
