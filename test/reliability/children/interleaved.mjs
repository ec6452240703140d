// Calls that go through each other give the ids of calls one by one: node interleaved.mjs CALLS TASKS WORKERS, with DIST, MODEL and OTHER
// in the environment.
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const { DIST, MODEL, OTHER } = process.env;
const { Model } = await import(pathToFileURL(join(DIST, 'index.mjs')));

/** The kinds of calls, each with a text of its own. */
async function call(models, index) {
  const model = models[(index >> 1) % 2];
  const prompt = [2 + (index % 90), 3 + (index % 70), 4 + (index % 50)];
  const options = { maxNewTokens: 6 + (index % 7), ...(index % 3 === 0 && { temperature: 1, seed: index }) };
  if (index % 5 === 0) {
    const ids = [];
    for await (const { id } of model.stream(prompt, options)) ids.push(id);
    return ids;
  }
  if (index % 7 === 0)
    return [
      ...(await model.tokenStats({ tokens: Int32Array.from(prompt), targets: Int32Array.from(prompt), batchSize: 1, sequenceLength: 3 }))
        .top1Ids,
    ];
  const several = await model.generate([prompt, prompt.slice(1)], options);
  return several.flatMap(({ ids }) => [...ids]);
}

const load = () => Promise.all([Model.load(MODEL), Model.load(OTHER)]);

/** `indices`, by so many tasks at once. */
async function together(models, indices, tasks) {
  const waiting = [...indices];
  const results = new Map();
  const task = async () => {
    for (let index = waiting.shift(); index !== undefined; index = waiting.shift()) results.set(index, (await call(models, index)).join());
  };
  await Promise.all(Array.from({ length: tasks }, task));
  return results;
}

if (!isMainThread) {
  const models = await load();
  parentPort.postMessage(await together(models, workerData, 2));
  for (const model of models) model.dispose();
} else {
  const [calls, tasks, workers] = process.argv.slice(2).map(Number);
  const models = await load();
  const expected = new Map();
  for (let index = 0; index < calls; index++) expected.set(index, (await call(models, index)).join());
  // Half of them in this thread, half in the workers; each worker has the models a second time.
  const share = (part) => [...expected.keys()].filter((index) => index % (2 * workers) === 2 * part + 1);
  const inWorker = (part) =>
    new Promise((done, failed) =>
      new Worker(fileURLToPath(import.meta.url), { workerData: share(part) }).once('message', done).once('error', failed),
    );
  const own = [...expected.keys()].filter((index) => index % 2 === 0);
  const all = await Promise.all([together(models, own, tasks), ...Array.from({ length: workers }, (_, part) => inWorker(part))]);
  const got = new Map(all.flatMap((results) => [...results]));
  const different = [...expected].filter(([index, ids]) => got.get(index) !== ids).map(([index]) => index);
  console.log(JSON.stringify({ calls: got.size, different: different.slice(0, 10), count: different.length }));
}
