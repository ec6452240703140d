// Terminates workers in the middle of `work`, again and again, and goes on computing in the main thread; started by workers.test.ts.
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const { dist, model: path } = isMainThread ? JSON.parse(process.env.HYPERFIT_WORKERS) : workerData;
const { hyperfit, Model } = await import(pathToFileURL(dist));
const TEXTS = Array.from({ length: 8 }, (_, index) => [...Array(40)].map((_, at) => 2 + ((at * 7 + index * 13) % 200)));

const busy = () => parentPort.postMessage('busy');

const work = {
  async loading() {
    busy();
    for (;;) (await Model.load(path)).dispose();
  },
  async training() {
    const model = await Model.load(path);
    busy();
    for await (const _ of hyperfit(model, { data: TEXTS, epochs: 10_000, learningRate: 1e-4 }));
  },
  async generating() {
    const model = await Model.load(path);
    let tokens = 0;
    busy();
    for (;;) {
      await model.generate(
        [
          [5, 6],
          [7, 8, 9],
        ],
        {
          maxNewTokens: 200,
          temperature: 2,
          seed: tokens,
          onToken: () => {
            tokens += 1;
          },
          stopStrings: ['<s>never', 'zzzzzz'],
        },
      );
    }
  },
  async streaming() {
    const model = await Model.load(path);
    busy();
    for (let seed = 0; ; seed++) {
      const controller = new AbortController();
      let read = 0;
      try {
        for await (const _ of model.stream([5, 6, seed % 200], {
          maxNewTokens: 200,
          temperature: 2,
          seed,
          stopStrings: ['qqqq', '</s>'],
          signal: controller.signal,
          onToken: async () => {},
        }))
          if (++read === 60) controller.abort();
      } catch {
        // aborted
      }
    }
  },
  async everything() {
    busy();
    void work.training();
    void work.generating();
    await work.streaming();
  },
};

async function terminated(name, delay) {
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { dist, model: path, name } });
  const failed = new Promise((_, reject) => worker.once('error', reject));
  failed.catch(() => {});
  await Promise.race([new Promise((resolve) => worker.once('message', resolve)), failed]);
  await Promise.race([new Promise((resolve) => setTimeout(resolve, delay)), failed]);
  await worker.terminate();
}

if (isMainThread) {
  const [name, times] = process.argv.slice(2);
  const model = await Model.load(path);
  const [before] = await model.generate([[5, 6]], { maxNewTokens: 20 });
  for (let at = 0; at < Number(times); at++) {
    await terminated(name, (at * 37) % 61);
    const [after] = await model.generate([[5, 6]], { maxNewTokens: 20 });
    if (after.ids.join() !== before.ids.join()) throw new Error(`expected ${before.ids}, got ${after.ids}`);
  }
  model.dispose();
  console.log('done');
} else {
  await work[workerData.name]();
}
