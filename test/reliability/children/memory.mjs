// How much memory work leaves behind: node --expose-gc memory.mjs DIST MODEL WORK COUNT. Prints one line of JSON.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

const [dist, path, work, countText] = process.argv.slice(2);
const count = Number(countText);
const { hyperfit, memoryStats, Model, normalizeConfig, Optimizer, run, Tensor } = await import(pathToFileURL(dist));
const TEXTS = Array.from({ length: 8 }, (_, index) => Array.from({ length: 40 }, (_, at) => 2 + ((at * 7 + index * 13) % 200)));
const BATCH = { tokens: Int32Array.from(TEXTS.flat()), targets: Int32Array.from(TEXTS.flat()), batchSize: 8, sequenceLength: 40 };

const status = (name) => 1024 * Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))[1]);

async function settled() {
  for (let round = 0; round < 6; round++) {
    globalThis.gc();
    await turn();
  }
  return { rss: status('VmRSS'), ...memoryStats() };
}

/** Bytes a round by least squares, over rounds [begin, end). */
function slopeOf(points) {
  const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
  const [x, y] = [mean(points.map(([at]) => at)), mean(points.map(([, rss]) => rss))];
  return points.reduce((sum, [at, rss]) => sum + (at - x) * (rss - y), 0) / points.reduce((sum, [at]) => sum + (at - x) ** 2, 0);
}

/** What is left is looked at twenty times, after a half for warming up: so long V8 compiles what turns out to be called often. */
class Watch {
  #points = [];
  #first;

  /** After round `at` of `count`. */
  async look(at) {
    if (at + 1 < count / 2 || (at + 1) % Math.ceil(count / 40) !== 0) return;
    const now = await settled();
    this.#first ??= now;
    this.#points.push([at, now.rss]);
  }

  async result() {
    const last = await settled();
    return { slope: this.#points.length > 2 ? slopeOf(this.#points) : 0, first: this.#first ?? last, last };
  }
}

async function repeated(once) {
  const watch = new Watch();
  for (let at = 0; at < count; at++) {
    await once(at);
    await watch.look(at);
  }
  return watch.result();
}

const WORKS = {
  async steps() {
    const model = await Model.load(path);
    const optimizer = new Optimizer(model);
    const result = await repeated(async () => {
      const { tokenCount } = await model.forwardBackward(BATCH);
      await optimizer.step({ learningRate: 1e-5, gradScale: 1 / tokenCount });
    });
    optimizer.dispose();
    model.dispose();
    return result;
  },
  /** The loop of the library, with its events. */
  async training() {
    const model = await Model.load(path);
    const events = hyperfit(model, { data: TEXTS, batchSize: 2, epochs: 1_000_000, maxSteps: count, learningRate: 1e-5 })[
      Symbol.asyncIterator
    ]();
    const result = await repeated(() => events.next());
    await events.return?.();
    model.dispose();
    return result;
  },
  /** All of a run: its log, its page, its saves. */
  async run() {
    const folder = mkdtempSync(join(tmpdir(), 'hyperfit-memory-'));
    const data = join(folder, 'data.jsonl');
    writeFileSync(data, TEXTS.map((ids) => `${JSON.stringify({ ids })}\n`).join(''));
    const watch = new Watch();
    let at = 0;
    const config = normalizeConfig([
      {
        name: 'test',
        values: {
          model: path,
          data,
          out: join(folder, 'run'),
          batchSize: 2,
          maxSteps: count,
          learningRate: 1e-5,
          evaluateEverySteps: 0,
          saveEverySteps: Math.ceil(count / 20),
          keepLastCheckpoints: 2,
          comparisonContexts: 0,
        },
      },
    ]);
    try {
      await run(config, { shouldStop: () => watch.look(at++) });
      return await watch.result();
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
  async generations() {
    const model = await Model.load(path);
    let heard = 0;
    const result = await repeated(async (seed) => {
      await model.generate(
        [
          [5, 6],
          [7, 8, 9],
        ],
        { maxNewTokens: 16, temperature: 1, seed, onToken: () => void heard++, stopStrings: ['zzzzzz'] },
      );
      for await (const _ of model.stream([5, 6], { maxNewTokens: 16 })) if (++heard % 50 === 0) break;
    });
    model.dispose();
    return result;
  },
  loads: () => repeated(async () => (await Model.load(path)).dispose()),
  /** Without dispose. */
  droppedModels: () =>
    repeated(async () => {
      const model = await Model.load(path);
      new Optimizer(model);
      await model.generate([[5, 6]], { maxNewTokens: 4 });
    }),
  /** Forgotten in synchronous code, where no finalizer runs: 1 MiB each, and one more of each. */
  loopOfTensors() {
    const data = new Float32Array(2 ** 18);
    for (let at = 0; at < count; at++) Tensor.from(data).add(at);
  },
};

const result = await WORKS[work]();
console.log(JSON.stringify({ work, count, ...result, end: await settled(), peak: status('VmHWM') }));
