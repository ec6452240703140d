import { standIn } from '../devices.ts';
import type { ComputeDType } from '../../lib/addon-types.ts';
import type { DeviceName } from '../../lib/config/device-name.ts';
import { makeBatch as batchOf, targetCount } from '../../lib/data/batch.ts';
import { Model } from '../../lib/model/model.ts';
import type { ModelBatch } from '../../lib/model/model-batch.ts';
import { Optimizer, type OptimizerOptions } from '../../lib/model/optimizer.ts';
import { scope } from '../../lib/tensor/scope.ts';
import { Tensor, torch } from '../../lib/tensor/tensor.ts';
import { hyperfit } from '../../lib/train/hyperfit.ts';
import { randomRows } from '../oracle/batches.ts';
import { tinyModelPath } from '../oracle/expected.ts';
import { readAll } from '../oracle/models.ts';
import { randomSequences, refusal, TINY_MODEL } from '../train/tiny.ts';
import { loadGuard } from './guard.ts';

// The engine's CUDA rows and its way of stepping without waiting, on the guarded device that has the operators of a card. What the
// operators compute there is the CPU's; which are called, with what, how often the host waits and what crosses is what a card would be
// asked.

const guard = loadGuard();
const CARD = standIn('guard:1'); // not the current device, which a forgotten device would choose
beforeAll(() => guard.becomeCard());
afterAll(() => guard.beNoCard());

const LENGTH = 20; // beyond every window of the tiny models
const VOCABULARY = 80;
const rowsOf = (seed: number, count: number): Int32Array[] =>
  randomRows(seed, count, LENGTH, VOCABULARY).map((row) => Int32Array.from(row));
const BATCHES = [batchOf(rowsOf(1, 2)), batchOf(rowsOf(2, 1))];

async function withModel<T>(
  name: string,
  device: DeviceName,
  computeDtype: ComputeDType,
  options: OptimizerOptions,
  use: (model: Model, optimizer: Optimizer) => Promise<T>,
): Promise<T> {
  const model = await Model.load(name.includes('/') ? name : tinyModelPath(name), { device, computeDtype });
  const optimizer = new Optimizer(model, options);
  try {
    return await use(model, optimizer);
  } finally {
    optimizer.dispose();
    model.dispose();
  }
}

const settingsOf = (batches: readonly ModelBatch[]) => ({
  learningRate: 1e-3,
  gradScale: 1 / batches.reduce((sum, batch) => sum + targetCount(batch), 0),
  maxGradNorm: 0.5,
});

/** Losses and norms of four steps of two batches each. */
const trained = (name: string, device: DeviceName, dtype: ComputeDType, options: OptimizerOptions = {}): Promise<number[]> =>
  withModel(name, device, dtype, options, async (_model, optimizer) => {
    const found: number[] = [];
    for (let step = 0; step < 4; ++step) {
      const { lossSums, gradNorm } = await optimizer.trainStep(BATCHES, settingsOf(BATCHES));
      found.push(...lossSums, gradNorm);
    }
    return found;
  });

/** Each within a share of its own size. */
function expectNear(actual: readonly number[], expected: readonly number[], share: number): void {
  expect(actual).toHaveLength(expected.length);
  for (const [index, value] of actual.entries())
    expect(Math.abs(value - expected[index]!)).toBeLessThanOrEqual(share * Math.abs(expected[index]!));
}

const FAMILIES = ['llama-tied-gqa', 'mistral-window', 'qwen3-window-mha', 'gemma2-untied-mha', 'gemma3-tied-gqa', 'gpt2-tied'] as const;
const BOUND = { float32: 5e-5, bfloat16: 0.02 } as const;

