// One process, one engine: ours. Settings: weights, tokens, batch, sequence, steps, computeDtype, lora, recompute.
import { makeBatch, Optimizer } from 'hyperfit';
import { targetCount } from 'hyperfit/data';
import { answer, loadModel, peakBytes, readTokens, runtimeBytes, settings } from '../lib/runner.mjs';

const { batch: B, sequence: T, steps } = settings;
const ids = readTokens();
const runtime = runtimeBytes();
const model = await loadModel();
const optimizer = new Optimizer(model, { lora: settings.lora });

async function trainStep(step) {
  const rows = Array.from({ length: B }, (_, row) => {
    const start = ((step * B + row) * T) % (ids.length - T);
    return ids.subarray(start, start + T);
  });
  const started = performance.now();
  const batch = makeBatch(rows);
  const tokenCount = targetCount(batch);
  const { lossSums } = await optimizer.trainStep([batch], { learningRate: 1e-5, gradScale: 1 / tokenCount });
  return { loss: lossSums[0] / tokenCount, milliseconds: performance.now() - started };
}

// The first two steps also take memory; they are a warm-up for every engine.
const done = [await trainStep(0), await trainStep(1)];
const faultsBefore = process.resourceUsage().minorPageFault;
for (let step = 2; step < steps + 2; step++) done.push(await trainStep(step));
answer({
  milliseconds: done.slice(2).map((one) => one.milliseconds),
  losses: done.map(({ loss }) => loss),
  minorFaultsPerStep: (process.resourceUsage().minorPageFault - faultsBefore) / steps,
  runtimeBytes: runtime,
  peakBytes: peakBytes(),
});
