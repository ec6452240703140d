import { Optimizer } from '../../../dist/index.mjs';
import { takeAll } from '../measure.mjs';
import { batchOf, idCount, randomRows, tinyModelPath } from '../models.mjs';
import { sameBits } from '../numbers.mjs';
import { deviceGraphs, setGraphs, subjectOf, withModel } from '../sides.mjs';

const MODELS = ['llama-tied-gqa', 'gpt2-tied', 'gemma3-tied-gqa', 'mistral-window'];
const WAYS = [
  ['all weights', {}, trainStep],
  ['LoRA', { lora: { rank: 2, alpha: 4 } }, trainStep],
  ['moments in 8 bits', { optim: 'adamw_8bit' }, trainStep],
  ['updated within the backward', {}, stepInBackward],
];
/** Texts of one shape after another, the last of which launch from their first token. */
const TEXTS = [
  ['greedy', {}],
  ['drawn', { temperature: 0.9, topK: 20, topP: 0.95, noRepeatNgramSize: 3 }],
];
const [GENERATIONS, TOKENS] = [4, 40];
/** Texts and their length, of the batches of each step in turn: two shapes, and two batches a step. */
const SHAPES = [
  [[4, 20]],
  [
    [4, 20],
    [2, 33],
  ],
  [[2, 33]],
];
const STEPS = 18;

/**
 * What only the device itself can say of steps that are queued as graphs: whether its driver records them at all (a refusal is written to
 * stderr, and steps then run operator by operator), whether they give the bits of steps that are not, and what both take. The same of
 * tokens, whose graphs serve one generation after the other.
 */
export async function run({ settings, results }) {
  for (const dtype of ['float32', 'bfloat16']) {
    for (const name of settings.quick ? MODELS.slice(0, 1) : MODELS) {
      for (const [way, options, step] of WAYS) {
        const what = `${name} ${dtype}, ${way}`;
        await results.tries(what, () => compare(what, () => trained(name, dtype, options, step, settings), settings, results));
      }
      for (const [way, options] of TEXTS) {
        const what = `${name} ${dtype}, texts ${way}`;
        await results.tries(what, () => compareTexts(what, () => generated(name, dtype, options, settings), settings, results));
      }
    }
  }
}

/** What `work` gives as graphs and operator by operator. */
async function both(work) {
  const before = deviceGraphs();
  const graphs = await work();
  const after = deviceGraphs();
  setGraphs(false);
  try {
    return {
      graphs,
      plain: await work(),
      recorded: after.recorded - before.recorded,
      refused: after.refusals > before.refusals,
      refusal: after.refusal,
    };
  } finally {
    setGraphs(true);
  }
}

async function compare(what, train, settings, results) {
  const { graphs, plain, recorded, refused, refusal } = await both(train);
  results.holds(`${what}: losses and norms as graphs and operator by operator, to the last bit`, sameBits(graphs.found, plain.found));
  const differing = [...graphs.weights]
    .filter(([parameter, values]) => !sameBits(values, plain.weights.get(parameter)))
    .map(([parameter]) => parameter);
  results.holds(`${what}: weights, to the last bit`, differing.length === 0, { differing });
  if (settings.device.startsWith('cuda')) results.holds(`${what}: recorded as graphs`, recorded > 0 && !refused, { refusal });
  results.figure(`${what}: a step`, graphs.milliseconds, 'ms', { operatorByOperator: plain.milliseconds, recorded });
}

async function compareTexts(what, generate, settings, results) {
  const { graphs, plain, recorded, refused, refusal } = await both(generate);
  results.holds(`${what}: ids as graphs and operator by operator`, sameBits(graphs.ids, plain.ids));
  if (settings.device.startsWith('cuda')) results.holds(`${what}: recorded once`, recorded === 1 && !refused, { recorded, refusal });
  results.figure(`${what}: a token of three rows`, graphs.milliseconds, 'ms', { operatorByOperator: plain.milliseconds, recorded });
}

/** The ids of some generations one after the other, and the time of a token of the last. */
const generated = (name, dtype, options, settings) =>
  withModel(tinyModelPath(name), subjectOf(settings), dtype, async (model) => {
    const ids = [];
    let milliseconds = 0;
    for (let time = 0; time < GENERATIONS; time++) {
      const prompts = randomRows(50 + time, 3, 9, idCount(model)).map((prompt, row) => [...prompt].slice(row));
      const started = performance.now();
      for (const generation of await model.generate(prompts, {
        maxNewTokens: TOKENS,
        minNewTokens: TOKENS,
        stopIds: [],
        seed: time,
        ...options,
      }))
        ids.push(...generation.ids);
      milliseconds = (performance.now() - started) / TOKENS;
    }
    return { ids, milliseconds };
  });

async function trainStep(optimizer, batches, settings) {
  const { lossSums, gradNorm } = await optimizer.trainStep(batches, { ...settings, maxGradNorm: 0.5 });
  return [...lossSums, gradNorm];
}

async function stepInBackward(optimizer, [batch], settings) {
  const { lossSum, gradNorm } = await optimizer.stepInBackward(batch, settings);
  return [lossSum, gradNorm];
}

/** Losses, norms and weights, and the time of a step once all shapes have been there. */
const trained = (name, dtype, options, take, settings) =>
  withModel(tinyModelPath(name), subjectOf(settings), dtype, async (model) => {
    const optimizer = new Optimizer(model, { weightDecay: 0.01, ...options });
    const found = [];
    let started = 0;
    for (let step = 0; step < STEPS; step++) {
      if (step === STEPS / 2) started = performance.now();
      const batches = SHAPES[step % SHAPES.length].map(([rows, length], at) =>
        batchOf(randomRows(10 * step + at, rows, length, idCount(model))),
      );
      const tokens = batches.reduce((sum, batch) => sum + batch.targets.filter((target) => target >= 0).length, 0);
      found.push(...(await take(optimizer, batches, { learningRate: 1e-3 / (1 + step), gradScale: 1 / tokens })));
    }
    const milliseconds = (performance.now() - started) / (STEPS / 2);
    const weights = takeAll(model.parameters());
    optimizer.dispose();
    return { found, weights, milliseconds };
  });
