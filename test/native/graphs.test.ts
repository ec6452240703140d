import { addon } from '../../lib/addon.ts';
import type { ComputeDType } from '../../lib/addon-types.ts';
import type { DeviceName } from '../../lib/config/device-name.ts';
import { makeBatch as batchOf, targetCount } from '../../lib/data/batch.ts';
import { Model } from '../../lib/model/model.ts';
import type { ModelBatch } from '../../lib/model/model-batch.ts';
import { Optimizer, type OptimizerOptions } from '../../lib/model/optimizer.ts';
import { tinyModelPath } from '../oracle/expected.ts';
import { readAll } from '../oracle/models.ts';
import { scope } from '../../lib/tensor/scope.ts';
import { torch } from '../../lib/tensor/tensor.ts';
import {
  DEVICE,
  driver,
  expectSameBits,
  FAMILIES,
  guard,
  rowsOf,
  serveDriver,
  STEPS,
  trained,
  type Training,
  UNNUMBERED,
} from './graph-steps.ts';

// A step that is queued as a graph gives the bits of one that is queued operator by operator.

const serve = serveDriver();

const CASES: [string, Training][] = [
  ...FAMILIES.flatMap((name): [string, Training][] => [
    [name, {}],
    [name, { dtype: 'bfloat16' }],
  ]),
  ['llama-tied-gqa', { options: { lora: { rank: 2, alpha: 4 } } }],
  ['llama-tied-gqa', { options: { lora: { rank: 2, alpha: 4 } }, dtype: 'bfloat16' }],
  ['llama-tied-gqa', { options: { optim: 'adamw_8bit' }, dtype: 'bfloat16' }],
  ['llama-tied-gqa', { maxGradNorm: null }],
  ['gemma2-untied-mha', { recompute: true, dtype: 'bfloat16' }],
];

