// One process, one engine: ours. Arguments: weights, tokens, batch, sequence, steps, computeDtype.
import { readFileSync } from 'node:fs';
import { makeBatch, Model, Optimizer } from 'hyperfit';

const [weights, tokensFile, batchSize, sequenceLength, steps, computeDtype] = process.argv.slice(2);
const [B, T, count] = [batchSize, sequenceLength, steps].map(Number);
const ids = Int32Array.from(JSON.parse(readFileSync(tokensFile, 'utf8')));
const model = await Model.load(weights, { computeDtype });
const optimizer = new Optimizer(model);
const losses = [];
const milliseconds = [];
for (let step = 0; step <= count; step++) {
  const rows = Array.from({ length: B }, (_, row) => ids.subarray((step * B + row) * T, (step * B + row + 1) * T));
  const started = performance.now();
  const { lossSum, tokenCount } = await model.forwardBackward(makeBatch(rows));
  await optimizer.step({ learningRate: 1e-5, gradScale: 1 / tokenCount });
  // The first step also takes memory; it is a warm-up for every engine.
  if (step > 0) milliseconds.push(performance.now() - started);
  losses.push(lossSum / tokenCount);
}
console.log(JSON.stringify({ milliseconds, losses, peakBytes: process.resourceUsage().maxRSS * 1024 }));
