import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readBest, saveBest } from '../../lib/checkpoint/best-checkpoint.ts';
import { loadCheckpoint, saveCheckpoint, type LoadCheckpointOptions } from '../../lib/checkpoint/checkpoint.ts';
import { resolveModelPath } from '../../lib/checkpoint/checkpoint-list.ts';
import { Model } from '../../lib/model/model.ts';
import { Optimizer, type OptimizerOptions } from '../../lib/model/optimizer.ts';
import { hyperfit, type HyperfitOptions } from '../../lib/train/hyperfit.ts';
import { describeOnEachDevice } from '../devices.ts';
import { makeBatch, randomRows } from '../oracle/batches.ts';
import { relativeDifference, relativeError } from '../oracle/differences.ts';
import { tinyModelPath } from '../oracle/expected.ts';
import { readAll, readNumbers } from '../oracle/models.ts';
import { freshFolder, randomSequences, TINY_MODEL } from '../train/tiny.ts';

const sequences = randomSequences([12, 20, 7, 16, 9, 20, 5]);
const options = (more: Partial<HyperfitOptions>): HyperfitOptions => ({ data: sequences, batchSize: 3, learningRate: 1e-3, ...more });

async function lossesOf(model: Model, more: Partial<HyperfitOptions>): Promise<number[]> {
  const losses: number[] = [];
  for await (const event of hyperfit(model, options(more))) if (event.type === 'step') losses.push(event.loss, event.gradNorm);
  return losses;
}

type Loading = Pick<LoadCheckpointOptions, 'device' | 'computeDtype'>;

/** Trains four steps and saves; the weights and moments that were saved. */
async function trainAndSave(folder: string, loading: Loading, more: OptimizerOptions = {}): Promise<Map<string, Float64Array>> {
  const model = await Model.load(TINY_MODEL, { ...loading });
  const optimizer = new Optimizer(model, more);
  const run = hyperfit(model, options({ maxSteps: 4, optimizer }));
  await run;
  await saveCheckpoint(folder, { model, optimizer, state: run.state! });
  const values = new Map([...readAll(model.parameters()), ...readAll(optimizer.state())]);
  for (const used of [optimizer, model]) used.dispose();
  return values;
}

/** What a checkpoint holds where it is loaded, and the losses of the four steps after it. */
async function loadAndGoOn(
  folder: string,
  loading: LoadCheckpointOptions,
): Promise<{ values: Map<string, Float64Array>; losses: number[] }> {
  const { model, optimizer, state } = await loadCheckpoint(folder, loading);
  const values = new Map([...readAll(model.parameters()), ...readAll(optimizer.state())]);
  const losses = await lossesOf(model, { maxSteps: 8, optimizer, state });
  for (const used of [optimizer, model]) used.dispose();
  return { values, losses };
}

