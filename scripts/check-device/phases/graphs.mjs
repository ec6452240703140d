import { Optimizer } from '../../../dist/index.mjs';
import { takeAll } from '../measure.mjs';
import { batchOf, idCount, randomRows, tinyModelPath } from '../models.mjs';
import { sameBits } from '../numbers.mjs';
import { deviceGraphs, setGraphs, subjectOf, withModel } from '../sides.mjs';

const MODELS = ['llama-tied-gqa', 'gpt2-tied', 'gemma3-tied-gqa', 'mistral-window'];
const WAYS = [
  ['all weights', {}],
  ['LoRA', { lora: { rank: 2, alpha: 4 } }],
  ['moments in 8 bits', { optim: 'adamw_8bit' }],
];
/** Texts and their length, of the batches of each step in turn: two shapes, and two batches a step. */
const SHAPES = [[[4, 20]], [[4, 20], [2, 33]], [[2, 33]]];
const STEPS = 18;

/**
 * What only the device itself can say of steps that are queued as graphs: whether its driver records them at all (a refusal is written to stderr,
 * and steps then run operator by operator), whether they give the bits of steps that are not, and what both take.
 */
export async function run({ settings, results }) {
  for (const dtype of ['float32', 'bfloat16']) {
    for (const name of settings.quick ? MODELS.slice(0, 1) : MODELS) {
      for (const [way, options] of WAYS) {
        const what = `${name} ${dtype}, ${way}`;
        await results.tries(what, () => compare(what, () => trained(name, dtype, options, settings), settings, results));
      }
    }
  }
}

async function compare(what, train, settings, results) {
  const before = deviceGraphs();
  const graphs = await train();
  const after = deviceGraphs();
  setGraphs(false);
  let plain;
  try {
    plain = await train();
  } finally {
    setGraphs(true);
  }
  results.holds(`${what}: losses and norms as graphs and operator by operator, to the last bit`, sameBits(graphs.found, plain.found));
  const differing = [...graphs.weights].filter(([parameter, values]) => !sameBits(values, plain.weights.get(parameter))).map(([parameter]) => parameter);
  results.holds(`${what}: weights, to the last bit`, differing.length === 0, { differing });
  const recorded = after.recorded - before.recorded;
  if (settings.device.startsWith('cuda')) results.holds(`${what}: recorded as graphs`, recorded > 0 && after.refusals === before.refusals, { refusal: after.refusal });
  results.figure(`${what}: a step`, graphs.milliseconds, 'ms', { operatorByOperator: plain.milliseconds, recorded });
}

/** Losses, norms and weights, and the time of a step once all shapes have been there. */
const trained = (name, dtype, options, settings) =>
  withModel(tinyModelPath(name), subjectOf(settings), dtype, async (model) => {
    const optimizer = new Optimizer(model, { weightDecay: 0.01, ...options });
    const found = [];
    let started = 0;
    for (let step = 0; step < STEPS; step++) {
      if (step === STEPS / 2) started = performance.now();
      const batches = SHAPES[step % SHAPES.length].map(([rows, length], at) => batchOf(randomRows(10 * step + at, rows, length, idCount(model))));
      const tokens = batches.reduce((sum, batch) => sum + batch.targets.filter((target) => target >= 0).length, 0);
      const { lossSums, gradNorm } = await optimizer.trainStep(batches, { learningRate: 1e-3 / (1 + step), gradScale: 1 / tokens, maxGradNorm: 0.5 });
      found.push(...lossSums, gradNorm);
    }
    const milliseconds = (performance.now() - started) / (STEPS / 2);
    const weights = takeAll(model.parameters());
    optimizer.dispose();
    return { found, weights, milliseconds };
  });
