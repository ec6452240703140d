// Several copies of the package in one process: node two-copies.mjs MODEL DIST OTHER_DIST. Prints what each made of the same work.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';

const [path, dist, other] = process.argv.slice(2);
const require = createRequire(import.meta.url);
const copies = [
  await import(pathToFileURL(join(dist, 'index.mjs'))),
  require(join(dist, 'index.cjs')),
  await import(pathToFileURL(join(other, 'index.mjs'))),
  require(join(other, 'index.cjs')),
];
const TEXTS = Array.from({ length: 4 }, (_, index) => Array.from({ length: 20 }, (_, at) => 2 + ((at * 7 + index * 13) % 200)));

async function work({ hyperfit, Model, Tensor }) {
  const model = await Model.load(path);
  for await (const _ of hyperfit(model, { data: TEXTS, epochs: 2, learningRate: 1e-3 }));
  const [{ ids }] = await model.generate([[5, 6]], { maxNewTokens: 20 });
  const sum = Tensor.from([1, 2, 3]).sum().item();
  const error = await model.generate([[1e9]]).catch((reason) => reason);
  model.dispose();
  return { ids: ids.join(), sum, error };
}

// All at once, then one of another copy's in a worker.
const results = await Promise.all(copies.map(work));
const known = copies.map(({ isHyperfitError }) => results.every(({ error }) => isHyperfitError(error)));
const inWorker = (folder) =>
  new Promise((done, failed) => {
    const script = `const { parentPort } = require('node:worker_threads'); const { Model } = require(${JSON.stringify(join(folder, 'index.cjs'))});
    Model.load(${JSON.stringify(path)}).then((model) => model.generate([[5, 6]], { maxNewTokens: 5 })).then(([{ ids }]) => parentPort.postMessage(ids.join()));`;
    new Worker(script, { eval: true }).once('message', done).once('error', failed);
  });
const workers = await Promise.all([inWorker(dist), inWorker(other)]);
console.log(
  JSON.stringify({
    ids: [...new Set(results.map(({ ids }) => ids))].length,
    sums: results.map(({ sum }) => sum),
    known,
    workers: [...new Set(workers)].length,
  }),
);
