/** Rows of equal length as the flat arrays that `forwardBackward` takes. */
export interface FlatBatch {
  tokens: Int32Array;
  targets: Int32Array;
  batchSize: number;
  sequenceLength: number;
}

export const IGNORE_INDEX = -100;

/** Next-token targets; the last position of each row has none. */
export function makeBatch(rows: readonly (readonly number[])[], targets = rows.map((row) => [...row.slice(1), IGNORE_INDEX])): FlatBatch {
  return {
    tokens: Int32Array.from(rows.flat()),
    targets: Int32Array.from(targets.flat()),
    batchSize: rows.length,
    sequenceLength: rows[0]!.length,
  };
}

/** The same small sequence of numbers everywhere (mulberry32), in [0, 1). */
export function makeRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `batchSize` rows of `sequenceLength` ids in [3, vocabSize): past the special tokens of the tiny models. */
export function randomRows(seed: number, batchSize: number, sequenceLength: number, vocabSize: number): number[][] {
  const random = makeRandom(seed);
  return Array.from({ length: batchSize }, () => Array.from({ length: sequenceLength }, () => 3 + Math.floor(random() * (vocabSize - 3))));
}
