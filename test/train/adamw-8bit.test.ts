import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { checkCheckpoint } from '../../lib/checkpoint/check.ts';
import { loadCheckpoint, saveCheckpoint } from '../../lib/checkpoint/checkpoint.ts';
import { makeBatch } from '../../lib/data/batch.ts';
import { Model } from '../../lib/model/model.ts';
import { Optimizer } from '../../lib/model/optimizer.ts';
import { hyperfit } from '../../lib/train/hyperfit.ts';
import { normalizeTrainSettings } from '../../lib/train/settings.ts';
import { describeOnEachDevice } from '../devices.ts';
import { readAll } from '../oracle/models.ts';
import { freshFolder, randomSequences, refusal, TINY_MODEL } from './tiny.ts';

const sequences = randomSequences([12, 20, 7, 16, 9, 20, 5]);
const SETTINGS = { data: sequences, batchSize: 3, learningRate: 1e-3 };

/** By name, what differs and not how. */
const digest = (tensors: readonly ReadonlyMap<string, Float64Array>[]): Map<string, string> =>
  new Map(
    tensors.flatMap((each, index) =>
      [...each].map(([name, values]) => [`${index} ${name}`, createHash('sha256').update(values).digest('hex').slice(0, 8)]),
    ),
  );

describeOnEachDevice('AdamW with moments in 8 bits', (device) => {
  test('hyperfits as with moments in float32', async () => {
    const losses: number[] = [];
    for (const optim of ['adamw', 'adamw_8bit'] as const) {
      using model = await Model.load(TINY_MODEL, { device });
      losses.push((await hyperfit(model, { ...SETTINGS, learningRate: 3e-3, epochs: 60, optim })).loss!);
    }
    const [float32, eighth] = losses as [number, number];
    expect(float32).toBeLessThan(0.1);
    expect(Math.abs(eighth - float32)).toBeLessThan(0.02);
  });

  test('small steps are not lost: each weight that had a gradient has moved', async () => {
    using model = await Model.load(TINY_MODEL, { device });
    using optimizer = new Optimizer(model, { optim: 'adamw_8bit' });
    using float32 = await Model.load(TINY_MODEL, { device });
    using beside = new Optimizer(float32);
    const batch = makeBatch(sequences.slice(0, 3));
    for (let step = 0; step < 20; step++) {
      for (const [each, adamw] of [
        [model, optimizer],
        [float32, beside],
      ] as const) {
        await each.forwardBackward(batch);
        await adamw.step({ learningRate: 1e-6, gradScale: 0.02 });
      }
    }
    expect(await optimizer.changedShare()).toBeGreaterThan(0.99 * (await beside.changedShare()));
  });

  test('a loaded checkpoint goes on bit for bit', async () => {
    const weights: ReadonlyMap<string, Float64Array>[] = [];
    for (const stops of [false, true]) {
      using model = await Model.load(TINY_MODEL, { device });
      using optimizer = new Optimizer(model, { optim: 'adamw_8bit' });
      const first = hyperfit(model, { ...SETTINGS, maxSteps: stops ? 5 : 10, optimizer });
      await first;
      if (!stops) {
        weights.push(readAll(model.parameters()), readAll(optimizer.state()));
        continue;
      }
      const path = await saveCheckpoint(freshFolder(), { model, optimizer, state: first.state! });
      expect(await checkCheckpoint(path, 'values')).toMatchObject({ problems: [], isResumable: true });
      expect(statSync(join(path, 'optimizer.safetensors')).size).toBeLessThan(0.7 * statSync(join(path, 'model.safetensors')).size);
      using saved = await loadCheckpoint(path, { device, optim: 'adamw_8bit' });
      await hyperfit(saved.model, { ...SETTINGS, maxSteps: 10, optimizer: saved.optimizer, state: saved.state });
      weights.push(readAll(saved.model.parameters()), readAll(saved.optimizer.state()));
      expect(await refusal(loadCheckpoint(path, { device }))).toMatchObject({
        code: 'ERR_CHECKPOINT',
        message: expect.stringContaining("give `optim: 'adamw_8bit'`"),
      });
    }
    expect(digest(weights.slice(2))).toEqual(digest(weights.slice(0, 2)));
  });
});

describe('what AdamW in 8 bits refuses', () => {
  test('moments in float32', async () => {
    using model = await Model.load(TINY_MODEL);
    using optimizer = new Optimizer(model);
    const path = join(freshFolder(), 'optimizer.safetensors');
    await optimizer.save(path);
    using other = new Optimizer(model, { optim: 'adamw_8bit' });
    expect(await refusal(other.load(path, 0))).toMatchObject({
      code: 'ERR_CHECKPOINT',
      message: expect.stringContaining("give `optim: 'adamw'`"),
    });
  });

  test('LoRA, and names that are none', async () => {
    using model = await Model.load(TINY_MODEL);
    expect(() => new Optimizer(model, { optim: 'adamw_8bit', lora: { rank: 2 } })).toThrow('moments of LoRA are small');
    expect(() => new Optimizer(model, { optim: 'sgd' as never })).toThrow('expected adamw or adamw_8bit for `optim`, got sgd');
    expect(() => normalizeTrainSettings({ optim: 'adamw_8bit', loraRank: 4 })).toThrow('moments of LoRA are small');
    expect(() => normalizeTrainSettings({ optimizer: 'adamw_8bit' } as never)).toThrow('optim');
  });
});
