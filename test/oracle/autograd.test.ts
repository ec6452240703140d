import fc from 'fast-check';
import { rmSync } from 'node:fs';
import type { Model } from '../../lib/model/model.ts';
import { Tensor } from '../../lib/tensor/index.ts';
import { describeOnEachDevice } from '../devices.ts';
import { runAutograd, type MakeTensor } from './autograd-decoder.ts';
import { IGNORE_INDEX, makeBatch, randomRows, type FlatBatch } from './batches.ts';
import { gradientErrors, relativeDifference, relativeError } from './differences.ts';
import { TINY_MODELS, tinyModelPath } from './expected.ts';
import { readAll, readNumbers, withModel } from './models.ts';
import { FAMILY_NAMES, writeRandomModel, type RandomConfig } from './random-model.ts';

/** float64 copies of the parameters that collect gradients. */
function copyWeights(model: Model, device: string): Map<string, Tensor> {
  return new Map(
    [...model.parameters()].map(([name, parameter]) => {
      const copy = Tensor.from(readNumbers(parameter), { shape: parameter.shape, dtype: 'float64', device });
      copy.requiresGrad = true;
      parameter.dispose();
      return [name, copy];
    }),
  );
}

interface OracleResult {
  logits: Float64Array;
  lossSum: number;
  gradients: Map<string, Float64Array>;
}

function runOracle(model: Model, batch: FlatBatch, device: string): OracleResult {
  const weights = copyWeights(model, device);
  const makeTensor: MakeTensor = (data, shape) =>
    Tensor.from(data, { shape, dtype: data instanceof BigInt64Array ? 'int64' : 'float64', device });
  const { logits, lossSum } = runAutograd(model.config, weights, batch, makeTensor);
  lossSum.backward();
  const gradients = new Map([...weights].map(([name, weight]) => [name, weight.grad!]));
  const result = { logits: readNumbers(logits), lossSum: readNumbers(lossSum)[0]!, gradients: readAll(gradients) };
  for (const weight of weights.values()) weight.dispose();
  return result;
}

/**
 * Logits within 1e-5, the loss within 1e-5, every gradient within 1e-4 of float64, all relative; a gradient is measured against a
 * ten-thousandth of all at least.
 */
async function expectSameAsAutograd(model: Model, seed: number, device: string): Promise<void> {
  const batch = makeBatch(randomRows(seed, 3, 17, model.config.outputVocabSize));
  for (let i = 0; i < batch.targets.length; i += 4) batch.targets[i] = IGNORE_INDEX;
  const oracle = runOracle(model, batch, device);
  const { logits } = await model.forward(batch);
  expect(relativeError(readNumbers(logits), oracle.logits)).toBeLessThan(1e-5);
  logits.dispose();
  const { lossSum } = await model.forwardBackward(batch);
  expect(relativeDifference(lossSum, oracle.lossSum)).toBeLessThan(1e-5);
  const errors = gradientErrors(readAll(model.gradients()), (parameter) => oracle.gradients.get(parameter)!, 1e-4);
  expect(errors.map(({ parameter }) => parameter).sort()).toEqual([...oracle.gradients.keys()].sort());
  expect(errors.filter(({ error }) => !(error < 1e-4))).toEqual([]);
}

const configs: fc.Arbitrary<Omit<RandomConfig, 'family'>> = fc
  .record({
    keyValueHeads: fc.integer({ min: 1, max: 3 }),
    groups: fc.integer({ min: 1, max: 3 }),
    headDim: fc.integer({ min: 1, max: 8 }).map((half) => 2 * half),
    width: fc.integer({ min: 2, max: 6 }),
    intermediateSize: fc.integer({ min: 5, max: 33 }),
    layers: fc.integer({ min: 1, max: 3 }),
    vocabSize: fc.integer({ min: 12, max: 70 }),
    attentionBias: fc.boolean(),
    mlpBias: fc.boolean(),
    tied: fc.boolean(),
    padding: fc.constantFrom(null, 3, 11),
    slidingWindow: fc.constantFrom(0, 1, 5, 40),
    rope: fc.constantFrom('default', 'linear', 'llama3', 'yarn'),
    softcap: fc.constantFrom(0, 2, 15),
    activation: fc.constantFrom('gelu_new', 'gelu', 'quick_gelu', 'silu'),
  })
  .map(({ groups, width, ...rest }) => ({ ...rest, heads: groups * rest.keyValueHeads, hiddenSize: groups * rest.keyValueHeads * width }));

describeOnEachDevice('The hand-written backward against autograd in float64', (device) => {
  test.each(TINY_MODELS)('%s: logits, loss and the gradient of every parameter', (name) =>
    withModel(tinyModelPath(name), device, (model) => expectSameAsAutograd(model, 5, device)),
  );

  test.each(FAMILY_NAMES)('%s: random shapes and flags', async (family) => {
    await fc.assert(
      fc.asyncProperty(configs, fc.nat({ max: 1000 }), async (config, seed) => {
        const folder = writeRandomModel({ family, ...config }, seed);
        try {
          await withModel(folder, device, (model) => expectSameAsAutograd(model, seed, device));
        } finally {
          rmSync(folder, { recursive: true });
        }
      }),
      { numRuns: 12, seed: 1 },
    );
  });
});
