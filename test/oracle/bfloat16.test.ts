import type { DeviceName } from '../../lib/config/device-name.ts';
import { addon } from '../../lib/addon.ts';
import { Model } from '../../lib/model/model.ts';
import { Optimizer } from '../../lib/model/optimizer.ts';
import { expectSameIds } from '../device-promises.ts';
import { describeOnEachDevice } from '../devices.ts';
import { makeBatch, randomRows } from './batches.ts';
import { gradientErrors, relativeDifference, relativeError } from './differences.ts';
import { TINY_MODELS, tinyModelPath } from './expected.ts';
import { readAll, readNumbers } from './models.ts';

/** float32 holds 24 bits of a number, bfloat16 8: one rounding is an error of up to 2^-9. */
const ROUNDING = 2 ** -9;
/** A few dozen roundings in a row, of which some cancel: what two right ways of rounding differ by in these models. */
const LOGIT_ERROR = 16 * ROUNDING;
const GRADIENT_ERROR = 40 * ROUNDING;
/** A gradient below a hundredth of all together is mostly the roundings of the others. */
const GRADIENT_FLOOR = 0.01;

async function withBfloat16<T>(name: string, device: DeviceName, use: (model: Model) => Promise<T>): Promise<T> {
  return withDtype(name, device, 'bfloat16', use);
}

async function withDtype<T>(
  name: string,
  device: DeviceName,
  computeDtype: 'float32' | 'bfloat16',
  use: (model: Model) => Promise<T>,
): Promise<T> {
  const model = await Model.load(tinyModelPath(name), { device, computeDtype });
  try {
    return await use(model);
  } finally {
    model.dispose();
  }
}

async function logitsOf(model: Model): Promise<Float64Array> {
  const { logits } = await model.forward(makeBatch(randomRows(1, 3, 19, model.config.vocabSize)));
  const numbers = readNumbers(logits);
  logits.dispose();
  return numbers;
}

async function gradientsOf(model: Model): Promise<Map<string, Float64Array>> {
  await model.forwardBackward(makeBatch(randomRows(2, 4, 17, targetIds(model))));
  return readAll(model.gradients());
}

/** Ids that may be tokens and targets alike. */
function targetIds({ config }: Model): number {
  return Math.min(config.vocabSize, config.outputVocabSize);
}

async function lossesOf(model: Model, steps: number): Promise<number[]> {
  const optimizer = new Optimizer(model, { betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0 });
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const { lossSum, tokenCount } = await model.forwardBackward(makeBatch(randomRows(step % 4, 4, 20, targetIds(model))));
    await optimizer.step({ learningRate: 1e-3, gradScale: 1 / tokenCount });
    losses.push(lossSum / tokenCount);
  }
  optimizer.dispose();
  return losses;
}

