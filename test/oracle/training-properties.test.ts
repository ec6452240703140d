import type { DeviceName } from '../../lib/config/device-name.ts';
import { Optimizer } from '../../lib/model/optimizer.ts';
import { promisesOf } from '../device-promises.ts';
import { describeOnEachDevice } from '../devices.ts';
import { IGNORE_INDEX, makeBatch, randomRows } from './batches.ts';
import { relativeDifference, relativeError } from './differences.ts';
import { tinyModelPath } from './expected.ts';
import { readAll, withModel } from './models.ts';

const ROWS = randomRows(9, 6, 20, 131);
/** Every row with its own number of targets: 19, 16, 13, ... */
const TARGETS = ROWS.map((row, r) => row.map((_, t) => (t < 3 * r || t + 1 === row.length ? IGNORE_INDEX : row[t + 1]!)));

async function fiveSteps(name: string, device: DeviceName): Promise<{ losses: number[]; norms: number[] }> {
  return withModel(tinyModelPath(name), device, async (model) => {
    const optimizer = new Optimizer(model, { betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0 });
    const losses: number[] = [];
    const norms: number[] = [];
    for (let step = 0; step < 5; step++) {
      const { lossSum, tokenCount } = await model.forwardBackward(makeBatch(randomRows(step, 4, 20, 131)));
      const { gradNorm } = await optimizer.step({ learningRate: 1e-3, gradScale: 1 / tokenCount, maxGradNorm: 1 });
      losses.push(lossSum);
      norms.push(gradNorm);
    }
    optimizer.dispose();
    return { losses, norms };
  });
}

describeOnEachDevice('Training', (device) => {
  const { splitGradients, splitLoss } = promisesOf(device);
  const names = ['llama-tied-gqa', 'llama-untied-mha', 'llama-bias', 'mistral-window'];

  test.each(names)('%s: uneven micro-batches add up to one large batch', (name) =>
    withModel(tinyModelPath(name), device, async (model) => {
      const whole = await model.forwardBackward(makeBatch(ROWS, TARGETS));
      const expected = readAll(model.gradients());
      await model.zeroGradients();
      let lossSum = 0;
      let tokenCount = 0;
      for (const [from, to] of [
        [0, 1],
        [1, 4],
        [4, 6],
      ] as const) {
        const part = await model.forwardBackward(makeBatch(ROWS.slice(from, to), TARGETS.slice(from, to)));
        lossSum += part.lossSum;
        tokenCount += part.tokenCount;
      }
      expect(tokenCount).toBe(whole.tokenCount);
      expect(relativeDifference(lossSum, whole.lossSum)).toBeLessThan(splitLoss);
      const errors = [...readAll(model.gradients())].map(([parameter, gradient]) => ({
        parameter,
        error: relativeError(gradient, expected.get(parameter)!),
      }));
      expect(errors.filter(({ error }) => !(error < splitGradients))).toEqual([]);
    }),
  );

  test.each(names)('%s: rows do not see each other', (name) =>
    withModel(tinyModelPath(name), device, async (model) => {
      const together = await model.forwardBackward(makeBatch(ROWS.slice(0, 2), TARGETS.slice(0, 2)));
      const first = await model.forwardBackward(makeBatch(ROWS.slice(0, 1), TARGETS.slice(0, 1)));
      const second = await model.forwardBackward(makeBatch(ROWS.slice(1, 2), TARGETS.slice(1, 2)));
      expect(relativeDifference(first.lossSum + second.lossSum, together.lossSum)).toBeLessThan(splitLoss);
    }),
  );

  test.each(names)('%s: two runs of five steps are equal to the last bit', async (name) => {
    expect(await fiveSteps(name, device)).toEqual(await fiveSteps(name, device));
  });

  test('targets that are all ignored give no loss and no gradient', () =>
    withModel(tinyModelPath('llama-tied-gqa'), device, async (model) => {
      const nothing = ROWS.map((row) => row.map(() => IGNORE_INDEX));
      expect(await model.forwardBackward(makeBatch(ROWS, nothing))).toEqual({ lossSum: 0, tokenCount: 0 });
      for (const gradient of readAll(model.gradients()).values()) expect(gradient.every((g) => g === 0)).toBe(true);
    }));

  test('token statistics agree with the logits', () =>
    withModel(tinyModelPath('llama-tied-gqa'), device, async (model) => {
      const batch = makeBatch(ROWS, TARGETS);
      const [stats, trained] = [await model.tokenStats(batch), await model.forwardBackward(batch)];
      const sum = [...stats.loss].reduce((total, loss) => total + loss, 0);
      expect(relativeDifference(sum, trained.lossSum)).toBeLessThan(1e-5);
      for (let i = 0; i < stats.loss.length; i++) {
        if (batch.targets[i] === IGNORE_INDEX) expect(stats.loss[i]).toBe(0);
        expect(stats.top1Mass[i]!).toBeLessThanOrEqual(stats.top3Mass[i]!);
        expect(stats.top3Mass[i]!).toBeLessThanOrEqual(stats.top5Mass[i]!);
      }
    }));
});
