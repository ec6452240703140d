import { HyperfitError } from '../errors.ts';

/** A target that counts in no loss and no statistic (PyTorch's default). */
export const IGNORE_INDEX = -100;

/** One forward pass: `tokens` and `targets` are row-major [batchSize, sequenceLength]. */
export interface Batch {
  /** Ids, row-major [batchSize, sequenceLength]. */
  tokens: Int32Array;
  /** The token that follows each token; IGNORE_INDEX at a row's last token, in its padding, and where it is not learnt. */
  targets: Int32Array;
  /** Rows. */
  batchSize: number;
  /** Columns: tokens of the longest row. */
  sequenceLength: number;
}

/** Tokens that train together: plain ids, each learnt from those before it, or ids with the targets that are. */
export type Row = Int32Array | { readonly ids: Int32Array; readonly targets?: Int32Array | undefined };

export function rowIds(row: Row): Int32Array {
  return 'ids' in row ? row.ids : row;
}

/** A batch and where its rows stand in the list they were taken from. */
export interface IndexedBatch extends Batch {
  /** Places of its rows among all sequences. */
  indices: Int32Array;
}

/**
 * Lays sequences side by side, padded on the right with `padId` (default 0) to the longest. With causal attention padding on the right
 * changes nothing before it, and its targets are IGNORE_INDEX.
 * @returns `tokens` and `targets`, row-major [batchSize, sequenceLength]
 * @throws HyperfitError ERR_DATA when there is no sequence, or one is empty
 *
 * @example
 * const batch = makeBatch([Int32Array.of(5, 6, 7), Int32Array.of(8, 9)]);
 * batch.tokens; // 5 6 7, 8 9 0
 * batch.targets; // 6 7 -100, 9 -100 -100
 */
export function makeBatch(sequences: readonly Row[], padId = 0): Batch {
  const empty = sequences.findIndex((row) => rowIds(row).length === 0);
  if (sequences.length === 0 || empty !== -1) {
    const got = sequences.length === 0 ? 'no sequence' : `an empty one at index ${empty}`;
    throw new HyperfitError(
      'ERR_DATA',
      `expected sequences of one token or more for \`sequences\`, got ${got}; leave empty lines out of the data`,
    );
  }
  const sequenceLength = sequences.reduce((longest, row) => Math.max(longest, rowIds(row).length), 0);
  const tokens = new Int32Array(sequences.length * sequenceLength).fill(padId);
  const targets = new Int32Array(tokens.length).fill(IGNORE_INDEX);
  sequences.forEach((row, index) => {
    const ids = rowIds(row);
    tokens.set(ids, index * sequenceLength);
    targets.set(('ids' in row ? row.targets : undefined) ?? ids.subarray(1), index * sequenceLength);
  });
  return { tokens, targets, batchSize: sequences.length, sequenceLength };
}

/**
 * How many targets of a batch count.
 *
 * @example
 * targetCount(makeBatch([Int32Array.of(5, 6, 7), Int32Array.of(8, 9)])); // 3: every token but the first of each
 */
export function targetCount(batch: Batch): number {
  return batch.targets.reduce((count, target) => count + (target === IGNORE_INDEX ? 0 : 1), 0);
}

/**
 * Batches of `batchSize` sequences in the given order.
 * @param options - `order`: places of the sequences, default as listed. `padId`: default 0. `dropLast`: leave out a last batch that is
 *   smaller, default false. `start`: skip so many batches, for resuming inside an epoch, default 0
 * @throws HyperfitError ERR_CONFIG for a `batchSize` below 1, ERR_DATA for empty sequences
 *
 * @example
 * const order = epochOrder({ kind: 'shuffle' }, sequences.length, { seed: 0, epoch: 1 });
 * for (const batch of batches(sequences, { batchSize: 8, order })) {
 *   await model.forwardBackward(batch);
 * }
 */
export function* batches(
  sequences: readonly Row[],
  options: { batchSize: number; order?: Int32Array; padId?: number; dropLast?: boolean; start?: number },
): Generator<IndexedBatch> {
  const { batchSize, padId = 0, dropLast = false, start = 0 } = options;
  if (!Number.isInteger(batchSize) || batchSize < 1) {
    throw new HyperfitError('ERR_CONFIG', `expected a whole number of at least 1 for \`batchSize\`, got ${batchSize}; give one`);
  }
  const order = options.order ?? Int32Array.from(sequences, (_, index) => index);
  for (let at = start * batchSize; at < order.length; at += batchSize) {
    const indices = order.slice(at, at + batchSize);
    if (dropLast && indices.length < batchSize) return;
    yield {
      ...makeBatch(
        Array.from(indices, (index) => sequences[index]!),
        padId,
      ),
      indices,
    };
  }
}
