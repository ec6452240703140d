import type { ModelConfig } from '../../lib/addon-types.ts';
import type { Model } from '../../lib/model/model.ts';
import { Tensor } from '../../lib/tensor/index.ts';
import { describeOnEachDevice } from '../devices.ts';
import { runAutogradLlama, type MakeTensor } from './autograd-llama.ts';
import { IGNORE_INDEX, makeBatch, randomRows, type FlatBatch } from './batches.ts';
import { relativeDifference, relativeError } from './differences.ts';
import { TINY_MODELS, tinyModelPath } from './expected.ts';
import { readAll, readNumbers, withModel } from './models.ts';

/** float64 copies of the parameters that collect gradients. */
function copyWeights(model: Model, device: string): Map<string, Tensor> {
  return new Map([...model.parameters()].map(([name, parameter]) => {
    const copy = Tensor.from(readNumbers(parameter), { shape: parameter.shape, dtype: 'float64', device });
    copy.requiresGrad = true;
    parameter.dispose();
    return [name, copy];
  }));
}

function makeMaskedBatch(config: ModelConfig, seed: number): FlatBatch {
  const batch = makeBatch(randomRows(seed, 3, 17, config.vocabSize));
  for (let i = 0; i < batch.targets.length; i += 4) batch.targets[i] = IGNORE_INDEX;
  return batch;
}

interface OracleResult {
  logits: Float64Array;
  lossSum: number;
  gradients: Map<string, Float64Array>;
}

function runOracle(model: Model, batch: FlatBatch, device: string): OracleResult {
  const weights = copyWeights(model, device);
  const makeTensor: MakeTensor = (data, shape) => Tensor.from(data, { shape, dtype: data instanceof BigInt64Array ? 'int64' : 'float64', device });
  const { logits, lossSum } = runAutogradLlama(model.config, weights, batch, makeTensor);
  lossSum.backward();
  const gradients = new Map([...weights].map(([name, weight]) => [name, weight.grad!]));
  return { logits: readNumbers(logits), lossSum: readNumbers(lossSum)[0]!, gradients: readAll(gradients) };
}

describeOnEachDevice('The hand-written backward against autograd in float64', (device) => {
  test.each(TINY_MODELS)('%s: logits, loss and the gradient of every parameter', (name) =>
    withModel(tinyModelPath(name), device, async (model) => {
      const batch = makeMaskedBatch(model.config, 5);
      const oracle = runOracle(model, batch, device);
      const { logits } = await model.forward(batch);
      expect(relativeError(readNumbers(logits), oracle.logits)).toBeLessThan(1e-5);
      logits.dispose();
      const { lossSum } = await model.forwardBackward(batch);
      expect(relativeDifference(lossSum, oracle.lossSum)).toBeLessThan(1e-5);
      const errors = [...readAll(model.gradients())].map(([parameter, gradient]) => ({ parameter, error: relativeError(gradient, oracle.gradients.get(parameter)!) }));
      expect(errors.map(({ parameter }) => parameter).sort()).toEqual([...oracle.gradients.keys()].sort());
      expect(errors.filter(({ error }) => !(error < 1e-4))).toEqual([]);
    }));
});
