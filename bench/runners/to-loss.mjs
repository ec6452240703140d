// One process, one engine: ours, from nothing to a training loss. Settings: weights, tokens, computeDtype, folder and the recipe.
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { hyperfit, Optimizer, saveCheckpoint } from 'hyperfit';
import { answer, loadModel, peakBytes, readTokens, settings } from '../lib/runner.mjs';

const { samples, sequence, batch, learningRate, maxEpochs, targetLoss, checkpointEverySteps } = settings;
const ids = readTokens();
const model = await loadModel();
const optimizer = new Optimizer(model);
const data = Array.from({ length: samples }, (_, index) => ids.subarray(index * sequence, (index + 1) * sequence));
const folder = mkdtempSync(join(settings.folder, 'ours-'));
const training = hyperfit(model, {
  data,
  optimizer,
  samples,
  sequenceLength: sequence,
  batchSize: batch,
  learningRate,
  epochs: maxEpochs,
  targetLoss,
  order: 'shuffle',
  seed: 0,
});
const epochLosses = [];
let steps = 0;
for await (const event of training) {
  if (event.type === 'epoch') epochLosses.push(event.meanLoss);
  else if (event.step % checkpointEverySteps === 0)
    await saveCheckpoint(folder, { model, optimizer, state: training.state }, { keepLast: 1 });
  steps = event.step;
}
answer({ steps, loss: epochLosses.at(-1), epochLosses, peakBytes: peakBytes() });
