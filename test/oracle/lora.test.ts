import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { addon } from '../../lib/addon.ts';
import type { NativeLora } from '../../lib/addon-types.ts';
import type { LoraOptions } from '../../lib/model/lora.ts';
import { Model } from '../../lib/model/model.ts';
import { Optimizer } from '../../lib/model/optimizer.ts';
import { saveTensorFile } from '../../lib/model/tensor-file.ts';
import { Tensor } from '../../lib/tensor/tensor.ts';
import { describeOnEachDevice } from '../devices.ts';
import { freshFolder, refusal } from '../train/tiny.ts';
import { makeBatch } from './batches.ts';
import { gradientErrors, largestDifference, relativeDifference, relativeError } from './differences.ts';
import { readTinyTensors, tinyModelPath } from './expected.ts';
import { readAll, withModel } from './models.ts';

interface LoraCase {
  model: string;
  targets: string[];
  layers: number | null;
  rank: number;
  alpha: number;
  learningRate: number;
  weightDecay: number;
  maxGradNorm: number;
  matrices: string[];
  batches: number[][][];
  losses: number[];
  gradNorms: number[];
}

/** What scripts/fixtures/lora.py recorded from PEFT. */
const CASES = JSON.parse(readFileSync(join(__dirname, '../fixtures/expected/lora.json'), 'utf8')) as Record<string, LoraCase>;

/** An optimizer that begins with the A and B of the fixture, taken from a file as a checkpoint's are. */
async function optimizerOf(
  model: Model,
  { rank, alpha, targets, layers, weightDecay }: LoraCase,
  start: ReadonlyMap<string, Float32Array>,
): Promise<Optimizer> {
  const optimizer = new Optimizer(model, { weightDecay, lora: { rank, alpha, targets, layers } });
  const state = optimizer.state();
  for (const [name, tensor] of state) {
    if (name.includes('exp_avg')) continue;
    const values = Tensor.from(start.get(name)!);
    tensor.copy_(values.reshape(tensor.shape));
  }
  const path = join(freshFolder(), 'optimizer.safetensors');
  await saveTensorFile(path, state);
  await optimizer.load(path, 0);
  for (const tensor of state.values()) tensor.dispose();
  return optimizer;
}

async function step(
  model: Model,
  optimizer: Optimizer,
  rows: number[][],
  { learningRate, maxGradNorm }: Pick<LoraCase, 'learningRate' | 'maxGradNorm'>,
): Promise<[loss: number, gradNorm: number]> {
  const { lossSum, tokenCount } = await model.forwardBackward(makeBatch(rows));
  const { gradNorm } = await optimizer.step({ learningRate, gradScale: 1 / tokenCount, maxGradNorm });
  return [lossSum / tokenCount, gradNorm];
}