describe('Four steps of two batches', () => {
  test.each(FAMILIES.flatMap((name) => (['float32', 'bfloat16'] as const).map((dtype) => [name, dtype] as const)))(
    '%s in %s: losses and norms of the CPU',
    async (name, dtype) => {
      expectNear(await trained(name, CARD, dtype), await trained(name, 'cpu', dtype), BOUND[dtype]);
    },
  );

  // A moment on the border of two codes falls on either side.
  test('moments in 8 bits: the same', async () => {
    const options = { optim: 'adamw_8bit' } as const;
    expectNear(await trained('llama-tied-gqa', CARD, 'float32', options), await trained('llama-tied-gqa', 'cpu', 'float32', options), 1e-3);
  });

  test('LoRA: the same', async () => {
    const options = { lora: { rank: 2, alpha: 4 } };
    expectNear(
      await trained('llama-tied-gqa', CARD, 'float32', options),
      await trained('llama-tied-gqa', 'cpu', 'float32', options),
      BOUND.float32,
    );
  });

  test.each<DeviceName>(['cpu', CARD])('in one call and one by one on %s: the same bits', async (device) => {
    const oneByOne = await withModel('llama-tied-gqa', device, 'bfloat16', {}, async (model, optimizer) => {
      const found: number[] = [];
      for (let step = 0; step < 4; ++step) {
        for (const batch of BATCHES) found.push((await model.forwardBackward(batch)).lossSum);
        found.push((await optimizer.step(settingsOf(BATCHES))).gradNorm);
      }
      return found;
    });
    expect(await trained('llama-tied-gqa', device, 'bfloat16')).toEqual(oneByOne);
  });

  test('within the backward: the weights of a step after it, to the bit', async () => {
    const [batch] = BATCHES as [ModelBatch];
    const { learningRate, gradScale } = settingsOf([batch]);
    const weights = (inBackward: boolean) =>
      withModel('gemma3-tied-gqa', CARD, 'bfloat16', {}, async (model, optimizer) => {
        const step = inBackward
          ? await optimizer.stepInBackward(batch, { learningRate, gradScale })
          : await optimizer.trainStep([batch], { learningRate, gradScale });
        return { norm: step.gradNorm, weights: [...readAll(model.parameters())].map(([name, values]) => [name, [...values]]) };
      });
    const [within, after] = [await weights(true), await weights(false)];
    expectNear([within.norm], [after.norm], 1e-5);
    expect(within.weights).toEqual(after.weights);
  });
});

/** What a device was asked for by a third run of `work`. */
async function steady(work: () => Promise<unknown>) {
  for (let time = 0; time < 2; ++time) await work();
  guard.resetCounts();
  await work();
  return { ...guard.counts(), by: guard.operators() };
}

const NUMBERS = 8;
/** Norm, clip factor, whether all is finite, divisor. */
const FIGURES = 4;
/** Scale of the gradients, learning rate, number of the step. */
const OF_STEP = 3;

