import { gradientsOf, logitsOf, statisticsOf, train } from '../measure.mjs';
import { tinyModelPath, tinyModels } from '../models.mjs';
import { BOUNDS, largestDifference, relativeDifference, relativeError, worstGradient } from '../numbers.mjs';
import { REFERENCE, subjectOf, withModel } from '../sides.mjs';

const LORA = { lora: { rank: 4, alpha: 8 }, learningRate: 1e-2 };

/** Every tiny model on the device against the CPU, both of one type (`argument`). */
export async function run({ settings, argument: dtype, results }) {
  for (const name of tinyModels(settings)) {
    await results.tries(name, async () => {
      const expected = await measure(name, REFERENCE, dtype);
      compare(name, await measure(name, subjectOf(settings), dtype), expected, BOUNDS[dtype], results);
    });
    if (dtype === 'bfloat16') await results.tries(`${name}: 40 losses`, () => compareLearning(name, settings, results));
  }
}

async function measure(name, side, dtype) {
  const fresh = (use) => withModel(tinyModelPath(name), side, dtype, use);
  const still = await fresh(async (model) => ({
    logits: await logitsOf(model),
    backward: await gradientsOf(model),
    statistics: await statisticsOf(model),
  }));
  return {
    ...still,
    steps: await fresh((model) => train(model, 12)),
    lora: await fresh((model) => train(model, 8, LORA)),
    eighth: await fresh((model) => train(model, 8, { optim: 'adamw_8bit' })),
  };
}

function compare(name, actual, expected, bounds, results) {
  results.atMost(`${name}: logits`, relativeError(actual.logits, expected.logits), bounds.logits);
  const { error, parameter } = worstGradient(actual.backward.gradients, expected.backward.gradients, bounds.gradientFloor);
  results.atMost(`${name}: gradients`, error, bounds.gradients, { worst: parameter });
  results.holds(`${name}: counted targets`, actual.backward.tokenCount === expected.backward.tokenCount, {
    value: actual.backward.tokenCount,
  });
  results.atMost(`${name}: loss`, relativeDifference([actual.backward.loss], [expected.backward.loss]), bounds.losses);
  const statistics = ['loss', 'entropy', 'top1Mass', 'top3Mass', 'top5Mass'].map((key) =>
    largestDifference(actual.statistics[key], expected.statistics[key]),
  );
  results.atMost(`${name}: token statistics`, Math.max(...statistics), bounds.statistics);
  results.atMost(`${name}: losses of 12 steps`, relativeDifference(actual.steps.losses, expected.steps.losses), bounds.losses);
  results.atMost(
    `${name}: gradient norms of 12 steps`,
    relativeDifference(actual.steps.gradNorms, expected.steps.gradNorms),
    bounds.gradNorms,
  );
  results.atMost(`${name}: losses of 8 steps of LoRA`, relativeDifference(actual.lora.losses, expected.lora.losses), bounds.losses);
  results.atMost(
    `${name}: losses of 8 steps, moments in 8 bits`,
    relativeDifference(actual.eighth.losses, expected.eighth.losses),
    bounds.losses,
  );
}

/** Weights stay float32, and what is rounded for the products follows them: or bfloat16 would stop learning, as it once did. */
async function compareLearning(name, settings, results) {
  const losses = async (dtype) => (await withModel(tinyModelPath(name), subjectOf(settings), dtype, (model) => train(model, 40))).losses;
  const expected = await losses('float32');
  const actual = await losses('bfloat16');
  const detail = {
    first: Number(actual[0].toFixed(4)),
    last: Number(actual.at(-1).toFixed(4)),
    lastOfFloat32: Number(expected.at(-1).toFixed(4)),
  };
  results.atMost(`${name}: 40 losses, bfloat16 against float32`, relativeDifference(actual, expected), BOUNDS.bfloat16.learning, detail);
  results.holds(`${name}: bfloat16 learns`, actual.at(-1) < 0.95 * actual[0], detail);
}
