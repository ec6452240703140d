import { rmSync } from 'node:fs';
import { addon } from '../../lib/addon.ts';
import { Model } from '../../lib/model/model.ts';
import { makeBatch, randomRows } from './batches.ts';
import { gradientErrors, relativeError } from './differences.ts';
import { readAll, readNumbers } from './models.ts';
import { writeRandomModel, type RandomConfig } from './random-model.ts';

/** Sizes that the products of the tiny models never reach: what is cut into panels, blocks and slabs, each with a rest. */
const config: RandomConfig = {
  heads: 3, keyValueHeads: 1, headDim: 22, hiddenSize: 70, intermediateSize: 1187, layers: 1, vocabSize: 5003,
  attentionBias: false, mlpBias: true, tied: false, slidingWindow: 0, rope: 'default',
};
const folder = writeRandomModel(config, 7);
afterAll(() => rmSync(folder, { recursive: true }));

async function measure(model: Model) {
  await model.zeroGradients();
  const { logits } = await model.forward(makeBatch(randomRows(3, 19, 61, config.vocabSize)));
  const numbers = readNumbers(logits);
  logits.dispose();
  const losses: number[] = [];
  // The second batch is added to the gradients of the first.
  for (const seed of [4, 5]) losses.push((await model.forwardBackward(makeBatch(randomRows(seed, 19, 61, config.vocabSize)))).lossSum);
  return { logits: numbers, losses, gradients: readAll(model.gradients()) };
}

test('products of many rows and columns, kernels against operators', async () => {
  const model = await Model.load(folder, { device: 'cpu', computeDtype: 'bfloat16' });
  try {
    const kernels = await measure(model);
    addon().setKernels(false);
    const operators = await measure(model);
    expect(relativeError(kernels.logits, operators.logits)).toBeLessThan(0.02);
    expect(relativeError(kernels.losses, operators.losses)).toBeLessThan(0.01);
    const errors = gradientErrors(kernels.gradients, (parameter) => operators.gradients.get(parameter)!, 0.01);
    expect(errors.filter(({ error }) => !(error < 0.04))).toEqual([]);
  } finally {
    addon().setKernels(true);
    model.dispose();
  }
});

test('one thread or several: the same bits', async () => {
  const threads = addon().libraryInfo().numThreads;
  const model = await Model.load(folder, { device: 'cpu', computeDtype: 'bfloat16' });
  try {
    const several = await measure(model);
    addon().setNumThreads(1);
    const one = await measure(model);
    expect(one.logits).toEqual(several.logits);
    const matrix = 'model.layers.0.mlp.up_proj.weight';
    expect(one.gradients.get(matrix)).toEqual(several.gradients.get(matrix));
  } finally {
    addon().setNumThreads(threads);
    model.dispose();
  }
});