describeOnEachDevice('LoRA against PEFT', (device) => {
  describe.each(Object.keys(CASES))('%s', (name) => {
    const expected = CASES[name]!;
    const tensors = readTinyTensors(`lora-${name}`);

    test('the same gradients of A and B, seen in their first moments', () =>
      withModel(tinyModelPath(expected.model), device, async (model) => {
        const optimizer = await optimizerOf(model, expected, tensors);
        const [, gradNorm] = await step(model, optimizer, expected.batches[0]!, expected);
        const scale = 0.1 * Math.min(1, expected.maxGradNorm / (gradNorm + 1e-6));
        const moments = new Map(
          [...readAll(optimizer.state())]
            .filter(([key]) => /^exp_avg\..*lora_/.test(key))
            .map(([key, values]) => [key.replace('exp_avg', 'grad'), values.map((value) => value / scale)]),
        );
        expect([...moments.keys()].sort()).toEqual([...tensors.keys()].filter((key) => key.startsWith('grad.')).sort());
        expect(gradientErrors(moments, (key) => tensors.get(key)!).filter(({ error }) => !(error < 1e-4))).toEqual([]);
        optimizer.dispose();
      }));

    test('the same ten steps and the same merged weights; nothing else moves', () =>
      withModel(tinyModelPath(expected.model), device, async (model) => {
        const before = readAll(model.parameters());
        const optimizer = await optimizerOf(model, expected, tensors);
        for (const [index, rows] of expected.batches.entries()) {
          const [loss, gradNorm] = await step(model, optimizer, rows, expected);
          expect(relativeDifference(loss, expected.losses[index]!)).toBeLessThan(1e-4);
          expect(relativeDifference(gradNorm, expected.gradNorms[index]!)).toBeLessThan(1e-3);
        }
        const after = readAll(model.parameters());
        const errors = expected.matrices.map((matrix) => relativeError(after.get(matrix)!, tensors.get(`merged.${matrix}`)!));
        expect(errors.filter((error) => !(error < 1e-4))).toEqual([]);
        const moved = [...after.keys()].filter((key) => largestDifference(after.get(key)!, before.get(key)!) !== 0);
        expect(moved.sort()).toEqual(expected.matrices);
        optimizer.dispose();
      }));
  });

  test('A begins uniform within 1 / sqrt(in), by seed, and B at zero: the model is as it was', () =>
    withModel(tinyModelPath('gpt2-tied'), device, async (model) => {
      const before = readAll(model.parameters());
      const draw = (seed: number): ReturnType<typeof readAll> => {
        const optimizer = new Optimizer(model, { lora: { rank: 4, seed } });
        const state = readAll(optimizer.state());
        optimizer.dispose();
        return state;
      };
      const [first, again, other] = [draw(1), draw(1), draw(2)];
      const { hiddenSize, intermediateSize } = model.config;
      for (const [name, values] of first) {
        if (name.startsWith('exp_avg') || name.includes('lora_B')) expect(values.every((value) => value === 0)).toBe(true);
        if (!/^transformer.*lora_A/.test(name)) continue;
        const bound = 1 / Math.sqrt(name.includes('mlp.c_proj') ? intermediateSize : hiddenSize);
        const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        expect([largest <= bound, largest > 0.9 * bound]).toEqual([true, true]);
        expect(again.get(name)).toEqual(values);
        expect(other.get(name)).not.toEqual(values);
      }
      expect(readAll(model.parameters())).toEqual(before);
    }));

  test('additions arrive in products of bfloat16 too', async () => {
    const model = await Model.load(tinyModelPath('llama-untied-mha'), { device, computeDtype: 'bfloat16' });
    const optimizer = new Optimizer(model, { lora: { rank: 4 } });
    const rows = CASES['llama-late']!.batches[0]!;
    const losses: number[] = [];
    for (let count = 0; count < 8; count++) losses.push((await step(model, optimizer, rows, { learningRate: 1e-2, maxGradNorm: 0 }))[0]);
    expect(losses.at(-1)!).toBeLessThan(0.8 * losses[0]!);
    optimizer.dispose();
    model.dispose();
  });
});

describe('refusals', () => {
  let model: Model;
  beforeAll(async () => (model = await Model.load(tinyModelPath('llama-untied-mha'))));
  afterAll(() => model.dispose());

  test.each<[string, LoraOptions, string]>([
    ['an unknown module', { targets: ['q_proj', 'c_attn'] }, 'self_attn.q_proj, self_attn.k_proj'],
    ['a part of a name', { targets: ['proj'] }, 'got "proj"'],
    ['no module', { targets: [] }, 'all-linear'],
    ['more layers than there are', { layers: 4 }, 'from 1 to 3 last layers'],
    ['no layer', { layers: 0 }, 'from 1 to 3 last layers'],
    ['no rank', { rank: 0 }, 'rank of LoRA, got 0'],
    ['no alpha', { alpha: 0 }, 'alpha of LoRA, got 0'],
  ])('%s', (_, lora, message) => {
    expect(() => new Optimizer(model, { lora })).toThrow(
      expect.objectContaining({ code: 'ERR_CONFIG', message: expect.stringContaining(message) as string }) as Error,
    );
  });

  test.each<[string, Partial<NativeLora>, object]>([
    ['a rank of no columns', { rank: 0 }, { message: expect.stringContaining('lora.rank') }],
    ['a name that no parameter has', { names: ['model.layers.9.mlp.up_proj.weight'] }, { code: 'ERR_MODEL_FILES' }],
    ['a vector', { names: ['model.norm.weight'] }, { code: 'ERR_MODEL_FILES', message: expect.stringContaining('expected a matrix') }],
    ['a seed below zero', { seed: -1 }, { message: expect.stringContaining('lora.seed') }],
    ['names that are none', { names: [7] as never }, { message: expect.stringContaining('lora.names') }],
  ])('by the addon itself: %s', (_, wrong, refused) => {
    const lora = { rank: 2, alpha: 2, seed: 0, names: ['model.layers.0.mlp.up_proj.weight'], transposed: false, ...wrong };
    expect(() =>
      addon().optimizerCreate(model.handle, { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0, momentsIn8Bits: false, lora }),
    ).toThrow(expect.objectContaining(refused) as Error);
  });

  test('the state of another rank', async () => {
    const path = join(freshFolder(), 'optimizer.safetensors');
    const four = new Optimizer(model, { lora: { rank: 4 } });
    await four.save(path);
    const five = new Optimizer(model, { lora: { rank: 5 } });
    expect(await refusal(five.load(path, 1))).toMatchObject({ code: 'ERR_CHECKPOINT' });
    four.dispose();
    five.dispose();
  });
});