describe('A steady step', () => {
  test.each([
    // A budget of allocations: results of operators that have no form which writes into memory of ours. Without kernels of ours norms are
    // among them.
    ['llama-tied-gqa', 'float32', {}, 84],
    ['llama-tied-gqa', 'bfloat16', {}, 84],
    ['gpt2-tied', 'bfloat16', {}, 124],
    ['llama-tied-gqa', 'bfloat16', { lora: { rank: 2 } }, 82],
  ] as const)(
    '%s in %s, %j: ids and targets go in one copy a batch, losses and norm come in one, and the host waits once',
    async (name, dtype, options, allocations) => {
      const asked = await withModel(name, CARD, dtype, options, (_model, optimizer) =>
        steady(() => optimizer.trainStep(BATCHES, settingsOf(BATCHES))),
      );
      const ids = BATCHES.reduce((sum, batch) => sum + batch.tokens.length + batch.targets.length, 0);
      expect(asked).toMatchObject({
        hostToDevice: { copies: BATCHES.length, bytes: (ids + OF_STEP) * NUMBERS },
        deviceToHost: { copies: 1, bytes: (FIGURES + BATCHES.length) * NUMBERS },
        scalarReads: 0,
        synchronisations: 1,
      });
      expect(asked.allocations).toBe(allocations);
    },
  );

  test('moments in 8 bits: nothing more crosses', async () => {
    const asked = await withModel('llama-tied-gqa', CARD, 'bfloat16', { optim: 'adamw_8bit' }, (_model, optimizer) =>
      steady(() => optimizer.trainStep(BATCHES, settingsOf(BATCHES))),
    );
    expect(asked).toMatchObject({
      hostToDevice: { copies: BATCHES.length },
      deviceToHost: { copies: 1 },
      scalarReads: 0,
      synchronisations: 1,
    });
  });

  test('ragged data: the first step takes the memory of all', async () => {
    const data = randomSequences([5, 20, 9, 30, 12, 7, 25, 6]);
    const model = await Model.load(TINY_MODEL, { device: CARD, computeDtype: 'bfloat16' });
    const before = guard.memory('guard:1').bytes;
    const after: number[] = [];
    for await (const event of hyperfit(model, { data, batchSize: 2, epochs: 2, order: 'identity' }))
      if (event.type === 'step') after.push(guard.memory('guard:1').bytes - before);
    // What is kept beside activations are ids, which grow with the batch.
    expect(Math.max(...after) - after[0]!).toBeLessThanOrEqual(2 * 2 * 30 * NUMBERS);
    model.dispose();
  });

  test('within the backward it waits once too', async () => {
    const { gradScale } = settingsOf([BATCHES[0]!]);
    const asked = await withModel('llama-tied-gqa', CARD, 'bfloat16', {}, (_model, optimizer) =>
      steady(() => optimizer.stepInBackward(BATCHES[0]!, { learningRate: 1e-3, gradScale })),
    );
    expect(asked).toMatchObject({ hostToDevice: { copies: 1 }, deviceToHost: { copies: 1 }, scalarReads: 0, synchronisations: 1 });
  });

  test('statistics of tokens and the share of changed weights are read once', async () => {
    const model = await Model.load(tinyModelPath('llama-tied-gqa'), { device: CARD, computeDtype: 'float32' });
    expect(await steady(() => model.tokenStats(BATCHES[0]!))).toMatchObject({
      hostToDevice: { copies: 1 },
      scalarReads: 0,
      synchronisations: 1,
    });
    expect(await steady(() => model.changedShare())).toMatchObject({ deviceToHost: { copies: 1 }, scalarReads: 0 });
    model.dispose();
  });

  test.each([
    [
      'qwen2-tied-gqa',
      'bfloat16',
      {
        _fused_rms_norm: true,
        _fused_rms_norm_backward: true,
        _flash_attention_forward: true,
        _efficient_attention_backward: true,
        'mm.dtype_out': true,
        '_softmax.out': false,
      },
    ],
    ['llama-tied-gqa', 'float32', { _efficient_attention_forward: true, _flash_attention_forward: false, '_softmax.out': false }],
    ['mistral-window', 'float32', { _efficient_attention_backward: false, '_softmax.out': true }], // a window that bites
    ['gemma2-untied-mha', 'bfloat16', { _flash_attention_forward: false, '_softmax.out': true }], // a soft cap
  ] as const)('%s in %s goes by the operators that a card has', async (name, dtype, expected) => {
    const { by } = await withModel(name, CARD, dtype, {}, (_model, optimizer) =>
      steady(() => optimizer.trainStep(BATCHES, settingsOf(BATCHES))),
    );
    expect(Object.fromEntries(Object.keys(expected).map((operator) => [operator, `aten::${operator}` in by]))).toEqual(expected);
  });
});

