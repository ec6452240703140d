import { join } from 'node:path';
import { normalizeConfig } from '../../lib/config/normalize.ts';
import type { LossBatch, LossFunction } from '../../lib/model/model-batch.ts';
import { Model } from '../../lib/model/model.ts';
import { Optimizer } from '../../lib/model/optimizer.ts';
import { run, type RunEvent } from '../../lib/run/run.ts';
import { memoryStats, noGrad, Tensor, torch } from '../../lib/tensor/tensor.ts';
import { hyperfit } from '../../lib/train/hyperfit.ts';
import { describeOnEachDevice } from '../devices.ts';
import { settledTensors } from '../live-tensors.ts';
import { freshFolder, randomSequences, refusal, TINY_MODEL, writeIds } from '../train/tiny.ts';
import { runAutograd, type MakeTensor } from './autograd-decoder.ts';
import { IGNORE_INDEX, makeBatch, randomRows, type FlatBatch } from './batches.ts';
import { gradientErrors, relativeDifference } from './differences.ts';
import { TINY_MODELS, tinyModelPath } from './expected.ts';
import { readAll, readNumbers } from './models.ts';

type Logits = Parameters<LossFunction>[0];
/** As LossFunction, of float32 or float64 logits. */
type Formula = (logits: Logits, batch: Pick<LossBatch, 'targetIds'>) => Tensor;

const flat = (logits: Tensor, targetIds: Tensor): [Tensor, Tensor] => [logits.flatten(0, 1), targetIds.flatten()];
const counted = (perToken: Tensor, targetIds: Tensor): Tensor => perToken.mul(targetIds.ne(IGNORE_INDEX)).sum();

const crossEntropy: Formula = (logits, { targetIds }) => torch.crossEntropy(...flat(logits, targetIds), { reduction: 'sum' });
const smoothed: Formula = (logits, { targetIds }) =>
  torch.crossEntropy(...flat(logits, targetIds), { reduction: 'sum', labelSmoothing: 0.1 });
const entropyBonus: Formula = (logits, batch) => {
  const logProbs = logits.logSoftmax(-1);
  return crossEntropy(logits, batch).sub(counted(logProbs.exp().mul(logProbs).sum(-1).neg(), batch.targetIds).mul(0.3));
};
const zLoss: Formula = (logits, batch) =>
  crossEntropy(logits, batch).add(counted(logits.logsumexp([-1]).square(), batch.targetIds).mul(1e-2));
/** Likelihood of what repeats is pushed down (Welleck et al. 2020, arXiv 1908.04319, in its simplest form). */
const unlikelihood: Formula = (logits, { targetIds }) =>
  counted(logits.softmax(-1).gather(-1, targetIds.clamp(0).unsqueeze(-1)).squeeze(-1).neg().add(1.01).log().neg(), targetIds);
const FORMULAS = { 'label smoothing': smoothed, 'an entropy bonus': entropyBonus, 'a z-loss': zLoss, unlikelihood };

const vocabularyOf = ({ config }: Model): number => Math.min(config.vocabSize, config.outputVocabSize);

/** Ragged: the second row ends early, and one target in its middle does not count. */
function batchOf(model: Model, seed: number): FlatBatch {
  const batch = makeBatch(randomRows(seed, 2, 11, vocabularyOf(model)));
  batch.targets.fill(IGNORE_INDEX, 18);
  batch.targets[13] = IGNORE_INDEX;
  return batch;
}

async function gradientsAfter(
  model: Model,
  work: () => Promise<{ lossSum: number; tokenCount: number }>,
): Promise<{ lossSum: number; tokenCount: number; gradients: Map<string, Float64Array> }> {
  await model.zeroGradients();
  const result = await work();
  return { ...result, gradients: readAll(model.gradients()) };
}

const worst = (actual: Map<string, Float64Array>, expected: Map<string, Float64Array>, floor?: number): number =>
  Math.max(...gradientErrors(actual, (name) => expected.get(name)!, floor).map(({ error }) => error));

/** The same formula on the decoder over autograd tensors, in float64. */
function oracle(
  model: Model,
  batch: FlatBatch,
  formula: Formula,
  device: string,
): { lossSum: number; gradients: Map<string, Float64Array> } {
  const weights = new Map(
    [...model.parameters()].map(([name, parameter]) => {
      const copy = Tensor.from(readNumbers(parameter), { shape: parameter.shape, dtype: 'float64', device, requiresGrad: true });
      parameter.dispose();
      return [name, copy];
    }),
  );
  const makeTensor: MakeTensor = (data, shape) =>
    Tensor.from(data, { shape, dtype: data instanceof BigInt64Array ? 'int64' : 'float64', device });
  const { logits } = runAutograd(model.config, weights, batch, makeTensor);
  const targetIds = Tensor.from(batch.targets, { dtype: 'int64', shape: [batch.batchSize, batch.sequenceLength], device });
  const loss = formula(logits.reshape([batch.batchSize, batch.sequenceLength, -1]), { targetIds });
  loss.backward();
  return { lossSum: loss.item(), gradients: readAll(new Map([...weights].map(([name, weight]) => [name, weight.grad!]))) };
}

