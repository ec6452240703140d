// How long the event loop is held up, by a model's own work: node event-loop.mjs SECONDS, with DIST and MODEL in the environment. Prints
// JSON, milliseconds.
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';
import { setTimeout as wait } from 'node:timers/promises';

const { DIST, MODEL } = process.env;
const seconds = Number(process.argv[2]);
const { hyperfit, Model } = await import(pathToFileURL(join(DIST, 'index.mjs')));
const model = await Model.load(MODEL, { computeDtype: 'bfloat16' });
const TEXTS = Array.from({ length: 8 }, (_, index) => Int32Array.from({ length: 128 }, (_, at) => 2 + ((at * 7 + index * 13) % 200)));

/** The delay beyond the monitor's own beat. */
async function measured(work) {
  const until = Date.now() + 1000 * seconds;
  const monitor = monitorEventLoopDelay({ resolution: 5 });
  monitor.enable();
  await work(() => Date.now() < until);
  monitor.disable();
  const above = (nanoseconds) => Math.max(0, Math.round(nanoseconds / 1e5 - 50) / 10);
  return { p50: above(monitor.percentile(50)), p99: above(monitor.percentile(99)), max: above(monitor.max) };
}

const training = async (goesOn) => {
  for await (const _ of hyperfit(model, { data: TEXTS, batchSize: 8, epochs: 100_000, learningRate: 1e-6 })) if (!goesOn()) break;
};
const generating = async (goesOn) => {
  while (goesOn()) for await (const _ of model.stream([5, 6, 7], { maxNewTokens: 96, stopIds: [] })) if (!goesOn()) break;
};
const results = {
  idle: await measured(() => wait(1000 * seconds)),
  training: await measured(training),
  generating: await measured(generating),
  both: await measured((goesOn) => Promise.all([training(goesOn), generating(goesOn)])),
};
console.log(JSON.stringify(results));
model.dispose();
