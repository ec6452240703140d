// How near a tie it was where another engine went on with another id: the difference of our float32 scores for the two.
// Settings: weights, tokens, batch, partings: [{ row, shared (ids both wrote), ours, theirs }].
import { takePrompts } from '../lib/prompts.mjs';
import { answer, loadModel, readTokens, settings } from '../lib/runner.mjs';

const prompts = takePrompts(readTokens(), settings.batch);
const model = await loadModel();

/** Scores [1, T, vocabulary] at the last position. */
async function lastLogits(ids) {
  const length = ids.length;
  const { logits } = await model.forward({
    tokens: Int32Array.from(ids),
    targets: new Int32Array(length).fill(-100),
    batchSize: 1,
    sequenceLength: length,
  });
  const numbers = logits.toTypedArray();
  logits.dispose();
  return numbers.subarray(numbers.length - numbers.length / length);
}

const gaps = [];
for (const { row, shared, ours, theirs } of settings.partings) {
  const logits = await lastLogits([...prompts[row], ...shared]);
  gaps.push(Math.abs(logits[ours] - logits[theirs]));
}
answer({ gaps });