describeOnEachDevice("a loss of one's own", (device) => {
  async function withModel<T>(
    path: string,
    use: (model: Model) => Promise<T>,
    computeDtype: 'float32' | 'bfloat16' = 'float32',
  ): Promise<T> {
    const model = await Model.load(path, { device, computeDtype });
    try {
      return await use(model);
    } finally {
      model.dispose();
    }
  }

  // The guarded device computes slowly and would see the same faults with a few.
  const families =
    String(device) === 'guard' ? ['llama-tied-gqa', 'qwen3-window-mha', 'gemma2-untied-mha', 'gpt2-tied', 'imagegpt-odd'] : TINY_MODELS;
  test.each(families)('cross-entropy written by hand is the built-in one: %s', async (name) => {
    await withModel(tinyModelPath(name), async (model) => {
      const batch = batchOf(model, 3);
      const own = await gradientsAfter(model, () => model.forwardBackward(batch, { loss: crossEntropy }));
      const built = await gradientsAfter(model, () => model.forwardBackward(batch));
      expect(own.tokenCount).toBe(built.tokenCount);
      expect(relativeDifference(own.lossSum, built.lossSum)).toBeLessThan(1e-6);
      expect(worst(own.gradients, built.gradients)).toBeLessThan(1e-5);
    });
  });

  test.each(['llama-tied-gqa', 'gemma2-untied-mha', 'gpt2-tied'])('products in bfloat16: %s', async (name) => {
    await withModel(
      tinyModelPath(name),
      async (model) => {
        const batch = batchOf(model, 4);
        const own = await gradientsAfter(model, () => model.forwardBackward(batch, { loss: crossEntropy }));
        const built = await gradientsAfter(model, () => model.forwardBackward(batch));
        expect(relativeDifference(own.lossSum, built.lossSum)).toBeLessThan(1e-5);
        expect(worst(own.gradients, built.gradients, 0.01)).toBeLessThan(2 ** -6);
      },
      'bfloat16',
    );
  });

  test.each(Object.keys(FORMULAS) as (keyof typeof FORMULAS)[])('%s has the gradients of autograd in float64', async (name) => {
    for (const path of ['llama-untied-mha', 'gemma2-tied-gqa']) {
      await withModel(tinyModelPath(path), async (model) => {
        const batch = batchOf(model, 5);
        const own = await gradientsAfter(model, () => model.forwardBackward(batch, { loss: FORMULAS[name] }));
        const expected = oracle(model, batch, FORMULAS[name], device);
        expect(relativeDifference(own.lossSum, expected.lossSum)).toBeLessThan(1e-5);
        expect(worst(own.gradients, expected.gradients)).toBeLessThan(2e-4);
      });
    }
  });

  describe('of the tiny model', () => {
    let model: Model;
    let batch: FlatBatch;
    beforeAll(async () => {
      model = await Model.load(TINY_MODEL, { device, computeDtype: 'float32' });
      batch = batchOf(model, 6);
    });
    afterAll(() => model.dispose());
    beforeEach(() => model.zeroGradients());

    test('gradients of several batches add up, whichever loss they come of', async () => {
      const other = makeBatch(randomRows(7, 3, 6, model.config.vocabSize));
      const mixed = await gradientsAfter(model, async () => {
        await model.forwardBackward(batch, { loss: crossEntropy });
        return model.forwardBackward(other);
      });
      const built = await gradientsAfter(model, async () => {
        await model.forwardBackward(batch);
        return model.forwardBackward(other);
      });
      expect(worst(mixed.gradients, built.gradients)).toBeLessThan(1e-5);
    });

    test('an async loss may ask another model: KL to the original', async () => {
      const original = await Model.load(TINY_MODEL, { device, computeDtype: 'float32' });
      const kl: LossFunction = async (logits, { targetIds, tokens, batchSize, sequenceLength }) => {
        const { logits: reference } = await original.forward({ tokens, batchSize, sequenceLength });
        const [p, q] = [logits.logSoftmax(-1), reference.logSoftmax(-1)];
        return counted(p.exp().mul(p.sub(q)).sum(-1), targetIds);
      };
      const before = await settledTensors();
      const same = await gradientsAfter(model, () => model.forwardBackward(batch, { loss: kl }));
      expect(Math.abs(same.lossSum)).toBeLessThan(1e-4);
      expect(Math.max(...[...same.gradients.values()].flatMap((values) => [...values.map(Math.abs)]))).toBeLessThan(1e-4);
      expect(memoryStats().liveTensors).toBe(before);
      original.dispose();
    });

    test('passes of one model take turns', async () => {
      const both = await gradientsAfter(model, async () => {
        const [first] = await Promise.all([
          model.forwardBackward(batch, { loss: async (...args) => (await Promise.resolve(), crossEntropy(...args)) }),
          model.forwardBackward(batch, { loss: crossEntropy }),
        ]);
        return first;
      });
      const once = await gradientsAfter(model, () => model.forwardBackward(batch));
      expect(
        worst(both.gradients, new Map([...once.gradients].map(([name, values]) => [name, values.map((value) => 2 * value)]))),
      ).toBeLessThan(1e-5);
    });

    test('the batch has what was given, and its targets as a tensor', async () => {
      let seen: unknown;
      await model.forwardBackward(batch, {
        loss: (logits, given) => {
          const { targetIds, ...rest } = given;
          seen = { rest, shape: logits.shape, device: logits.device, targets: targetIds.dtype, ids: targetIds.flatten().toArray(1) };
          return crossEntropy(logits, given);
        },
      });
      expect(seen).toEqual({
        rest: { ...batch, tokenCount: 16 },
        shape: [2, 11, model.config.vocabSize],
        device: expect.stringContaining(device),
        targets: 'int64',
        ids: [...batch.targets],
      });
    });

    test('everything made inside is freed, also when it throws', async () => {
      const before = await settledTensors();
      await model.forwardBackward(batch, { loss: entropyBonus });
      await expect(
        model.forwardBackward(batch, {
          loss: (logits) => {
            logits.softmax(-1);
            throw new Error('mine');
          },
        }),
      ).rejects.toThrow('mine');
      await expect(
        model.forwardBackward(batch, {
          loss: async (logits) => {
            logits.softmax(-1);
            await Promise.resolve();
            throw new Error('mine');
          },
        }),
      ).rejects.toThrow('mine');
      expect(memoryStats().liveTensors).toBe(before);
    });

    test('logits that outlive their pass say that they are disposed', async () => {
      let kept: Tensor | undefined;
      await model.forwardBackward(batch, { loss: (logits, given) => crossEntropy((kept = logits), given) });
      expect(kept!.isDisposed).toBe(true);
      expect(() => kept!.sum()).toThrow(expect.objectContaining({ code: 'ERR_DISPOSED' }) as Error);
    });

    test.each<[string, string, string, LossFunction]>([
      ['no tensor', 'ERR_CONFIG', 'got number; return the tensor itself', (logits) => logits.sum().item() as unknown as Tensor],
      ['nothing', 'ERR_CONFIG', 'got undefined', () => undefined as unknown as Tensor],
      ['several elements', 'ERR_SHAPE', 'got shape [2, 11]', (logits) => logits.sum(-1)],
      ['nothing that depends on the logits', 'ERR_CONFIG', 'depends on the logits', () => Tensor.from(1)],
      [
        'something that depends on another leaf alone',
        'ERR_CONFIG',
        'depends on the logits',
        () => Tensor.from(1, { requiresGrad: true }).mul(2),
      ],
      ['something that was not recorded', 'ERR_CONFIG', 'outside noGrad()', (logits) => noGrad(() => logits.sum())],
      ['something detached', 'ERR_CONFIG', 'without detach()', (logits) => logits.detach().sum()],
      ['infinity', 'ERR_NOT_FINITE', 'got Infinity', (logits) => logits.sum().div(0).abs()],
      ['NaN', 'ERR_NOT_FINITE', 'got NaN', (logits) => logits.sub(logits).sum().log().mul(0)],
      ['a gradient that is not finite', 'ERR_NOT_FINITE', 'gradient of `loss`', (logits) => logits.sub(logits).sum().sqrt()],
      [
        'a disposed tensor',
        'ERR_DISPOSED',
        '',
        (logits) => {
          const sum = logits.sum();
          sum.dispose();
          return sum;
        },
      ],
      ['logits changed in place', 'ERR_TORCH', 'inplace', (logits) => logits.add_(1).sum()],
    ])('refuses %s, and leaves the gradients as they were', async (_, code, text, loss) => {
      await model.forwardBackward(batch);
      const before = readAll(model.gradients());
      const refused = await refusal(model.forwardBackward(batch, { loss }));
      expect(refused).toEqual({ code, message: expect.stringContaining(text) as string });
      expect(readAll(model.gradients())).toEqual(before);
    });

    test('refuses what is no function, and targets that are not of the model', async () => {
      expect(await refusal(model.forwardBackward(batch, { loss: 'crossEntropy' as unknown as LossFunction }))).toMatchObject({
        code: 'ERR_CONFIG',
      });
      expect(await refusal(model.forwardBackward({ ...batch, targets: batch.targets.slice(1) }, { loss: crossEntropy }))).toMatchObject({
        code: 'ERR_SHAPE',
      });
      expect(
        await refusal(model.forwardBackward({ ...batch, targets: batch.targets.map((id) => (id < 0 ? id : 1e6)) }, { loss: crossEntropy })),
      ).toMatchObject({ code: 'ERR_DATA' });
      expect(() => hyperfit(model, { data: [Int32Array.of(5, 6, 7)], loss: 1 as unknown as LossFunction })).toThrow(
        expect.objectContaining({ code: 'ERR_CONFIG' }) as Error,
      );
    });

    test.each<[string, (logits: Tensor) => Promise<unknown>]>([
      ['decodes', () => model.generate([Int32Array.of(5)], { maxNewTokens: 2 })],
      ['goes forward', () => model.forward({ tokens: Int32Array.of(5, 6), batchSize: 1, sequenceLength: 2 })],
      ['trains', () => model.forwardBackward(batch)],
      ['trains by the same loss', () => model.forwardBackward(batch, { loss: crossEntropy })],
    ])('a loss whose own model %s meanwhile is refused, not computed wrongly', async (_, work) => {
      const refused = await refusal(
        model.forwardBackward(batch, {
          loss: async (logits, given) => {
            await work(logits);
            return crossEntropy(logits, given);
          },
        }),
      );
      expect(refused).toEqual({
        code: 'ERR_CONFIG',
        message: expect.stringMatching(/no other work of this model|within its own `loss`/) as string,
      });
    });

    test('a step of the optimizer meanwhile is refused', async () => {
      const own = await Model.load(TINY_MODEL, { device });
      const optimizer = new Optimizer(own);
      await own.forwardBackward(batch);
      const refused = await refusal(
        own.forwardBackward(batch, {
          loss: async (logits, given) => {
            await optimizer.step({ learningRate: 1e-4 });
            return crossEntropy(logits, given);
          },
        }),
      );
      expect(refused).toEqual({ code: 'ERR_CONFIG', message: expect.stringContaining('no change of its weights') as string });
      optimizer.dispose();
      own.dispose();
    });

    test('an abort within the loss ends the pass', async () => {
      const controller = new AbortController();
      const loss: LossFunction = (logits, given) => {
        controller.abort(new Error('enough'));
        return crossEntropy(logits, given);
      };
      await expect(model.forwardBackward(batch, { loss, signal: controller.signal })).rejects.toThrow('enough');
      await model.forwardBackward(batch);
    });
  });

  test.each([{}, { loraRank: 4, loraAlpha: 8 }])('training by it is training: %j', async (lora) => {
    const data = randomSequences([9, 14, 5, 8], 3);
    const settings = { data, learningRate: 1e-3, epochs: 2, batchSize: 3, gradientAccumulationSteps: 2, ...lora };
    const lossesBy = async (loss?: LossFunction): Promise<number[]> => {
      const model = await Model.load(TINY_MODEL, { device, computeDtype: 'float32' });
      const losses: number[] = [];
      for await (const event of hyperfit(model, { ...settings, loss })) if (event.type === 'step') losses.push(event.loss);
      model.dispose();
      return losses;
    };
    const [own, built, half] = [
      await lossesBy(crossEntropy),
      await lossesBy(),
      await lossesBy((logits, batch) => crossEntropy(logits, batch).mul(0.5)),
    ];
    own.forEach((loss, step) => expect(relativeDifference(loss, built[step]!)).toBeLessThan(1e-4));
    expect(relativeDifference(half[0]!, built[0]! / 2)).toBeLessThan(1e-6);
  });
});

test('a whole run trains by it, and goes on measuring cross-entropy', async () => {
  const folder = freshFolder();
  const values = {
    model: TINY_MODEL,
    data: writeIds(join(folder, 'all.jsonl'), randomSequences(Array.from({ length: 8 }, () => 12))),
    out: join(folder, 'run'),
    samples: 4,
    learningRate: 1e-3,
    batchSize: 4,
    maxSteps: 2,
    evaluateEverySteps: 2,
    contextLength: 4,
    maxNewTokens: 4,
    comparisonContexts: 0,
  };
  const events: RunEvent[] = [];
  let calls = 0;
  const loss: LossFunction = (logits, batch) => {
    calls++;
    return crossEntropy(logits, batch).mul(0.5);
  };
  const onEvent = (event: RunEvent): void => void events.push(event);
  await run(normalizeConfig([{ name: 'test', values }]), { onEvent, loss });
  expect(calls).toBe(2);
  const steps = events.filter((event) => event.type === 'step').map((event) => event.loss);
  const [first] = events.filter((event) => event.type === 'evaluation').map((event) => event.heldOutLoss!);
  expect(steps[0]! * 2).toBeGreaterThan(0.8 * first!);
  expect(steps[0]!).toBeLessThan(0.7 * first!);
});