describe('Texts', () => {
  const prompts = [
    [5, 6, 7, 8, 9, 10, 11],
    [12, 13],
    [14, 15, 16],
  ];
  const ways = { greedy: {}, penalised: { repetitionPenalty: 1.3, noRepeatNgramSize: 3 }, drawn: { temperature: 0.9, topK: 20, seed: 7 } };

  test.each(FAMILIES)('%s: ids of the CPU, greedy, penalised and drawn', async (name) => {
    const texts = async (device: DeviceName) => {
      const model = await Model.load(tinyModelPath(name), { device, computeDtype: 'float32' });
      const found: Record<string, number[][]> = {};
      for (const [way, options] of Object.entries(ways)) {
        const generations = await model.generate(prompts, { maxNewTokens: 24, minNewTokens: 24, stopIds: [], ...options });
        found[way] = generations.map(({ ids }) => [...ids]);
      }
      model.dispose();
      return found;
    };
    expect(await texts(CARD)).toEqual(await texts('cpu'));
  });
});

describe('An update that would be bad', () => {
  const data = randomSequences([12, 12, 12, 12]);
  const UP = 'model.layers.1.mlp.up_proj.weight';
  const fill = (tensors: Map<string, Tensor>, value: number) => {
    scope(() => void torch.call('aten::fill_', [tensors.get(UP)!, value]));
    for (const tensor of tensors.values()) tensor.dispose();
  };
  const bitsOf = (model: Model, optimizer: Optimizer) =>
    [...readAll(model.parameters()), ...readAll(optimizer.state())].map(([name, values]) => [
      name,
      Buffer.from(new Float32Array(values).buffer).toString('hex'),
    ]);

  test.each<[number, OptimizerOptions]>([
    [Number.NaN, {}],
    [Number.POSITIVE_INFINITY, {}],
    [Number.NaN, { optim: 'adamw_8bit' }],
  ])(
    "a gradient of %d, %j: weights and moments keep their bits, the step is not counted, the next one is the CPU's",
    async (value, options) => {
      const run = (device: DeviceName) =>
        withModel(TINY_MODEL, device, 'float32', options, async (model, optimizer) => {
          const batch = batchOf(data);
          await optimizer.trainStep([batch], settingsOf([batch]));
          const before = bitsOf(model, optimizer);
          await model.forwardBackward(batch);
          fill(model.gradients(), value);
          expect(await refusal(optimizer.step(settingsOf([batch])))).toEqual({
            code: 'ERR_NOT_FINITE',
            message: expect.stringContaining(`in the gradient of ${UP}`) as string,
          });
          expect(bitsOf(model, optimizer)).toEqual(before);
          expect(optimizer.stepCount).toBe(1);
          await model.zeroGradients();
          const { lossSums, gradNorm } = await optimizer.trainStep([batch], settingsOf([batch]));
          return [...lossSums, gradNorm];
        });
      expectNear(await run(CARD), await run('cpu'), BOUND.float32);
    },
  );

  test.each<DeviceName>(['cpu', CARD])('a weight that becomes infinite, on %s: the step and its samples are named', async (device) => {
    const model = await Model.load(TINY_MODEL, { device, computeDtype: 'bfloat16' });
    const events = hyperfit(model, { data, batchSize: 2, epochs: 50, order: 'identity' })[Symbol.asyncIterator]();
    await events.next();
    fill(model.parameters(), Number.POSITIVE_INFINITY);
    const failed = await refusal(
      (async () => {
        for (;;) if ((await events.next()).done) return;
      })(),
    );
    expect(failed).toEqual({
      code: 'ERR_NOT_FINITE',
      message: expect.stringMatching(new RegExp(`at step 2, .*in ${UP}.*samples 2, 3`)) as string,
    });
    model.dispose();
  });

  test.each<DeviceName>(['cpu', CARD])('within the backward, on %s: a loss that is not finite changes nothing', async (device) => {
    await withModel(TINY_MODEL, device, 'float32', {}, async (model, optimizer) => {
      fill(model.parameters(), Number.NaN);
      const before = bitsOf(model, optimizer),
        batch = batchOf(data);
      expect(await refusal(optimizer.stepInBackward(batch, { learningRate: 1e-3 }))).toMatchObject({
        code: 'ERR_NOT_FINITE',
        message: expect.stringContaining('finite loss') as string,
      });
      expect(bitsOf(model, optimizer)).toEqual(before);
      expect(optimizer.stepCount).toBe(0);
    });
  });
});

