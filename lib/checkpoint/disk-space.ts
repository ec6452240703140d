import type { ModelConfig } from '../addon-types.ts';
import { formatSize } from '../hub/bytes.ts';
import { HyperfitError } from '../errors.ts';
import { freeBytes } from '../model/free-bytes.ts';
import { expectedParameters } from '../model/parameters.ts';

const BYTES_PER_WEIGHT = 4;
/** Configuration, state, manifest, and what a file system adds. */
const SMALL_FILES = 256e3;

/** What a saved model takes on disk as float32: weights, tokenizer and small files. */
export function modelBytes({ config, tokenizer }: { config: ModelConfig; tokenizer: { byteSize: number } | undefined }): number {
  const shapes = [...expectedParameters(config).values()];
  const weights = shapes.reduce((sum, shape) => sum + shape.reduce((product, size) => product * size, 1), 0);
  return weights * BYTES_PER_WEIGHT + (tokenizer?.byteSize ?? 0) + SMALL_FILES;
}

/**
 * Refuses a save that cannot fit, before anything is written or deleted.
 * @param bytes what the save will take
 * @throws HyperfitError ERR_CHECKPOINT
 */
export async function requireDiskSpace(folder: string, bytes: number): Promise<void> {
  const available = await freeBytes(folder);
  if (available === undefined || available >= bytes) return;
  throw new HyperfitError(
    'ERR_CHECKPOINT',
    `expected ${formatSize(bytes)} free for a checkpoint in ${folder}, got ${formatSize(available)}; ` +
      'free some space or lower keepLastCheckpoints, then resume; earlier checkpoints are untouched',
  );
}