describeOnEachDevice('Checkpoints', (device) => {
  test.each(['float32', 'bfloat16'] as const)(
    '%s: four steps, saved and loaded, and four more are eight, bit for bit',
    async (computeDtype) => {
      const whole = await Model.load(TINY_MODEL, { device, computeDtype });
      const expected = await lossesOf(whole, { maxSteps: 8 });
      whole.dispose();
      const folder = freshFolder();
      await trainAndSave(folder, { device, computeDtype });
      expect((await loadAndGoOn(folder, { device, computeDtype })).losses).toEqual(expected.slice(8));
    },
  );

  test('LoRA goes on bit for bit too', async () => {
    const lora = { rank: 3, alpha: 6, layers: 1, seed: 4 };
    const whole = await Model.load(TINY_MODEL, { device });
    const optimizer = new Optimizer(whole, { lora });
    const expected = await lossesOf(whole, { maxSteps: 8, optimizer });
    for (const used of [optimizer, whole]) used.dispose();
    const folder = freshFolder();
    const saved = await trainAndSave(folder, { device }, { lora });
    const { values, losses } = await loadAndGoOn(folder, { device, lora });
    expect(values).toEqual(saved);
    expect(losses).toEqual(expected.slice(8));
  });

  test('an adapter of LoRA laid over its base is what was trained', async () => {
    const model = await Model.load(TINY_MODEL, { device });
    const optimizer = new Optimizer(model, { lora: { rank: 3, alpha: 6 } });
    await hyperfit(model, options({ maxSteps: 3, optimizer, learningRate: 1e-2 }));
    const folder = join(freshFolder(), 'adapter');
    await optimizer.saveAdapter(folder);
    const trained = readAll(model.parameters());
    const merged = await Model.load(TINY_MODEL, { device, adapter: folder });
    expect(await merged.changedShare()).toBeGreaterThan(0.1);
    for (const [name, values] of readAll(merged.parameters())) expect(relativeError(values, trained.get(name)!)).toBeLessThan(1e-6);
    for (const used of [merged, optimizer, model]) used.dispose();
  });

  test('one of the device is gone on with on the CPU, and one of the CPU on the device: weights and moments to the last bit', async () => {
    const [ours, theirs] = [freshFolder(), freshFolder()];
    const saved = [await trainAndSave(ours, { device }), await trainAndSave(theirs, { device: 'cpu' })];
    const loaded = [await loadAndGoOn(ours, { device: 'cpu' }), await loadAndGoOn(theirs, { device })];
    expect(loaded.map(({ values }) => values)).toEqual(saved);
    loaded[0]!.losses.forEach((value, index) => expect(relativeDifference(value, loaded[1]!.losses[index]!)).toBeLessThan(1e-3));
  });

  test('the best weights are kept, and come back unchanged', async () => {
    const model = await Model.load(TINY_MODEL, { device });
    await hyperfit(model, options({ maxSteps: 2 }));
    const folder = freshFolder();
    const kept = await saveBest(folder, ['generation', 'loss'], model, { step: 2, trainLoss: 5, ttr: 0.5, rep2: 0.25 });
    expect(readBest(folder)).toEqual(kept);
    const again = await Model.load(await resolveModelPath(kept[1]!.path), { device });
    expect(readAll(again.parameters())).toEqual(readAll(model.parameters()));
    expect(await again.changedShare(model.files)).toBe(await model.changedShare());
    for (const used of [again, model]) used.dispose();
  });

  test.each(['llama-tied-gqa', 'gpt2-tied', 'gemma3-tied-gqa'])('%s saved as a folder gives the same logits', async (name) => {
    const model = await Model.load(tinyModelPath(name), { device });
    const batch = makeBatch(randomRows(3, 2, 12, model.config.outputVocabSize));
    const logitsOf = async (of: Model): Promise<Float64Array> => {
      const { logits } = await of.forward(batch);
      const numbers = readNumbers(logits);
      logits.dispose();
      return numbers;
    };
    const folder = join(freshFolder(), name);
    await model.save(folder);
    const saved = await Model.load(folder, { device });
    expect(await logitsOf(saved)).toEqual(await logitsOf(model));
    saved.dispose();
    model.dispose();
  });

  test('a GGUF written from the device is the one written from the CPU, and is read back', async () => {
    const files: Buffer[] = [];
    const folder = freshFolder();
    for (const place of ['cpu', device] as const) {
      const model = await Model.load(TINY_MODEL, { device: place });
      const { paths } = await model.exportGguf(join(folder, `${files.length}.gguf`), { type: 'Q8_0', name: 'tiny' });
      files.push(readFileSync(paths[0]!));
      const read = await Model.load(paths[0]!, { device });
      expect([...readAll(read.parameters()).keys()].sort()).toEqual([...readAll(model.parameters()).keys()].sort());
      for (const used of [read, model]) used.dispose();
    }
    expect(files[1]!.equals(files[0]!)).toBe(true);
  });
});