describe('Operations by the operators of a card', () => {
  let seed = 1;
  const floats = (...shape: number[]): Tensor => {
    const values = Float32Array.from(
      { length: shape.reduce((a, b) => a * b, 1) },
      () => ((seed = (seed * 16807) % 2147483647) / 2147483647 - 0.5) * 4,
    );
    return Tensor.from(values, { shape });
  };
  /**
   * `hyperfit::<name>` on the card beside the CPU's kernels, each result (of statistics the first row, which all norms have) within `bound`
   * of its norm.
   */
  function expectAsOnCpu(name: string, args: readonly unknown[], bound: number): void {
    scope(() => {
      const run = (device: string) =>
        [
          torch.call(`hyperfit::${name}`, args.map((argument) => (argument instanceof Tensor ? argument.to(device) : argument)) as never),
        ].flat() as Tensor[];
      const [card, cpu] = [run(CARD), run('cpu')];
      expect(card).toHaveLength(cpu.length);
      const compared = (tensor: Tensor) =>
        (name === 'norm' && tensor.shape.length === 3 ? tensor.select(0, 0) : tensor).to('cpu').to('float32');
      for (const [index, made] of card.entries()) {
        const want = compared(cpu[index]!),
          got = compared(made),
          off = got.sub(want);
        expect(Number(off.mul(off).sum().item()) ** 0.5).toBeLessThanOrEqual(bound * Number(want.mul(want).sum().item()) ** 0.5 + 1e-6);
      }
    });
  }

  describe.each([
    ['float32', 1e-5],
    ['bfloat16', 0.02],
  ] as const)('%s', (dtype, bound) => {
    const of = (...shape: number[]) => floats(...shape).to(dtype);
    test.each([
      [1, 8, 2, 2, 0],
      [3, 20, 4, 2, 0],
      [2, 33, 6, 1, 40],
      [2, 20, 4, 4, 5],
      [1, 1, 2, 1, 0],
    ])('attention of %d texts of %d, %d heads over %d, window %d', (batch, length, heads, kv, window) => {
      const [q, k, v] = [of(batch, heads, length, 16), of(batch, kv, length, 16), of(batch, kv, length, 16)];
      expectAsOnCpu('attention', [q, k, v, 0.3, 0, window], bound);
      expectAsOnCpu('attention_backward', [of(batch * length, heads * 16), q, k, v, 0.3, 0, window], bound);
      expectAsOnCpu('attention_backward', [of(batch * length, heads * 16), q, k, v, 0.3, 4, window], bound); // soft-capped
    });

    test.each([0, 1])('the norm of the root mean square, offset %d', (offset) => {
      const [x, w] = [of(7, 48), floats(48)];
      const stats = scope(() => (torch.call('hyperfit::norm', [x, w, null, 1e-5, offset, dtype]) as Tensor[])[1]!);
      expectAsOnCpu('norm', [x, w, null, 1e-5, offset, dtype], bound);
      expectAsOnCpu('norm_again', [x, stats, w, null, 1e-5, offset, dtype], bound);
      for (const beta of [0, 1])
        expectAsOnCpu('norm_backward', [of(7, 48), of(7, 48), x, stats, w, null, offset, floats(48), floats(48), beta], bound);
    });
  });

  // Of two of them libtorch has a form for the CPU: the stand-in must compute the same, give results of the same shapes, and keep the same
  // sums.
  describe('the stand-ins beside libtorch', () => {
    const asList = (tensor: Tensor): number[] => [...(tensor.to('cpu').to('float32').contiguous().toTypedArray() as Float32Array)];
    const expectAlike = (got: Tensor, want: Tensor, bound: number): void => {
      expect(got.shape).toEqual(want.shape);
      expect(Math.max(...asList(got.to('cpu').to('float32').sub(want.to('float32')).abs()))).toBeLessThanOrEqual(bound);
    };
    const many = (name: string, args: readonly unknown[], named: Record<string, unknown> = {}) =>
      torch.call(name, args as never, named as never) as Tensor[];

    test('_fused_rms_norm', () =>
      scope(() => {
        const [x, w] = [floats(7, 48), floats(48)];
        const [y, rstd] = many('aten::_fused_rms_norm', [x.to(CARD), [48], w.to(CARD), 1e-5]) as [Tensor, Tensor];
        const [wantY, wantRstd] = many('aten::_fused_rms_norm', [x, [48], w, 1e-5]) as [Tensor, Tensor];
        expectAlike(y, wantY, 1e-5);
        expectAlike(rstd, wantRstd, 1e-5);
      }));

    test.each([
      ['float32', 1e-5],
      ['bfloat16', 0.03],
    ] as const)('attention and its backward in %s, by the flash attention that libtorch has for the CPU', (dtype, bound) =>
      scope(() => {
        const [q, k, v, d] = [0, 1, 2, 3].map(() => floats(2, 3, 21, 16).to(dtype)) as [Tensor, Tensor, Tensor, Tensor];
        const turned = (tensor: Tensor) => tensor.to(CARD).transpose(1, 2);
        const back = (tensor: Tensor) => tensor.transpose(1, 2).contiguous();
        const [out, sums] = many('aten::_scaled_dot_product_flash_attention_for_cpu', [q, k, v, 0, true], { scale: 0.3 }) as [
          Tensor,
          Tensor,
        ];
        const wanted = many('aten::_scaled_dot_product_flash_attention_for_cpu_backward', [d, q, k, v, out, sums, 0, true], { scale: 0.3 });
        const efficient = many(
          'aten::_efficient_attention_forward',
          [turned(q), turned(k), turned(v), null, null, null, null, null, 0, 1, true],
          { scale: 0.3 },
        );
        expectAlike(back(efficient[0]!), out, bound);
        expectAlike(efficient[1]!.narrow(2, 0, 21), sums, bound);
        const [seed, offset] = [efficient[2], efficient[3]];
        const gradients = many(
          'aten::_efficient_attention_backward',
          [turned(d), turned(q), turned(k), turned(v), null, efficient[0], null, null, 21, 21, efficient[1], 0, seed, offset, 1, false],
          { scale: 0.3, num_splits_key: 1 },
        );
        for (const [index, want] of wanted.entries()) expectAlike(back(gradients[index]!), want, 4 * bound);
        if (dtype === 'float32') return;
        const flash = many('aten::_flash_attention_forward', [turned(q), turned(k), turned(v), null, null, 21, 21, 0, true, false], {
          scale: 0.3,
        });
        expectAlike(back(flash[0]!), out, bound);
        expectAlike(flash[1]!, sums, bound);
      }),
    );
  });

  test('what a fused kernel refuses goes operator by operator from then on', () => {
    guard.beNoCard();
    guard.becomeCard(/*refusedHeadSize=*/ 28);
    const [q, k, v] = [floats(2, 4, 9, 28), floats(2, 2, 9, 28), floats(2, 2, 9, 28)]; // of no model: the process remembers
    expectAsOnCpu('attention', [q, k, v, 0.3, 0, 0], 1e-5);
    guard.resetCounts();
    expectAsOnCpu('attention', [q, k, v, 0.3, 0, 0], 1e-5);
    expect(guard.operators()).not.toHaveProperty(['aten::_efficient_attention_forward']);
    expect(guard.operators()).toHaveProperty(['aten::_softmax.out']);
  });
});
