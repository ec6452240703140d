import { addon } from '../../lib/addon.ts';
import type { ComputeDType } from '../../lib/addon-types.ts';
import type { DeviceName } from '../../lib/config/device-name.ts';
import { makeBatch } from '../../lib/data/batch.ts';
import { estimateTrainingMemory } from '../../lib/model/memory-estimate.ts';
import { Model } from '../../lib/model/model.ts';
import { Optimizer } from '../../lib/model/optimizer.ts';
import { torch } from '../../lib/tensor/tensor.ts';
import { describeOnEachDevice } from '../devices.ts';
import { refusal } from '../train/tiny.ts';
import { randomRows } from './batches.ts';
import { gradientErrors, relativeDifference } from './differences.ts';
import { TINY_MODELS, tinyModelPath } from './expected.ts';
import { readAll } from './models.ts';
import { writeRandomModel } from './random-model.ts';

const batchOf = (rows: readonly (readonly number[])[]): ReturnType<typeof makeBatch> => makeBatch(rows.map((row) => Int32Array.from(row)));
const BATCHES = [
  [
    [5, 9, 2, 14, 3, 8, 1],
    [7, 4, 11, 6, 2, 10, 3],
  ],
  [
    [3, 8, 2, 5, 1, 9, 4, 6, 12],
    [2, 2, 7],
  ],
].map(batchOf);

interface Result {
  losses: number[];
  gradients: ReturnType<typeof readAll>;
  workspaceBytes: number;
}

interface How {
  device: DeviceName;
  computeDtype: ComputeDType;
  lora?: { rank: number; layers: number };
}

/** Two batches whose gradients are added up. */
async function accumulate(path: string, recompute: boolean, { device, computeDtype, lora }: How): Promise<Result> {
  using model = await Model.load(path, { device, computeDtype, recompute });
  using _optimizer = new Optimizer(model, { lora });
  const losses: number[] = [];
  for (const batch of BATCHES) losses.push((await model.forwardBackward(batch)).lossSum);
  return { losses, gradients: readAll(model.gradients()), workspaceBytes: model.memoryUsage().workspaceBytes };
}

describeOnEachDevice('activations that are computed again', (device) => {
  describe.each(TINY_MODELS)('%s', (name) => {
    test.each(['float32', 'bfloat16'] as const)('give the bits of those that are kept, in less memory: %s', async (computeDtype) => {
      const [kept, again] = [
        await accumulate(tinyModelPath(name), false, { device, computeDtype }),
        await accumulate(tinyModelPath(name), true, { device, computeDtype }),
      ];
      expect(again.losses).toEqual(kept.losses);
      expect(again.gradients).toEqual(kept.gradients);
      expect(again.workspaceBytes).toBeLessThan(kept.workspaceBytes);
    });
  });

  test('LoRA on the last of three layers', async () => {
    const how = { device, computeDtype: 'bfloat16', lora: { rank: 2, layers: 1 } } as const;
    const path = tinyModelPath('gemma3-tied-gqa');
    const [kept, again] = [await accumulate(path, false, how), await accumulate(path, true, how)];
    expect(again).toEqual({ ...kept, workspaceBytes: again.workspaceBytes });
  });

  test('a loss of one’s own', async () => {
    const results: unknown[] = [];
    for (const recompute of [false, true]) {
      using model = await Model.load(tinyModelPath('llama-tied-gqa'), { device, recompute });
      const { lossSum } = await model.forwardBackward(BATCHES[0]!, {
        loss: (logits, { targetIds }) => torch.crossEntropy(logits.flatten(0, 1), targetIds.flatten(), { reduction: 'sum' }),
      });
      results.push([lossSum, readAll(model.gradients())]);
    }
    expect(results[1]).toEqual(results[0]);
  });

  test('a pass of another shape, a text and statistics between two steps change nothing', async () => {
    using model = await Model.load(tinyModelPath('gemma2-tied-gqa'), { device, recompute: true });
    const pass = async (): Promise<unknown> => {
      await model.zeroGradients();
      return [(await model.forwardBackward(BATCHES[0]!)).lossSum, readAll(model.gradients())];
    };
    const first = await pass();
    await model.forwardBackward(BATCHES[1]!);
    await model.generate([[1, 2, 3]], { maxNewTokens: 4 });
    await model.tokenStats(BATCHES[1]!);
    expect(await pass()).toEqual(first);
  });
});

describe('logits in parts', () => {
  /**
   * Of the CPU's kernels parts have at most 256 rows, with activations that are computed again at most 67 million logits; libtorch's
   * operators make all at once.
   */
  test.each([
    ['float32', 1e-5],
    ['bfloat16', 2 ** -5],
  ] as const)('give the gradients of all at once to rounding, and the estimate counts a part: %s', async (computeDtype, bound) => {
    const path = writeRandomModel(
      {
        family: 'gemma2',
        heads: 2,
        keyValueHeads: 1,
        headDim: 8,
        hiddenSize: 16,
        intermediateSize: 24,
        layers: 2,
        vocabSize: 262_144,
        attentionBias: false,
        mlpBias: false,
        tied: true,
        slidingWindow: 0,
        positions: 512,
        rope: 'default',
        softcap: 20,
        activation: 'silu',
      },
      5,
    );
    const batch = batchOf(randomRows(9, 2, 161, 262_144));
    const measure = async (
      kernels: boolean,
      recompute: boolean,
      dtype: ComputeDType = computeDtype,
    ): Promise<Result & { logitBytes: number }> => {
      addon().setKernels(kernels);
      try {
        using model = await Model.load(path, { computeDtype: dtype, recompute });
        const { lossSum } = await model.forwardBackward(batch);
        const { workspaceBytes } = model.memoryUsage();
        const { lines } = estimateTrainingMemory(model.config, { batchSize: 2, sequenceLength: 161, computeDtype: dtype, recompute });
        const bytesOf = (line: RegExp): number => lines.filter(({ of }) => line.test(of)).reduce((sum, { bytes }) => sum + bytes, 0);
        expect(bytesOf(/^(activations|scores of|logits)/)).toBe(workspaceBytes);
        return { losses: [lossSum], gradients: readAll(model.gradients()), workspaceBytes, logitBytes: bytesOf(/^logits/) };
      } finally {
        addon().setKernels(true);
      }
    };
    const [whole, kept, again] = [await measure(false, false), await measure(true, false), await measure(true, true)];
    expect(kept.logitBytes).toBe(whole.logitBytes / 2);
    expect(relativeDifference(kept.losses[0]!, whole.losses[0]!)).toBeLessThan(bound / 100);
    // Both round, each in its own places, so what they are held against does not.
    const exact = computeDtype === 'float32' ? whole : await measure(false, false, 'float32');
    for (const { error } of gradientErrors(kept.gradients, (name) => exact.gradients.get(name)!)) expect(error).toBeLessThan(bound);
    expect(again).toEqual({ ...kept, workspaceBytes: again.workspaceBytes });
    expect(again.workspaceBytes).toBeLessThan(kept.workspaceBytes);
  });
});

test('what is no true or false is refused', async () => {
  expect(await refusal(Model.load(tinyModelPath('llama-tied-gqa'), { recompute: 'yes' as never }))).toMatchObject({
    code: 'ERR_CONFIG',
    message: expect.stringContaining('`recompute`'),
  });
});
