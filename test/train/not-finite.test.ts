import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { saveCheckpoint } from '../../lib/checkpoint/checkpoint.ts';
import { Model } from '../../lib/model/model.ts';
import { Optimizer } from '../../lib/model/optimizer.ts';
import { torch, type Tensor } from '../../lib/tensor/tensor.ts';
import { scope } from '../../lib/tensor/scope.ts';
import { hyperfit } from '../../lib/train/hyperfit.ts';
import { copyWithNan, freshFolder, randomSequences, refusal, TINY_MODEL } from './tiny.ts';

/**
 * NaN and infinity, brought in where they come from in practice: each stops the training, and says at which step, on which samples, in
 * which tensor.
 */

const data = randomSequences([12, 12, 12, 12]);
const UP = 'model.layers.1.mlp.up_proj.weight';

async function trained(model: Model, options: Partial<Parameters<typeof hyperfit>[1]> = {}): Promise<number> {
  let steps = 0;
  for await (const event of hyperfit(model, { data, batchSize: 2, epochs: 50, maxSteps: 4, order: 'identity', ...options }))
    if (event.type === 'step') steps += 1;
  return steps;
}

async function withModel<T>(
  work: (model: Model) => Promise<T>,
  path = TINY_MODEL,
  computeDtype: 'float32' | 'bfloat16' = 'float32',
): Promise<T> {
  const model = await Model.load(path, { computeDtype });
  try {
    return await work(model);
  } finally {
    model.dispose();
  }
}

/** Changes one parameter in place. */
function edit(model: Model, name: string, change: (weight: Tensor) => unknown): void {
  const parameters = model.parameters();
  scope(() => void change(parameters.get(name)!));
  for (const tensor of parameters.values()) tensor.dispose();
}

const NOWHERE = { code: 'ERR_NOT_FINITE' };

test.each(['float32', 'bfloat16'] as const)('a weight that is NaN in its file, or becomes so meanwhile, %s', async (computeDtype) => {
  expect(await withModel((model) => refusal(trained(model)), copyWithNan(), computeDtype)).toEqual({
    ...NOWHERE,
    message: expect.stringMatching(/at step 1, got .* in \S+\.weight.* samples \d, \d/) as string,
  });
  const late = await withModel(
    async (model) => {
      const events = hyperfit(model, { data, batchSize: 2, epochs: 50, order: 'identity' })[Symbol.asyncIterator]();
      await events.next();
      edit(model, UP, (weight) => torch.call('aten::fill_', [weight, Number.POSITIVE_INFINITY]));
      return refusal(
        (async () => {
          for (;;) if ((await events.next()).done) return;
        })(),
      );
    },
    TINY_MODEL,
    computeDtype,
  );
  expect(late).toEqual({ ...NOWHERE, message: expect.stringMatching(new RegExp(`at step 2, .*in ${UP}.*samples 2, 3`)) as string });
});

test('an activation that overflows from finite weights is named by its layer', async () => {
  const failed = await withModel((model) => {
    edit(model, UP, (weight) => torch.call('aten::mul_', [weight, 1e38]));
    edit(model, 'model.layers.1.mlp.down_proj.weight', (weight) => torch.call('aten::mul_', [weight, 1e30]));
    return refusal(trained(model));
  });
  expect(failed).toEqual({
    ...NOWHERE,
    message: expect.stringMatching(/at step 1, .*in what (layer 1|the final norm) gives.*samples 0, 1/) as string,
  });
});

test('a weight that float32 holds and bfloat16 does not', async () => {
  const failed = await withModel(
    (model) => {
      edit(model, UP, (weight) => torch.call('aten::fill_', [weight, 3.4e38]));
      return refusal(trained(model));
    },
    TINY_MODEL,
    'bfloat16',
  );
  expect(failed).toEqual({
    ...NOWHERE,
    message: expect.stringMatching(new RegExp(`in ${UP}, which bfloat16 rounds to infinity`)) as string,
  });
});

