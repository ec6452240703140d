// Ends a process, or a worker, in the middle of a stage: node endings.mjs STAGE ENDING DELAY_MS, with DIST and MODEL in the environment.
// Endings: done (the stage ends by itself), throws (1), exit (process.exit(7)), SIGTERM, terminate (a worker, TIMES times; then the main
// thread goes on).
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { setTimeout as wait } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const { DIST, MODEL } = process.env;
const [stage, ending, delayText, times = '1'] = isMainThread ? process.argv.slice(2) : workerData;
const delay = Number(delayText);
const { hyperfit, Model, Optimizer, saveCheckpoint } = await import(pathToFileURL(join(DIST, 'index.mjs')));
const TEXTS = Array.from({ length: 8 }, (_, index) => Array.from({ length: 40 }, (_, at) => 2 + ((at * 7 + index * 13) % 200)));
const folder = mkdtempSync(join(tmpdir(), 'hyperfit-endings-'));

let left = false;
/** Called once the stage is under way. */
function begun() {
  if (!isMainThread) return void parentPort.postMessage('busy');
  process.stdout.write('begun\n');
  if (ending === 'throws')
    setTimeout(() => {
      throw new Error('nobody catches this');
    }, delay);
  if (ending === 'exit') setTimeout(() => process.exit(7), delay);
  if (ending === 'SIGTERM') setTimeout(() => process.kill(process.pid, 'SIGTERM'), delay);
  if (ending === 'done')
    setTimeout(() => {
      left = true;
    }, delay);
}

const STAGES = {
  async loading() {
    begun();
    while (!left) (await Model.load(MODEL)).dispose();
  },
  async stepping() {
    const model = await Model.load(MODEL);
    begun();
    for await (const _ of hyperfit(model, { data: TEXTS, batchSize: 2, epochs: 100_000, learningRate: 1e-4 })) if (left) break;
  },
  async saving() {
    const model = await Model.load(MODEL);
    const optimizer = new Optimizer(model);
    const state = {
      schemaVersion: 1,
      epoch: 0,
      position: 1,
      epochLossSum: 0,
      epochTokenCount: 0,
      lastEpochLoss: null,
      order: 'fixed',
      seed: 0,
      sampleCount: 8,
      batchSize: 2,
      dataHash: '',
    };
    begun();
    for (let at = 0; !left; at++) await saveCheckpoint(join(folder, 'saves'), { model, optimizer, state: { ...state, step: at } });
  },
  async generating() {
    const model = await Model.load(MODEL);
    begun();
    let tokens = 0;
    for (let seed = 0; !left; seed++) {
      await Promise.all([
        model.generate(
          [
            [5, 6],
            [7, 8, 9],
          ],
          { maxNewTokens: 100, temperature: 2, seed, onToken: async () => void tokens++, stopStrings: ['zzzzzz'], logitsHook: () => {} },
        ),
        (async () => {
          for await (const _ of model.stream([5, 6, 7], { maxNewTokens: 50 })) if (++tokens % 70 === 0) break;
        })(),
      ]);
    }
  },
  /** Disposed while work runs and waits. */
  async disposing() {
    begun();
    while (!left) {
      const model = await Model.load(MODEL);
      const optimizer = new Optimizer(model);
      const asked = Array.from({ length: 4 }, () =>
        model.generate([[5, 6]], { maxNewTokens: 60, onToken: () => {} }).catch((error) => error.code),
      );
      await wait(1);
      optimizer.dispose();
      model.dispose();
      model.dispose();
      const ends = await Promise.all(asked);
      if (ends.some((end) => end !== 'ERR_DISPOSED' && !Array.isArray(end))) throw new Error(`unexpected: ${ends}`);
    }
  },
  async serving() {
    const { serveModels } = await import(pathToFileURL(join(DIST, 'serve.mjs')));
    const model = await Model.load(MODEL);
    const server = await serveModels(new Map([['tiny', model]]), { port: 0 });
    const ask = () =>
      fetch(new URL('/v1/completions', server.url), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'tiny', prompt: 'abc', max_tokens: 60, stream: true }),
      }).then((answer) => answer.text());
    await ask();
    begun();
    while (!left) await Promise.all([ask(), ask(), ask()]);
    await server.close();
  },
};

/** Far above what a loaded machine needs, far below a wait without an end. */
const LIMIT_MS = 30_000;

/** `promise`, or an error that names what hung. */
function inTime(promise, name) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${name} took longer than ${LIMIT_MS} ms`)), LIMIT_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Ends a worker `wanted` ms after its stage has begun: its exit code, and how long it took to be gone. */
async function terminated(wanted) {
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: [stage, 'terminate', 0] });
  const failed = new Promise((_, reject) => worker.once('error', reject));
  failed.catch(() => {});
  await inTime(Promise.race([new Promise((done) => worker.once('message', done)), failed]), 'the start of a worker');
  await Promise.race([wait(wanted), failed]);
  const asked = performance.now();
  const code = await inTime(worker.terminate(), 'the end of a worker');
  return { code, seconds: (performance.now() - asked) / 1000 };
}

if (isMainThread && ending === 'terminate') {
  const model = await Model.load(MODEL);
  const [before] = await model.generate([[5, 6]], { maxNewTokens: 12 });
  const ends = [];
  for (let at = 0; at < Number(times); at++) {
    ends.push(await terminated((delay + at * 37) % 61));
    const [after] = await inTime(model.generate([[5, 6]], { maxNewTokens: 12 }), 'a text beside a worker that was ended');
    if (after.ids.join() !== before.ids.join()) throw new Error(`expected ${before.ids}, got ${after.ids}`);
  }
  process.stdout.write(JSON.stringify({ codes: ends.map(({ code }) => code), seconds: ends.map(({ seconds }) => seconds) }));
} else {
  process.once('exit', () => {
    try {
      rmSync(folder, { recursive: true, force: true });
    } catch {
      // A save may still be writing there; whoever started this process clears up after it.
    }
  });
  await STAGES[stage]();
}
if (isMainThread) rmSync(folder, { recursive: true, force: true });
