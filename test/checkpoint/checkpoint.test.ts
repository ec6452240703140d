import { readdirSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { loadCheckpoint, saveCheckpoint } from '../../lib/checkpoint/checkpoint.ts';
import { listCheckpoints, newestCheckpoint } from '../../lib/checkpoint/checkpoint-list.ts';
import { Model } from '../../lib/model/model.ts';
import { Optimizer } from '../../lib/model/optimizer.ts';
import { hyperfit, type HyperfitOptions } from '../../lib/train/hyperfit.ts';
import { freshFolder, randomSequences, refusal, TINY_MODEL } from '../train/tiny.ts';

const sequences = randomSequences([12, 20, 7, 16, 9, 20, 5]);
const options = (more: Partial<HyperfitOptions>): HyperfitOptions => ({ data: sequences, batchSize: 3, learningRate: 1e-3, ...more });

async function lossesOf(model: Model, more: Partial<HyperfitOptions>): Promise<number[]> {
  const losses: number[] = [];
  for await (const event of hyperfit(model, options(more))) if (event.type === 'step') losses.push(event.loss, event.gradNorm);
  return losses;
}

/** Trains five steps and saves. */
async function trainAndSave(folder: string, computeDtype: 'float32' | 'bfloat16' = 'float32'): Promise<string> {
  const model = await Model.load(TINY_MODEL, { computeDtype });
  const optimizer = new Optimizer(model);
  const run = hyperfit(model, options({ maxSteps: 5, optimizer }));
  await run;
  const path = await saveCheckpoint(folder, { model, optimizer, state: run.state! });
  optimizer.dispose();
  model.dispose();
  return path;
}

test.each(['float32', 'bfloat16'] as const)(
  '%s: a loaded checkpoint goes on bit for bit as if it had never stopped',
  async (computeDtype) => {
    const whole = await Model.load(TINY_MODEL, { computeDtype });
    const expected = await lossesOf(whole, { maxSteps: 10 });
    whole.dispose();
    const folder = freshFolder();
    await trainAndSave(folder, computeDtype);
    const { model, optimizer, state } = await loadCheckpoint(folder, { computeDtype });
    expect(state).toMatchObject({ step: 5, epoch: 1, position: 2, sampleCount: 7 });
    expect(await lossesOf(model, { maxSteps: 10, optimizer, state })).toEqual(expected.slice(10));
    optimizer.dispose();
    model.dispose();
  },
);

test('a checkpoint is a model folder with moments, state and manifest', async () => {
  const path = await trainAndSave(freshFolder());
  expect(readdirSync(path).sort()).toEqual(
    [
      'README.md',
      'config.json',
      'generation_config.json',
      'manifest.json',
      'model.safetensors',
      'optimizer.safetensors',
      'state.json',
      'tokenizer.json',
      'tokenizer_config.json',
    ].sort(),
  );
  const model = await Model.load(path);
  const [generation] = await model.generate([Int32Array.of(2, 3, 4)], { maxNewTokens: 3 });
  model.dispose();
  expect(generation!.ids).toHaveLength(3);
});

test('a broken newest checkpoint falls back to the one before it', async () => {
  const folder = freshFolder();
  const good = await trainAndSave(folder);
  const { model, optimizer, state } = await loadCheckpoint(good);
  const newer = await saveCheckpoint(folder, { model, optimizer, state: { ...state, step: 6 } });
  optimizer.dispose();
  model.dispose();
  truncateSync(join(newer, 'optimizer.safetensors'), 100);
  expect((await newestCheckpoint(folder))?.path).toBe(good);
});

test('a failed save leaves the older checkpoint, no partial folder, and the training usable', async () => {
  const folder = freshFolder();
  const good = await trainAndSave(folder);
  const { model, optimizer, state } = await loadCheckpoint(good);
  // A file stands where a folder would have to be made.
  const { code, message } = await refusal(saveCheckpoint(join(good, 'model.safetensors'), { model, optimizer, state }));
  expect([code, message]).toEqual(['ERR_CHECKPOINT', expect.stringContaining('earlier checkpoints are untouched')]);
  expect((await listCheckpoints(folder)).map(({ path }) => path)).toEqual([good]);
  expect(await lossesOf(model, { maxSteps: 6, optimizer, state })).toHaveLength(2);
  optimizer.dispose();
  model.dispose();
});

test('a disposed model is refused as such and leaves nothing', async () => {
  const folder = freshFolder();
  const { model, optimizer, state } = await loadCheckpoint(await trainAndSave(freshFolder()));
  optimizer.dispose();
  model.dispose();
  expect((await refusal(saveCheckpoint(folder, { model, optimizer, state }))).code).toBe('ERR_DISPOSED');
  expect(readdirSync(folder)).toEqual([]);
});

test.each([
  ['a model folder without state', () => Promise.resolve(TINY_MODEL), 'state.json'],
  ['a missing folder', () => Promise.resolve('/nowhere/run'), '/nowhere/run'],
  [
    'a truncated state',
    async () => {
      const path = await trainAndSave(freshFolder());
      truncateSync(join(path, 'state.json'), 10);
      return path;
    },
    'state.json',
  ],
])('%s is refused', async (_, make, part) => {
  const { code, message } = await refusal(loadCheckpoint(await make()));
  expect([code, message]).toEqual(['ERR_CHECKPOINT', expect.stringContaining(part)]);
});

test('state.json tells step, epoch and position', async () => {
  const state = JSON.parse(readFileSync(join(await trainAndSave(freshFolder()), 'state.json'), 'utf8')) as object;
  expect(state).toMatchObject({ schemaVersion: 1, step: 5, epoch: 1, position: 2, order: 'shuffle', seed: 0, batchSize: 3 });
});

describe('LoRA', () => {
  const lora = { loraRank: 3, loraAlpha: 6, loraLayers: 1, seed: 4 };
  const optimizerOptions = { lora: { rank: 3, alpha: 6, layers: 1, seed: 4 } };

  test('goes on bit for bit, and its checkpoint is the merged model', async () => {
    const whole = await Model.load(TINY_MODEL);
    const expected = await lossesOf(whole, { maxSteps: 10, ...lora });
    const folder = freshFolder();
    const model = await Model.load(TINY_MODEL);
    const optimizer = new Optimizer(model, optimizerOptions);
    const run = hyperfit(model, options({ maxSteps: 5, optimizer, seed: 4 }));
    await run;
    await saveCheckpoint(folder, { model, optimizer, state: run.state! });
    for (const used of [optimizer, model]) used.dispose();

    const resumed = await loadCheckpoint(folder, optimizerOptions);
    expect(await lossesOf(resumed.model, { maxSteps: 10, optimizer: resumed.optimizer, state: resumed.state, seed: 4 })).toEqual(
      expected.slice(10),
    );
    const merged = await saveCheckpoint(folder, {
      model: resumed.model,
      optimizer: resumed.optimizer,
      state: { ...resumed.state, step: 10 },
    });
    const read = await Model.load(merged);
    expect(await read.changedShare(whole.files)).toBeGreaterThan(0.1);
    const prompt = [Int32Array.of(2, 3, 4)];
    expect((await read.generate(prompt, { maxNewTokens: 8 }))[0]!.ids).toEqual((await whole.generate(prompt, { maxNewTokens: 8 }))[0]!.ids);
    for (const used of [resumed.optimizer, resumed.model, read, whole]) used.dispose();
  });

  test('is not gone on with as a training of all weights, nor the other way round', async () => {
    const path = await trainAndSave(freshFolder());
    expect(await refusal(loadCheckpoint(path, optimizerOptions))).toMatchObject({ code: 'ERR_CHECKPOINT' });
  });

  test('beside an optimizer of your own is refused: it would be ignored', async () => {
    const model = await Model.load(TINY_MODEL);
    const optimizer = new Optimizer(model);
    expect(() => hyperfit(model, options({ optimizer, loraRank: 2 }))).toThrow(expect.objectContaining({ code: 'ERR_CONFIG' }) as Error);
    optimizer.dispose();
    model.dispose();
  });
});
