import type { ComputeDType } from '../../lib/addon-types.ts';
import type { DeviceName } from '../../lib/config/device-name.ts';
import type { OptimName } from '../../lib/config/optims.ts';
import { makeBatch } from '../../lib/data/batch.ts';
import { estimateTrainingMemory } from '../../lib/model/memory-estimate.ts';
import type { LoraOptions } from '../../lib/model/lora.ts';
import { Model } from '../../lib/model/model.ts';
import { Optimizer } from '../../lib/model/optimizer.ts';
import { hyperfit } from '../../lib/train/hyperfit.ts';
import { normalizeTrainSettings } from '../../lib/train/settings.ts';
import { describeOnEachDevice } from '../devices.ts';
import { tinyModelPath } from '../oracle/expected.ts';
import { readAll } from '../oracle/models.ts';
import { copyWithNan, randomSequences, refusal, TINY_MODEL } from './tiny.ts';

const BATCHES = [
  [
    [5, 9, 2, 14, 3, 8, 1],
    [7, 4, 11, 6, 2, 10, 3],
  ],
  [
    [3, 8, 2, 5, 1, 9, 4, 6, 12],
    [2, 2, 7],
  ],
].map((rows) => makeBatch(rows.map((row) => Int32Array.from(row))));
const STEP = { learningRate: 1e-2, gradScale: 0.1 };

interface How {
  device: DeviceName;
  lora?: LoraOptions;
  computeDtype?: ComputeDType;
  recompute?: boolean;
  quantize?: 'Q4_0';
  optim?: OptimName;
}

interface Result {
  weights: ReturnType<typeof readAll>;
  moments: ReturnType<typeof readAll>;
  losses: number[];
  norms: number[];
  gradientBytes: number;
}

async function train(path: string, within: boolean, { lora, optim = 'adamw', ...how }: How): Promise<Result> {
  using model = await Model.load(path, how);
  using optimizer = new Optimizer(model, { weightDecay: 0.01, lora, optim });
  const steps: { lossSum: number; gradNorm: number }[] = [];
  for (const batch of [...BATCHES, ...BATCHES]) {
    if (within) steps.push(await optimizer.stepInBackward(batch, STEP));
    else steps.push({ ...(await model.forwardBackward(batch)), ...(await optimizer.step(STEP)) });
  }
  const { gradientBytes } = model.memoryUsage();
  return {
    weights: readAll(model.parameters()),
    moments: readAll(optimizer.state()),
    losses: steps.map(({ lossSum }) => lossSum),
    norms: steps.map(({ gradNorm }) => gradNorm),
    gradientBytes,
  };
}

async function expectSame(path: string, how: How): Promise<void> {
  const [after, within] = [await train(path, false, how), await train(path, true, how)];
  const { gradientBytes, norms, ...bits } = within;
  expect({ ...bits, gradientBytes, norms }).toEqual({ ...after, gradientBytes, norms });
  norms.forEach((norm, index) => expect(norm / after.norms[index]! - 1).toBeCloseTo(0, 5));
  expect(gradientBytes).toBeLessThan(after.gradientBytes);
}

describeOnEachDevice('a step within the backward', (device) => {
  describe.each(['llama-tied-gqa', 'llama-untied-mha', 'gemma3-tied-gqa', 'gpt2-untied-odd', 'imagegpt-odd', 'qwen2-tied-gqa'])(
    '%s',
    (name) => {
      test.each(['float32', 'bfloat16'] as const)('gives the bits of a step after it: %s', (computeDtype) =>
        expectSame(tinyModelPath(name), { device, computeDtype }),
      );
    },
  );

  test.each(['llama-tied-gqa', 'gpt2-untied-odd'])('of LoRA on %s', (name) =>
    expectSame(tinyModelPath(name), { device, lora: { rank: 3 } }),
  );

  test('with activations computed again', () =>
    expectSame(tinyModelPath('gemma2-tied-gqa'), { device, computeDtype: 'bfloat16', recompute: true }));

  test('of moments in 8 bits', () =>
    expectSame(tinyModelPath('gemma3-tied-gqa'), { device, computeDtype: 'bfloat16', optim: 'adamw_8bit' }));

  test('on weights rounded for a file', () => expectSame(TINY_MODEL, { device, computeDtype: 'bfloat16', quantize: 'Q4_0' }));

  test('takes turns with steps after the backward', async () => {
    const weights: unknown[] = [];
    for (const within of [true, false]) {
      using model = await Model.load(tinyModelPath('llama-tied-gqa'), { device });
      using optimizer = new Optimizer(model);
      for (const [index, batch] of [...BATCHES, ...BATCHES].entries()) {
        if (within && index % 2 === 0) await optimizer.stepInBackward(batch, STEP);
        else {
          await model.forwardBackward(batch);
          await optimizer.step(STEP);
        }
      }
      weights.push(readAll(model.parameters()));
    }
    expect(weights[0]).toEqual(weights[1]);
  });

  test('the estimate knows how much memory gradients take', async () => {
    using model = await Model.load(tinyModelPath('gemma3-tied-gqa'), { device });
    using optimizer = new Optimizer(model);
    await optimizer.stepInBackward(BATCHES[0]!, STEP);
    const { lines } = estimateTrainingMemory(model.config, { device, batchSize: 2, sequenceLength: 7, stepInBackward: true });
    expect(lines.find(({ of }) => of === 'gradients')?.bytes).toBe(model.memoryUsage().gradientBytes);
  });
});

