import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('../../test/fixtures/models', import.meta.url));
/** Grouped heads with tied weights, a sliding window, and fused layers with biases and learned positions. */
const QUICK = ['gpt2-tied', 'llama-tied-gqa', 'mistral-window'];
export const IGNORE_INDEX = -100;

export const tinyModels = ({ quick }) => (quick ? QUICK : readdirSync(FOLDER).sort());
export const tinyModelPath = (name) => join(FOLDER, name);

/** The same numbers in [0, 1) everywhere: mulberry32. */
function makeRandom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Rows of ids from 3 on: past the special tokens of the tiny models. */
export function randomRows(seed, batchSize, sequenceLength, vocabSize) {
  const random = makeRandom(seed);
  return Array.from({ length: batchSize }, () => Array.from({ length: sequenceLength }, () => 3 + Math.floor(random() * (vocabSize - 3))));
}

/** Ids that may be read and predicted alike. */
export const idCount = ({ config }) => Math.min(config.vocabSize, config.outputVocabSize);

/** Next-token targets; the last position of each row has none. */
export function batchOf(rows, targets = rows.map((row) => [...row.slice(1), IGNORE_INDEX])) {
  return {
    tokens: Int32Array.from(rows.flat()),
    targets: Int32Array.from(targets.flat()),
    batchSize: rows.length,
    sequenceLength: rows[0].length,
  };
}

/** Rows of any length, padded on the right, where nothing is predicted: what causal attention reads never sees the padding. */
export function raggedBatch(rows) {
  const longest = Math.max(...rows.map((row) => row.length));
  const padded = (row, filler) => [...row, ...Array.from({ length: longest - row.length }, () => filler)];
  return batchOf(
    rows.map((row) => padded(row, 0)),
    rows.map((row) => padded(row.slice(1), IGNORE_INDEX).concat(IGNORE_INDEX).slice(0, longest)),
  );
}
