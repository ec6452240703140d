import { Model } from '../../lib/model/model.ts';
import { Optimizer, type OptimizerStep } from '../../lib/model/optimizer.ts';
import { TINY_MODEL } from './tiny.ts';

const batch = { tokens: Int32Array.of(2, 3, 4, 5), targets: Int32Array.of(3, 4, 5, 6), batchSize: 1, sequenceLength: 4 };

function weights(model: Model): number[] {
  const [first] = model.parameters().values();
  return Array.from(first!.toTypedArray() as Float32Array);
}

test.each([
  [{ learningRate: Number.NaN }, /learningRate.*NaN/],
  [{ learningRate: Number.POSITIVE_INFINITY }, /learningRate.*Infinity/],
  [{ learningRate: 1e308 }, /learningRate/],
  [{ learningRate: -1 }, /learningRate/],
  [{}, /learningRate.*undefined/],
  [{ learningRate: '1e-4' }, /learningRate/],
  [{ learningRate: 1e-4, gradScale: -1 }, /gradScale/],
  [{ learningRate: 1e-4, gradScale: Number.NaN }, /gradScale/],
  [{ learningRate: 1e-4, maxGradNorm: Number.NaN }, /maxGradNorm/],
  [{ learningRate: 1e-4, maxGradNorm: -1 }, /maxGradNorm/],
  [{ learningRate: -1, maxGradNorm: -1 }, /learningRate.*maxGradNorm/],
])('a step with %p is refused before anything is touched', async (step, message) => {
  const model = await Model.load(TINY_MODEL);
  const optimizer = new Optimizer(model);
  await model.forwardBackward(batch);
  const before = weights(model);
  await expect(optimizer.step(step as unknown as OptimizerStep)).rejects.toMatchObject({
    code: 'ERR_CONFIG',
    message: expect.stringMatching(message),
  });
  expect(weights(model)).toEqual(before);
  expect((await optimizer.step({ learningRate: 1e-4 })).gradNorm).toBeGreaterThan(0);
  optimizer.dispose();
  model.dispose();
});

test('a step of a disposed model says that it is disposed', async () => {
  const model = await Model.load(TINY_MODEL);
  const optimizer = new Optimizer(model);
  await model.forwardBackward(batch);
  model.dispose();
  await expect(optimizer.step({ learningRate: 1e-4 })).rejects.toMatchObject({ code: 'ERR_DISPOSED' });
  optimizer.dispose();
  await expect(optimizer.step({ learningRate: 1e-4 })).rejects.toMatchObject({ code: 'ERR_DISPOSED' });
});

test.each([{ betas: [0.9, 1] }, { betas: [Number.NaN, 0.9] }, { eps: Number.POSITIVE_INFINITY }, { weightDecay: Number.NaN }])(
  'an optimizer with %p is refused',
  async (options) => {
    const model = await Model.load(TINY_MODEL);
    expect(() => new Optimizer(model, options as object)).toThrow(expect.objectContaining({ code: 'ERR_CONFIG' }));
    model.dispose();
  },
);
