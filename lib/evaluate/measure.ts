import type { NativeTokenStats } from '../addon-types.ts';
import { withHooks } from '../callbacks.ts';
import { given } from '../config/given.ts';
import { batches, type Batch, type Row } from '../data/batch.ts';
import { TokenStatistics } from './token-statistics.ts';

/** What teacher-forced measurement needs of a model. */
export interface MeasurableModel {
  /** As `Model.tokenStats`. */
  tokenStats(batch: Batch, options?: { signal?: AbortSignal }): Promise<NativeTokenStats>;
}

/** Of `measure`. */
export interface MeasureOptions {
  /** Sequences per forward pass; default 8. It changes speed, not results. */
  batchSize?: number;
  /** Ends the work; the promise rejects with its reason. */
  signal?: AbortSignal;
  /** Told how far it is. */
  onProgress?: (progress: { done: number; total: number }) => void;
}

/**
 * Runs every sequence through the model once and adds up what it said about each next token. Rejects with the signal's reason when aborted.
 * @throws HyperfitError ERR_CONFIG for a `batchSize` below 1, ERR_DATA for empty sequences, and as `Model.tokenStats`
 *
 * @example
 * const statistics = await measure(model, heldOut, { batchSize: 4 });
 * console.log(statistics.summarize()?.perplexity, statistics.sequences().map(({ loss }) => loss));
 */
export async function measure(model: MeasurableModel, sequences: readonly Row[], options: MeasureOptions = {}): Promise<TokenStatistics> {
  const { batchSize = 8, signal, onProgress } = options;
  const statistics = new TokenStatistics();
  let done = 0;
  await withHooks(given({ onProgress }), async (hooks) => {
    for (const batch of batches(sequences, { batchSize })) {
      signal?.throwIfAborted();
      statistics.add(batch, await model.tokenStats(batch, signal === undefined ? {} : { signal }));
      done += batch.batchSize;
      hooks.onProgress?.({ done, total: sequences.length });
    }
  });
  return statistics;
}
