import { join } from 'node:path';
import { standIn } from '../devices.ts';
import type { DeviceName } from '../../lib/config/device-name.ts';
import { addon } from '../../lib/addon.ts';
import type { ComputeDType } from '../../lib/addon-types.ts';
import { Model } from '../../lib/model/model.ts';
import { Optimizer, type OptimizerOptions } from '../../lib/model/optimizer.ts';
import { makeBatch } from '../oracle/batches.ts';
import { readAll } from '../oracle/models.ts';
import { loadGuard } from './guard.ts';

// Everything the engine asks of a device, on the guarded device and on the CPU by the same operators: equal to the bit. What the guarded
// device did to a view, an `out=`, an update in place or a list of tensors would show here, whichever operators the engine uses.

const guard = loadGuard();
const ROWS = [
  [5, 4, 3, 2, 1, 9, 8],
  [6, 7, 8, 9, 10, 11, 12],
  [1, 1, 2, 2, 3, 3, 4],
];

beforeAll(() => addon().setKernels(false));
afterAll(() => addon().setKernels(true));

type Numbers = [name: string, numbers: number[]][];

async function step(model: Model, optimizer: Optimizer): Promise<number> {
  const { lossSum, tokenCount } = await model.forwardBackward(makeBatch(ROWS));
  await model.forwardBackward(makeBatch(ROWS.slice(1)));
  const { gradNorm } = await optimizer.step({ learningRate: 1e-2, gradScale: 1 / tokenCount, maxGradNorm: 0.5 });
  expect(lossSum).toBeGreaterThan(0);
  return gradNorm;
}

function numbersOf(tensors: ReturnType<Model['parameters']>): Numbers {
  return [...readAll(tensors)].map(([name, values]) => [name, [...values]]);
}

/** All a user can get out of a model, as plain numbers. */
async function allResults(
  name: string,
  device: DeviceName,
  computeDtype: ComputeDType,
  options: OptimizerOptions,
): Promise<Record<string, unknown>> {
  const model = await Model.load(join(__dirname, '../fixtures/models', name), { device, computeDtype });
  const { logits, hiddenStates } = await model.forward(makeBatch(ROWS), { hiddenStates: true });
  const forward = [logits, ...hiddenStates].map((tensor) => [...(tensor.to('float32').toTypedArray() as Float32Array)]);
  const optimizer = new Optimizer(model, options);
  const norms = [await step(model, optimizer), await step(model, optimizer)];
  const greedy = await model.generate(
    [
      [1, 2, 3, 4, 5],
      [6, 7],
    ],
    { maxNewTokens: 6, minNewTokens: 6, repetitionPenalty: 1.3 },
  );
  const stats = await model.tokenStats(makeBatch(ROWS));
  const gradients = options.lora === undefined ? numbersOf(model.gradients()) : [];
  const results = {
    forward,
    norms,
    gradients,
    parameters: numbersOf(model.parameters()),
    state: numbersOf(optimizer.state()),
    ids: greedy.map(({ ids }) => [...ids]),
    stats,
  };
  optimizer.dispose();
  model.dispose();
  return results;
}

const CASES = [
  ['llama-tied-gqa', 'float32', {}],
  ['llama-tied-gqa', 'bfloat16', {}],
  ['gpt2-untied-odd', 'float32', {}],
  ['gpt2-untied-odd', 'bfloat16', {}],
  ['gemma2-tied-gqa', 'bfloat16', {}],
  ['gemma3-tied-gqa', 'float32', {}],
  ['qwen3-window-mha', 'bfloat16', {}],
  ['llama-tied-gqa', 'float32', { lora: { rank: 2, alpha: 4 } }],
  ['llama-tied-gqa', 'bfloat16', { lora: { rank: 2, alpha: 4 } }],
] as const satisfies readonly (readonly [string, ComputeDType, OptimizerOptions])[];

test.each(CASES)('%s in %s, %j: the guarded device gives the bits of the CPU', async (name, dtype, options) => {
  const cpu = await allResults(name, 'cpu', dtype, options);
  // Not the current device, which a forgotten device would choose
  const guarded = await allResults(name, standIn('guard:1'), dtype, options);
  for (const part of Object.keys(cpu)) expect([part, guarded[part]]).toEqual([part, cpu[part]]);
});

test('a step of training crosses to the device only with ids, targets and three numbers', async () => {
  const model = await Model.load(join(__dirname, '../fixtures/models/llama-tied-gqa'), {
    device: standIn('guard:1'),
    computeDtype: 'bfloat16',
  });
  const optimizer = new Optimizer(model, {});
  await step(model, optimizer);
  guard.resetCounts();
  await step(model, optimizer);
  const ids = 3 * 7 * 8 + 2 * 7 * 8;
  const figures = 8 + 8 + 4 * 8; // two losses; norm, clip factor, whether all is finite, divisor
  expect(guard.counts()).toMatchObject({ deviceToHost: { copies: 3, bytes: figures }, scalarReads: 0, synchronisations: 3 });
  // Scale of the gradients, learning rate, number of the step: beside a batch in optimizer.trainStep, by themselves here
  const numbers = 3 * 8;
  expect(guard.counts().hostToDevice).toEqual({ copies: 3, bytes: 2 * ids + numbers });
  optimizer.dispose();
  model.dispose();
});
