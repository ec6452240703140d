// One process, one engine: ours, to its first token or training step. Settings: weights, tokens, computeDtype, until (token or step),
// text; batch, sequence.
import { makeBatch, Optimizer } from 'hyperfit';
import { answer, loadModel, peakBytes, readTokens, settings } from '../lib/runner.mjs';

const { until, text, batch, sequence } = settings;
const model = await loadModel();
const loaded = Date.now();

async function firstToken() {
  const [generation] = await model.generate([text], { maxNewTokens: 1 });
  return [...generation.ids];
}

async function firstStep() {
  const ids = readTokens();
  const optimizer = new Optimizer(model);
  const rows = Array.from({ length: batch }, (_, row) => ids.subarray(row * sequence, (row + 1) * sequence));
  const { tokenCount } = await model.forwardBackward(makeBatch(rows));
  await optimizer.step({ learningRate: 1e-5, gradScale: 1 / tokenCount });
}

const ids = await (until === 'token' ? firstToken() : firstStep());
answer({ loaded, reached: Date.now(), ids, peakBytes: peakBytes() });