describe('what a step within the backward refuses', () => {
  const load = (): Promise<Model> => Model.load(tinyModelPath('llama-tied-gqa'));

  test('gathered gradients, settings that are no numbers', async () => {
    using model = await load();
    using optimizer = new Optimizer(model);
    expect((await refusal(optimizer.stepInBackward(BATCHES[0]!, { learningRate: NaN }))).message).toContain('learningRate');
    await model.forwardBackward(BATCHES[0]!);
    expect(await refusal(optimizer.stepInBackward(BATCHES[0]!, STEP))).toMatchObject({
      code: 'ERR_CONFIG',
      message: expect.stringContaining('zeroGradients'),
    });
    await model.zeroGradients();
    await optimizer.stepInBackward(BATCHES[0]!, STEP);
    expect(model.gradients().size).toBe(0);
  });

  test('a loss that is not finite, with nothing changed', async () => {
    using model = await Model.load(copyWithNan());
    using optimizer = new Optimizer(model);
    const before = readAll(model.parameters());
    expect(await refusal(optimizer.stepInBackward(BATCHES[0]!, STEP))).toMatchObject({
      code: 'ERR_NOT_FINITE',
      message: expect.stringContaining('not changed'),
    });
    expect(readAll(model.parameters())).toEqual(before);
  });

  test('a gradient that is not finite is named with what stands', async () => {
    using model = await load();
    using optimizer = new Optimizer(model);
    expect(await refusal(optimizer.stepInBackward(BATCHES[0]!, { learningRate: 1e-3, gradScale: 3e38 }))).toMatchObject({
      code: 'ERR_NOT_FINITE',
      message: expect.stringContaining('go on from a checkpoint'),
    });
  });

  test('one that was cancelled before, with nothing changed', async () => {
    using model = await load();
    using optimizer = new Optimizer(model);
    const before = readAll(model.parameters());
    const reason = new Error('enough');
    await expect(optimizer.stepInBackward(BATCHES[0]!, { ...STEP, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(readAll(model.parameters())).toEqual(before);
  });

  test('settings that want all gradients first', () => {
    for (const other of [{ maxGradNorm: 1 }, { gradientAccumulationSteps: 2 }]) {
      expect(() => normalizeTrainSettings({ stepInBackward: true, ...other })).toThrow(
        `expected either \`stepInBackward\` or \`${Object.keys(other)[0]}\``,
      );
    }
  });
});

test('a training with it ends with the bits of one without', async () => {
  const data = randomSequences([9, 12, 7, 12]);
  const weights: unknown[] = [];
  for (const stepInBackward of [false, true]) {
    using model = await Model.load(TINY_MODEL);
    const result = await hyperfit(model, { data, sequenceLength: 12, batchSize: 3, epochs: 3, learningRate: 1e-2, stepInBackward });
    weights.push([result, readAll(model.parameters())]);
  }
  expect(weights[1]).toEqual(weights[0]);
});

test('a loss of one’s own is refused beside it', async () => {
  using model = await Model.load(TINY_MODEL);
  const loss = (logits: { sum(): never }): never => logits.sum();
  expect(
    await refusal(
      hyperfit(model, { data: randomSequences([9, 9]), sequenceLength: 9, maxSteps: 1, stepInBackward: true, loss: loss as never }),
    ),
  ).toMatchObject({ code: 'ERR_CONFIG', message: expect.stringContaining('`loss`') });
});
