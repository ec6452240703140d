import { Model } from '../../lib/model/model.ts';
import { Optimizer } from '../../lib/model/optimizer.ts';
import { describeOnEachDevice } from '../devices.ts';
import { refusal } from '../train/tiny.ts';
import { makeBatch } from './batches.ts';
import { tinyModelPath } from './expected.ts';
import { readAll, withModel } from './models.ts';

const BATCH = makeBatch([
  [5, 9, 2, 14, 3, 8, 1],
  [7, 4, 11, 6, 2, 10, 3],
]);
const STEP = { learningRate: 1e-2, maxGradNorm: 1 };
const LATE = { rank: 4, layers: 1 };

type Values = ReturnType<typeof readAll>;

/** Three steps of LoRA on the last layer; `besides` an optimizer that has every gradient computed. */
async function trained(model: Model, besides: boolean): Promise<Values> {
  const late = new Optimizer(model, { lora: LATE });
  const all = besides ? new Optimizer(model) : null;
  for (let count = 0; count < 3; count++) {
    const { tokenCount } = await model.forwardBackward(BATCH);
    await late.step({ ...STEP, gradScale: 1 / tokenCount });
  }
  late.dispose();
  all?.dispose();
  return readAll(model.parameters());
}

async function gradients(model: Model): Promise<Values> {
  await model.forwardBackward(BATCH);
  return readAll(model.gradients());
}

describeOnEachDevice('gradients of what optimizers train', (device) => {
  describe.each(['llama-tied-gqa', 'gpt2-tied', 'gemma3-tied-gqa', 'imagegpt-odd', 'qwen3-window-mha'])('%s', (name) => {
    const path = tinyModelPath(name);

    test.each(['float32', 'bfloat16'] as const)(
      'LoRA on the last layer gives the bits that it gives where all gradients are computed, %s',
      async (computeDtype) => {
        const runs: Values[] = [];
        for (const besides of [false, true]) {
          const model = await Model.load(path, { device, computeDtype });
          runs.push(await trained(model, besides));
          model.dispose();
        }
        expect(runs[0]).toEqual(runs[1]);
      },
    );

    test('the model gives these gradients and no others while the optimizer lives', () =>
      withModel(path, device, async (model) => {
        const whole = await gradients(model);
        expect([...whole.keys()]).toEqual([...readAll(model.parameters()).keys()]);
        await model.zeroGradients();
        const late = new Optimizer(model, { lora: LATE });
        const few = await gradients(model);
        expect(few.size).toBeGreaterThan(0);
        expect([...few.keys()].every((key) => key.includes(`.${model.config.numHiddenLayers - 1}.`))).toBe(true);
        for (const [key, values] of few) expect(values).toEqual(whole.get(key));
        late.dispose();
        await model.zeroGradients();
        expect(await gradients(model)).toEqual(whole);
      }));

    test('what joins while gradients are gathered begins at zero', () =>
      withModel(path, device, async (model) => {
        const whole = await gradients(model); // leaves its numbers in memory
        await model.zeroGradients();
        const late = new Optimizer(model, { lora: LATE });
        const few = await gradients(model);
        late.dispose();
        const both = await gradients(model);
        for (const [key, values] of whole) {
          const times = few.has(key) ? 2 : 1;
          const worst = values.reduce((most, value, index) => Math.max(most, Math.abs(both.get(key)![index]! - times * value)), 0);
          expect([key, worst < 1e-4]).toEqual([key, true]);
        }
      }));
  });

  test('an optimizer that is younger than the gradients is told to wait for its own', () =>
    withModel(tinyModelPath('llama-tied-gqa'), device, async (model) => {
      const late = new Optimizer(model, { lora: LATE });
      await model.forwardBackward(BATCH);
      const all = new Optimizer(model);
      expect(await refusal(all.step({ ...STEP, gradScale: 1 }))).toMatchObject({
        code: 'ERR_CONFIG',
        message: expect.stringContaining('forwardBackward'),
      });
      await model.zeroGradients();
      await model.forwardBackward(BATCH);
      await all.step({ ...STEP, gradScale: 1 });
      all.dispose();
      late.dispose();
    }));

  test('layers below the trained ones keep no activations', async () => {
    const bytes: number[] = [];
    for (const layers of [1, null]) {
      await withModel(tinyModelPath('llama-untied-mha'), device, async (model) => {
        const optimizer = new Optimizer(model, { lora: { rank: 4, layers } });
        await model.forwardBackward(BATCH);
        bytes.push(model.memoryUsage().workspaceBytes);
        optimizer.dispose();
      });
    }
    expect(bytes[0]).toBeLessThan(bytes[1]!);
  });
});