describeOnEachDevice('bfloat16 compute', (device) => {
  test.each(TINY_MODELS)('%s: logits and gradients are those of float32 but for roundings', async (name) => {
    const logits = await withDtype(name, device, 'float32', logitsOf);
    const rounded = await withBfloat16(name, device, logitsOf);
    expect(rounded).not.toEqual(logits);
    expect(relativeError(rounded, logits)).toBeLessThan(LOGIT_ERROR);

    const gradients = await withDtype(name, device, 'float32', gradientsOf);
    const errors = gradientErrors(await withBfloat16(name, device, gradientsOf), (parameter) => gradients.get(parameter)!, GRADIENT_FLOOR);
    expect(errors.filter(({ error }) => !(error < GRADIENT_ERROR))).toEqual([]);
  });

  test.each(TINY_MODELS)('%s: the losses of 40 steps stay within 2 % of those of float32', async (name) => {
    const expected = await withDtype(name, device, 'float32', (model) => lossesOf(model, 40));
    const actual = await withBfloat16(name, device, (model) => lossesOf(model, 40));
    expect(actual).not.toEqual(expected);
    expect(actual.map((loss, step) => relativeDifference(loss, expected[step]!)).filter((difference) => !(difference < 0.02))).toEqual([]);
    expect(actual.at(-1)!).toBeLessThan(0.95 * actual[0]!);
  });

  test.each(['llama-tied-gqa', 'gemma3-tied-gqa', 'gpt2-tied'])('%s: two runs are equal to the last bit', async (name) => {
    const run = () => withBfloat16(name, device, (model) => lossesOf(model, 6));
    expect(await run()).toEqual(await run());
  });

  test('weights stay float32: an update far below the spacing of bfloat16 is kept', () =>
    withBfloat16('llama-tied-gqa', device, async (model) => {
      const before = readAll(model.parameters());
      const optimizer = new Optimizer(model, { betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0 });
      const { tokenCount } = await model.forwardBackward(makeBatch(randomRows(5, 4, 20, 131)));
      await optimizer.step({ learningRate: 1e-7, gradScale: 1 / tokenCount });
      optimizer.dispose();
      expect(await model.changedShare()).toBeGreaterThan(0.3);
      for (const [name, values] of readAll(model.parameters())) expect(relativeError(values, before.get(name)!)).toBeLessThan(1e-4);
    }));

  test('what is written to a parameter counts from the next call on', () =>
    withBfloat16('llama-tied-gqa', device, async (model) => {
      const before = await logitsOf(model);
      const parameters = model.parameters();
      parameters.get('model.layers.0.mlp.down_proj.weight')!.mul_(3);
      for (const tensor of parameters.values()) tensor.dispose();
      expect(relativeError(await logitsOf(model), before)).toBeGreaterThan(0.01);
    }));

  test('a sequence decodes to the same ids alone and among others', () =>
    withBfloat16('llama-tied-gqa', device, async (model) => {
      const prompts = [3, 11, 7, 5, 9].map((length, row) => randomRows(row, 1, length, 131)[0]!);
      const options = { maxNewTokens: 24, stopIds: [] };
      const together = await model.generate(prompts, options);
      for (const [row, prompt] of prompts.entries()) {
        const [alone] = await model.generate([prompt], options);
        await expectSameIds(model, prompt, together[row]!.ids, alone!.ids);
      }
    }));
});

/** As a device without kernels of its own trains: by operators alone. */
async function byOperators<T>(work: () => Promise<T>): Promise<T> {
  addon().setKernels(false);
  try {
    return await work();
  } finally {
    addon().setKernels(true);
  }
}

describe('bfloat16 by the operators of libtorch (cpu)', () => {
  test.each(['llama-tied-gqa', 'gemma3-tied-gqa', 'gpt2-tied'])(
    '%s learns: the losses of 40 steps stay within 2 % of those of float32',
    async (name) => {
      const expected = await withDtype(name, 'cpu', 'float32', (model) => lossesOf(model, 40));
      const actual = await byOperators(() => withBfloat16(name, 'cpu', (model) => lossesOf(model, 40)));
      expect(actual.map((loss, step) => relativeDifference(loss, expected[step]!)).filter((difference) => !(difference < 0.02))).toEqual(
        [],
      );
    },
  );
});

describe('bfloat16 kernels of the CPU against the operators of libtorch', () => {
  test.each(TINY_MODELS)('%s', async (name) => {
    const measure = () =>
      withBfloat16(name, 'cpu', async (model) => ({ logits: await logitsOf(model), gradients: await gradientsOf(model) }));
    const [kernels, operators] = [await measure(), await byOperators(measure)];
    expect(relativeError(kernels.logits, operators.logits)).toBeLessThan(LOGIT_ERROR);
    const errors = gradientErrors(kernels.gradients, (parameter) => operators.gradients.get(parameter)!, GRADIENT_FLOOR);
    expect(errors.filter(({ error }) => !(error < GRADIENT_ERROR))).toEqual([]);
  });
});