test.each([
  [1, /after step 1/],
  [4, /at step 2/],
])('a learning rate that ruins the weights, %d steps asked for', async (maxSteps, place) => {
  const failed = await withModel((model) => refusal(trained(model, { learningRate: 1e38, maxSteps })));
  expect(failed).toEqual({ ...NOWHERE, message: expect.stringMatching(place) as string });
});

test('a gradient that overflows though the loss is finite: the weights stay, the tensor is named, the optimizer goes on', async () => {
  await withModel(async (model) => {
    const optimizer = new Optimizer(model);
    const tokens = data[0]!;
    const batch = { tokens, targets: tokens, batchSize: 1, sequenceLength: tokens.length };
    await model.forwardBackward(batch);
    const gradients = model.gradients();
    scope(() => void torch.call('aten::fill_', [gradients.get(UP)!, Number.NaN]));
    for (const tensor of gradients.values()) tensor.dispose();
    const failed = await refusal(optimizer.step({ learningRate: 1e-3 }));
    expect(failed).toEqual({ ...NOWHERE, message: expect.stringContaining(`in the gradient of ${UP}`) as string });
    await model.zeroGradients();
    // Finite, but not in the square that AdamW keeps.
    await model.forwardBackward(batch, { loss: (logits) => logits.sum().mul(1e25) });
    expect(await refusal(optimizer.step({ learningRate: 1e-3 }))).toEqual({
      ...NOWHERE,
      message: expect.stringMatching(/norm below|gradient norm/) as string,
    });
    await model.zeroGradients();
    await model.forwardBackward(batch);
    expect((await optimizer.step({ learningRate: 1e-3 })).gradNorm).toBeGreaterThan(0);
    optimizer.dispose();
  });
});

test.each([
  ['NaN', Number.NaN],
  ['infinity', Number.POSITIVE_INFINITY],
])("a loss of one's own that is %s at its second call", async (_, value) => {
  let calls = 0;
  const failed = await withModel((model) => refusal(trained(model, { loss: (logits) => logits.sum().mul(++calls === 2 ? value : 1e-6) })));
  expect(failed).toEqual({ ...NOWHERE, message: expect.stringMatching(/at step 2, .*`loss`.*samples 2, 3/) as string });
});

test('what is ruined is never saved over what is sound, moments neither', async () => {
  const folder = freshFolder();
  await withModel(async (model) => {
    const optimizer = new Optimizer(model);
    const state = {
      schemaVersion: 1 as const,
      step: 1,
      epoch: 0,
      position: 1,
      epochLossSum: 1,
      epochTokenCount: 1,
      lastEpochLoss: null,
      order: 'fixed',
      seed: 0,
      sampleCount: 1,
      batchSize: 1,
      dataHash: '',
    };
    await saveCheckpoint(folder, { model, optimizer, state }, { keepLast: 1 });
    const moments = optimizer.state();
    scope(() => void torch.call('aten::fill_', [moments.get(`exp_avg_sq.${UP}`)!, Number.POSITIVE_INFINITY]));
    const save = (): Promise<unknown> =>
      refusal(saveCheckpoint(folder, { model, optimizer, state: { ...state, step: 2 } }, { keepLast: 1 }));
    expect(await save()).toEqual({ ...NOWHERE, message: expect.stringContaining(`exp_avg_sq.${UP}`) as string });
    scope(() => void torch.call('aten::zero_', [moments.get(`exp_avg_sq.${UP}`)!]));
    for (const tensor of moments.values()) tensor.dispose();
    edit(model, UP, (weight) => torch.call('aten::fill_', [weight, Number.NaN]));
    expect(await save()).toEqual({ ...NOWHERE, message: expect.stringContaining(UP) as string });
    optimizer.dispose();
  });
  expect(readdirSync(folder)).toEqual(['step-000001']);
  await withModel((model) => trained(model, { maxSteps: 1 }), join(folder, 'step-000001'));
});
