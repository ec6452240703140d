import { addon } from '../../lib/addon.ts';
import { Model } from '../../lib/model/model.ts';
import type { ModelBatch } from '../../lib/model/model-batch.ts';
import { Optimizer, type OptimizerOptions } from '../../lib/model/optimizer.ts';
import { scope } from '../../lib/tensor/scope.ts';
import { torch } from '../../lib/tensor/tensor.ts';
import { tinyModelPath } from '../oracle/expected.ts';
import { readAll } from '../oracle/models.ts';
import {
  DEVICE,
  driver,
  DTYPES,
  expectSameBits,
  FAMILIES,
  guard,
  serveDriver,
  STEPS,
  trainedWithin,
  type Training,
} from './graph-steps.ts';

// A step whose weights move within its backward is one graph, and gives the bits of one that is queued operator by operator.

const serve = serveDriver();

const NORM = 'model.norm.weight';
const fillNorm = (model: Model, value: number): void => scope(() => void torch.call('aten::fill_', [model.parameters().get(NORM)!, value]));

describe('steps that update within their backward', () => {
  const CASES: [string, Training][] = [
    ...FAMILIES.flatMap((name) => DTYPES.map((dtype): [string, Training] => [name, { dtype }])),
    ['llama-tied-gqa', { dtype: 'bfloat16', options: { lora: { rank: 2, alpha: 4 } } }],
    ['llama-tied-gqa', { dtype: 'bfloat16', options: { optim: 'adamw_8bit' } }],
    ['gemma2-untied-mha', { dtype: 'bfloat16', recompute: true }],
  ];
  test.each(CASES)('%s, %j: the bits of such steps queued operator by operator', async (name, training) => {
    await expectSameBits((graphs) => trainedWithin(name, { ...training, graphs }), serve);
  });

  test.each<[string, OptimizerOptions, number, number]>([
    ['all weights', {}, 1, 0],
    ['LoRA', { lora: { rank: 2, alpha: 4 } }, 3, 1],
  ])('of %s: a steady step crosses as one after the backward does', async (_name, options, launches, beside) => {
    const model = await Model.load(tinyModelPath('llama-tied-gqa'), { device: DEVICE, computeDtype: 'bfloat16' });
    const optimizer = new Optimizer(model, options);
    const [batch] = STEPS[0] as [ModelBatch];
    const step = (): Promise<unknown> => optimizer.stepInBackward(batch, { learningRate: 1e-3, gradScale: 0.01 });
    for (let time = 0; time < 3; time++) await step();
    serve();
    guard.resetCounts();
    await step();
    expect(driver.counts().graphs).toMatchObject({ captures: 0, launches });
    expect(driver.counts().launches).toEqual({});
    expect(guard.counts()).toMatchObject({
      hostToDevice: { copies: 1 },
      deviceToHost: { copies: 1 },
      scalarReads: 0,
      synchronisations: 1,
      allocations: 0,
    });
    expect(guard.operators()).toEqual({ 'aten::copy_': 1 + 2 + 1 + beside }); // the batch, numbers of the step, figures
    optimizer.dispose();
    model.dispose();
  });

  test("another optimizer has graphs of its own, and a gradient that is not finite leaves the device's verdict", async () => {
    const run = async (graphs: boolean): Promise<unknown[]> => {
      addon().setGraphs(graphs);
      const model = await Model.load(tinyModelPath('llama-tied-gqa'), { device: DEVICE, computeDtype: 'float32' });
      const [batch] = STEPS[0] as [ModelBatch];
      const found: unknown[] = [];
      try {
        for (const weightDecay of [0, 0.3]) {
          const optimizer = new Optimizer(model, { weightDecay });
          for (let time = 0; time < 4; time++) found.push(await optimizer.stepInBackward(batch, { learningRate: 1e-2, gradScale: 0.02 }));
          optimizer.dispose();
        }
        const optimizer = new Optimizer(model, {});
        for (let time = 0; time < 3; time++) found.push(await optimizer.stepInBackward(batch, { learningRate: 1e-2, gradScale: 0.02 }));
        const before = [...readAll(model.parameters())].map(([name, values]) => [name, [...values]]);
        fillNorm(model, Number.NaN);
        await expect(optimizer.stepInBackward(batch, { learningRate: 1e-2, gradScale: 0.02 })).rejects.toMatchObject({
          code: 'ERR_NOT_FINITE',
        });
        fillNorm(model, 1);
        expect(optimizer.stepCount).toBe(3);
        const others = ([name]: [string, unknown]): boolean => name !== NORM;
        expect([...readAll(model.parameters())].filter(others).map(([name, values]) => [name, [...values]])).toEqual(
          before.filter(([name]) => name !== NORM),
        );
        found.push(await optimizer.stepInBackward(batch, { learningRate: 1e-2, gradScale: 0.02 }), before);
        optimizer.dispose();
        return found;
      } finally {
        addon().setGraphs(true);
        model.dispose();
      }
    };
    const expected = await run(false);
    expect(await run(true)).toEqual(expected);
  });
});