describe('steps queued as graphs', () => {
  test.each(CASES)('%s, %j: the bits of steps queued operator by operator', async (name, training) => {
    await expectSameBits((graphs) => trained(name, { ...training, graphs }), serve);
  });

  // What no graph can be has its memory too: temporaries lie in the arena, results in the workspace.
  test.each<[string, ComputeDType, OptimizerOptions, DeviceName?]>([
    ['llama-tied-gqa', 'float32', {}],
    ['llama-tied-gqa', 'bfloat16', {}],
    ['gpt2-tied', 'bfloat16', {}],
    ['gemma2-untied-mha', 'bfloat16', {}],
    ['gemma3-tied-gqa', 'float32', {}],
    ['llama-tied-gqa', 'bfloat16', { lora: { rank: 2 } }],
    ['llama-tied-gqa', 'bfloat16', { optim: 'adamw_8bit' }],
    ['llama-tied-gqa', 'bfloat16', {}, UNNUMBERED],
    ['gemma3-tied-gqa', 'float32', {}, UNNUMBERED],
  ])('%s in %s, %j: a steady step takes no memory where nothing is a graph', async (name, dtype, options, device = DEVICE) => {
    addon().setGraphs(false);
    const model = await Model.load(tinyModelPath(name), { device, computeDtype: dtype });
    const optimizer = new Optimizer(model, options);
    try {
      const step = (): Promise<unknown> => optimizer.trainStep(STEPS[1]!, { learningRate: 1e-3, gradScale: 0.01, maxGradNorm: 1 });
      for (let time = 0; time < 2; time++) await step();
      guard.resetCounts();
      await step();
      expect(guard.counts().allocations).toBe(0);
    } finally {
      addon().setGraphs(true);
      optimizer.dispose();
      model.dispose();
    }
  });

  test.each(['llama-tied-gqa', 'gpt2-tied'])('%s without kernels of ours: the same', async (name) => {
    const withoutKernels = (): void => serve({ failures: { cuLaunchKernel: 701 } });
    withoutKernels();
    await expectSameBits((graphs) => trained(name, { graphs }), withoutKernels);
  });

  test.each([
    ['cuStreamBeginCapture', 900],
    ['cuStreamEndCapture', 901],
    ['cuGraphInstantiateWithFlags', 2],
    ['cuGraphLaunch', 719],
  ])('%s fails: the same bits operator by operator', async (call, code) => {
    const expected = await trained('llama-tied-gqa', { graphs: false });
    serve({ failures: { [call]: code } });
    const before = addon().deviceGraphs();
    expect(await trained('llama-tied-gqa', {})).toEqual(expected);
    expect(addon().deviceGraphs().replays).toBe(before.replays);
    expect(addon().deviceGraphs().refusals).toBeGreaterThan(before.refusals);
  });

  test.each<[string, OptimizerOptions, number]>([
    ['all weights', {}, 0],
    ['LoRA', { lora: { rank: 2, alpha: 4 } }, 1], // the sums, rounded for the products
  ])('of %s: a steady step is a graph a batch, one of the decision and one of the update', async (_name, options, beside) => {
    const model = await Model.load(tinyModelPath('llama-tied-gqa'), { device: DEVICE, computeDtype: 'bfloat16' });
    const optimizer = new Optimizer(model, options);
    const step = (): Promise<unknown> => optimizer.trainStep(STEPS[1]!, { learningRate: 1e-3, gradScale: 0.01, maxGradNorm: 1 });
    for (let time = 0; time < 3; time++) await step();
    serve();
    guard.resetCounts();
    await step();
    expect(driver.counts().graphs).toMatchObject({ captures: 0, launches: STEPS[1]!.length + 2 });
    expect(driver.counts().launches).toEqual({});
    expect(guard.counts()).toMatchObject({
      hostToDevice: { copies: 2 },
      deviceToHost: { copies: 1 },
      scalarReads: 0,
      synchronisations: 1,
      allocations: 0,
    });
    expect(guard.operators()).toEqual({ 'aten::copy_': 2 + 2 + 2 + 1 + beside }); // batches, numbers of the step, losses, figures
    optimizer.dispose();
    model.dispose();
  });

  test.each<[string, OptimizerOptions]>([
    ['all weights', {}],
    ['LoRA', { lora: { rank: 2, alpha: 4 } }],
    ['8 bits', { optim: 'adamw_8bit' }],
  ])('of %s: a gradient that is not finite changes nothing, and the next step is as without graphs', async (_name, options) => {
    const run = async (graphs: boolean): Promise<unknown[]> => {
      addon().setGraphs(graphs);
      const model = await Model.load(tinyModelPath('llama-tied-gqa'), { device: DEVICE, computeDtype: 'float32' });
      const optimizer = new Optimizer(model, options);
      const [batch] = STEPS[0] as [ModelBatch];
      const settings = { learningRate: 1e-3, gradScale: 1 / targetCount(batch), maxGradNorm: 1 };
      const state = (): unknown[] =>
        [...readAll(model.parameters()), ...readAll(optimizer.state())].map(([name, values]) => [name, [...values]]);
      const found: unknown[] = [];
      try {
        for (let time = 0; time < 4; time++) {
          const { lossSum } = await model.forwardBackward(batch);
          found.push(lossSum, (await optimizer.step(settings)).gradNorm);
        }
        const before = state();
        await model.forwardBackward(batch);
        scope(() => {
          const gradients = model.gradients();
          torch.call('aten::fill_', [gradients.get('model.layers.1.mlp.up_proj.weight')!, Number.NaN]);
        });
        await expect(optimizer.step(settings)).rejects.toMatchObject({
          code: 'ERR_NOT_FINITE',
          message: expect.stringContaining('in the gradient of model.layers.1.mlp.up_proj.weight') as string,
        });
        expect(state()).toEqual(before);
        model.zeroGradients();
        found.push((await optimizer.trainStep([batch], settings)).lossSums, state());
      } finally {
        addon().setGraphs(true);
        optimizer.dispose();
        model.dispose();
      }
      return found;
    };
    const expected = await run(false);
    expect(await run(true)).toEqual(expected);
  });

  test('are forgotten when others are trained, forms change, or a longer batch takes other memory', async () => {
    const run = async (graphs: boolean): Promise<unknown[]> => {
      addon().setGraphs(graphs);
      const model = await Model.load(tinyModelPath('llama-tied-gqa'), { device: DEVICE, computeDtype: 'float32' });
      const found: unknown[] = [];
      const train = async (options: OptimizerOptions, batches: ModelBatch[]): Promise<void> => {
        const optimizer = new Optimizer(model, options);
        for (let time = 0; time < 4; time++) found.push(await optimizer.trainStep(batches, { learningRate: 1e-3, gradScale: 0.02 }));
        optimizer.dispose();
      };
      try {
        await train({}, STEPS[2]!);
        await train({ lora: { rank: 2 } }, STEPS[2]!);
        await train({}, [batchOf(rowsOf(9, 4, 30))]);
        await train({}, STEPS[2]!);
        await model.generate([[1, 2, 3]], { maxNewTokens: 4, stopIds: [] });
        await train({}, STEPS[2]!);
        return [...found, ...[...readAll(model.parameters())].map(([name, values]) => [name, [...values]])];
      } finally {
        addon().setGraphs(true);
        model.dispose();
      }
    };
    const expected = await run(false);
    expect(await run(true)).toEqual(expected);
  });
});
