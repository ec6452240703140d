import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { WeightDType } from '../../lib/addon-types.ts';
import { loadCheckpoint, saveCheckpoint } from '../../lib/checkpoint/checkpoint.ts';
import type { DeviceName } from '../../lib/config/device-name.ts';
import { makeBatch } from '../../lib/data/batch.ts';
import { estimateTrainingMemory } from '../../lib/model/memory-estimate.ts';
import type { LoadOptions } from '../../lib/model/load-options.ts';
import { openModelFiles } from '../../lib/model/model-files.ts';
import { Model } from '../../lib/model/model.ts';
import { Optimizer } from '../../lib/model/optimizer.ts';
import { expectedParameters } from '../../lib/model/parameters.ts';
import { scope } from '../../lib/tensor/scope.ts';
import type { Tensor } from '../../lib/tensor/tensor.ts';
import { initialState } from '../../lib/train/beginning.ts';
import { describeOnEachDevice } from '../devices.ts';
import { tinyModelPath } from '../oracle/expected.ts';
import { readAll } from '../oracle/models.ts';
import { freshFolder, refusal, TINY_MODEL } from '../train/tiny.ts';

const BATCHES = [
  [
    [5, 9, 2, 14, 3, 8, 1],
    [7, 4, 11, 6, 2, 10, 3],
  ],
  [
    [3, 8, 2, 5, 1, 9, 4, 6, 12],
    [2, 2, 7],
  ],
].map((rows) => makeBatch(rows.map((row) => Int32Array.from(row))));
const STEP = { learningRate: 1e-2, gradScale: 0.1 };
const LORA = { rank: 3, layers: 1 };
const PROMPTS = [Int32Array.of(5, 9, 2), Int32Array.of(7)];

const FAMILIES = ['llama-tied-gqa', 'llama-untied-mha', 'gemma3-tied-gqa', 'gpt2-untied-odd', 'qwen2-tied-gqa'];

/** The tiny model in a folder of bfloat16, which rounds it. */
async function inBfloat16(name: string): Promise<string> {
  return rounded(tinyModelPath(name));
}

async function rounded(path: string): Promise<string> {
  const folder = join(freshFolder(), 'rounded');
  using model = await Model.load(path);
  await model.save(folder, { dtype: 'bfloat16' });
  return folder;
}

const load = (path: string, device: DeviceName, options: LoadOptions = {}): Promise<Model> =>
  Model.load(path, { device, computeDtype: 'bfloat16', ...options });

/** In a flat buffer, where each parameter begins at a multiple of 256. */
const elements = (model: Model, which: (shape: readonly number[]) => boolean = () => true): number =>
  scope(() =>
    [...model.parameters().values()]
      .filter(({ shape }) => which(shape))
      .reduce((sum, { shape }) => sum + 256 * Math.ceil(shape.reduce((product, size) => product * size, 1) / 256), 0),
  );

/** As they are, to the last bit, whatever they are held in. */
const weightsOf = async (model: Model): Promise<ReturnType<typeof readAll>> => {
  const floats = new Map<string, Tensor>();
  for (const name of expectedParameters(model.config).keys()) {
    const held = await model.heldParameter(name);
    floats.set(
      name,
      scope(() => held.to('float32').clone()),
    );
    held.dispose();
  }
  return readAll(floats);
};

const isAlone = (model: Model): boolean => model.memoryUsage().parameterBytes < model.memoryUsage().computeBytes / 2;

interface Trained {
  losses: number[];
  norms: number[];
  weights: ReturnType<typeof readAll>;
  texts: number[][];
  wasAlone: boolean;
}

/** Four steps, a look at what is written, and two more. */
async function train(model: Model, optimizer: Optimizer, within = false): Promise<Trained> {
  const steps: { lossSum: number; gradNorm: number }[] = [];
  const texts: number[][] = [];
  for (const [index, batch] of [...BATCHES, ...BATCHES, ...BATCHES].entries()) {
    if (within) steps.push(await optimizer.stepInBackward(batch, STEP));
    else steps.push({ ...(await model.forwardBackward(batch)), ...(await optimizer.step(STEP)) });
    if (index === 3) texts.push(...(await model.generate(PROMPTS, { maxNewTokens: 6 })).map(({ ids }) => [...ids]));
  }
  const wasAlone = isAlone(model);
  return {
    losses: steps.map(({ lossSum }) => lossSum),
    norms: steps.map(({ gradNorm }) => gradNorm),
    weights: await weightsOf(model),
    texts,
    wasAlone,
  };
}

async function trainFrom(
  path: string,
  device: DeviceName,
  weightDtype: WeightDType,
  lora: typeof LORA | undefined,
  within = false,
): Promise<Trained> {
  using model = await load(path, device, { weightDtype });
  using optimizer = new Optimizer(model, { lora });
  return await train(model, optimizer, within);
}

/** Gradients that lie in another order are added up in another order to their norm, and only there. */
function expectAlikeButForOrder({ norms, ...bits }: Omit<Trained, 'wasAlone'>, expected: Omit<Trained, 'wasAlone'>): void {
  expect({ ...bits, norms: expected.norms }).toEqual(expected);
  norms.forEach((norm, index) => expect(norm / expected.norms[index]! - 1).toBeCloseTo(0, 5));
}

describeOnEachDevice('weights in bfloat16 alone', (device) => {
  describe.each(FAMILIES)('%s', (name) => {
    let path: string;
    beforeAll(async () => {
      path = await inBfloat16(name);
    });

    test('take two bytes each, and every pass has the bits that it has beside float32', async () => {
      const seen: unknown[] = [];
      for (const weightDtype of ['auto', 'float32'] as const) {
        using model = await load(path, device, { weightDtype });
        expect(isAlone(model)).toBe(weightDtype === 'auto');
        const { logits, hiddenStates } = await model.forward(BATCHES[0]!, { hiddenStates: true });
        const { loss } = await model.tokenStats(BATCHES[0]!);
        const texts = await model.generate(PROMPTS, { maxNewTokens: 6 });
        seen.push({
          passes: readAll(new Map([logits, ...hiddenStates].map((tensor, index) => [String(index), tensor]))),
          loss,
          texts: texts.map(({ ids, logProbs }) => [ids, logProbs]),
          weights: await weightsOf(model),
        });
        if (weightDtype === 'float32') continue;
        const { parameterBytes, computeBytes } = model.memoryUsage();
        const all = elements(model);
        expect(computeBytes).toBeLessThan(2.1 * all + 4096);
        expect(parameterBytes).toBeLessThan(4 * elements(model, (shape) => shape.length < 2) + 4096);
      }
      expect(seen[0]).toEqual(seen[1]);
    });

    test('stay so under LoRA, whose steps have the bits that they have beside float32', async () => {
      const { wasAlone, ...alone } = await trainFrom(path, device, 'auto', LORA);
      expect(wasAlone).toBe(true);
      const { wasAlone: _beside, ...beside } = await trainFrom(path, device, 'float32', LORA);
      expect(alone).toEqual(beside);
      const { wasAlone: _was, ...within } = await trainFrom(path, device, 'auto', LORA, true);
      expectAlikeButForOrder(within, alone);
    });

    test('get their float32 where all of them are trained, with the same bits', async () => {
      const { wasAlone, ...trained } = await trainFrom(path, device, 'auto', undefined);
      expect(wasAlone).toBe(false);
      const { wasAlone: _was, ...expected } = await trainFrom(path, device, 'float32', undefined);
      if (device === 'cuda')
        expectAlikeButForOrder(trained, expected); // one sum over all gradients there, and not one of each parameter's
      else expect(trained).toEqual(expected);
    });
  });

  test('whoever asks for parameters gets float32 that the model reads, and LoRA goes on over it', async () => {
    const path = await inBfloat16('llama-untied-mha');
    const after: unknown[] = [];
    for (const weightDtype of ['auto', 'float32'] as const) {
      using model = await load(path, device, { weightDtype });
      using optimizer = new Optimizer(model, { lora: LORA });
      const first = await train(model, optimizer);
      const parameters = model.parameters();
      scope(() => parameters.get('model.embed_tokens.weight')!.mul_(1.0001));
      for (const tensor of parameters.values()) tensor.dispose();
      const { wasAlone, ...second } = await train(model, optimizer);
      expect(wasAlone).toBe(false);
      after.push({ first: first.losses, second });
    }
    expect(after[0]).toEqual(after[1]);
  });

  test('an optimizer of LoRA that is gone leaves what it has trained, and another begins from there', async () => {
    const path = await inBfloat16('gpt2-untied-odd');
    const after: unknown[] = [];
    for (const weightDtype of ['auto', 'float32'] as const) {
      using model = await load(path, device, { weightDtype });
      const first = new Optimizer(model, { lora: LORA });
      await train(model, first);
      first.dispose();
      const left = await weightsOf(model);
      using second = new Optimizer(model, { lora: { rank: 2 } });
      const { wasAlone: _was, ...trained } = await train(model, second);
      after.push({ left, trained });
    }
    expect(after[0]).toEqual(after[1]);
  });

  test('parameters may be asked for while steps are under way', async () => {
    const path = await inBfloat16('llama-tied-gqa');
    const after: unknown[] = [];
    for (const asks of [true, false]) {
      using model = await load(path, device);
      using optimizer = new Optimizer(model, { lora: LORA });
      const steps: Promise<unknown>[] = [];
      for (const batch of BATCHES) steps.push(model.forwardBackward(batch), optimizer.step(STEP));
      if (asks) for (const tensor of model.parameters().values()) tensor.dispose();
      await Promise.all(steps);
      after.push((await train(model, optimizer)).weights);
    }
    expect(after[0]).toEqual(after[1]);
  });

  test('are saved and exported as they are', async () => {
    const path = await rounded(TINY_MODEL);
    const files: Buffer[][] = [];
    for (const weightDtype of ['auto', 'float32'] as const) {
      const folder = join(freshFolder(), 'saved');
      using model = await load(path, device, { weightDtype });
      using optimizer = new Optimizer(model, { lora: LORA });
      await train(model, optimizer);
      await model.save(folder);
      await model.save(`${folder}-half`, { dtype: 'float16' });
      await model.exportGguf(`${folder}.gguf`, { name: 'tiny' });
      expect(isAlone(model)).toBe(weightDtype === 'auto');
      expect(await model.changedShare()).toBeGreaterThan(0);
      files.push([`${folder}/model.safetensors`, `${folder}-half/model.safetensors`, `${folder}.gguf`].map((file) => readFileSync(file)));
    }
    expect(files[0]!.map((bytes, index) => bytes.equals(files[1]![index]!))).toEqual([true, true, true]);
  });

  test('a checkpoint of LoRA goes on with the same bits and in as little memory', async () => {
    const path = await inBfloat16('llama-untied-mha');
    const folder = freshFolder();
    using model = await load(path, device);
    using optimizer = new Optimizer(model, { lora: LORA });
    await train(model, optimizer);
    const state = { ...initialState({ sequences: [], settings: { order: 'shuffle', seed: 0, batchSize: 1 } }), step: 6 };
    await saveCheckpoint(folder, { model, optimizer, state });
    const expected = await train(model, optimizer);
    using resumed = await loadCheckpoint(folder, { device, computeDtype: 'bfloat16', lora: LORA });
    expect(isAlone(resumed.model)).toBe(true);
    expect(await train(resumed.model, resumed.optimizer)).toEqual(expected);
  });

  test.each([false, true])('the estimate knows what LoRA over them takes, with a step within the backward: %s', async (stepInBackward) => {
    using model = await load(await inBfloat16('llama-untied-mha'), device, { recompute: true });
    using optimizer = new Optimizer(model, { lora: LORA });
    for (const batch of BATCHES) {
      if (stepInBackward) await optimizer.stepInBackward(batch, STEP);
      else {
        await model.forwardBackward(batch);
        await optimizer.step(STEP);
      }
    }
    const { parameterBytes, computeBytes, gradientBytes, workspaceBytes } = model.memoryUsage();
    const { lines } = estimateTrainingMemory(model.config, {
      device,
      computeDtype: 'bfloat16',
      heldDtype: 'bfloat16',
      batchSize: 2,
      sequenceLength: 9,
      recompute: true,
      stepInBackward,
      lora: LORA,
    });
    const of = (...starts: string[]): number =>
      lines.filter((line) => starts.some((start) => line.of.startsWith(start))).reduce((sum, { bytes }) => sum + bytes, 0);
    expect(of('weights, float32')).toBe(parameterBytes);
    // Gradients of A and B are no part of what an optimizer counts; what they are added to is, and the sum is the model's.
    const expected = computeBytes + gradientBytes + optimizer.heldBytes + of('A and B') / 4;
    expect(Math.abs(of('weights as products', 'gradients', 'the matrices', 'A and B') / expected - 1)).toBeLessThan(0.02);
    expect(of('activations', 'scores of attention', 'logits')).toBe(workspaceBytes);
  });

  test('an adapter is laid over them, and they stay so', async () => {
    const path = await inBfloat16('gpt2-untied-odd');
    const adapter = freshFolder();
    {
      using model = await load(path, device);
      using optimizer = new Optimizer(model, { lora: { rank: 2 } });
      await train(model, optimizer);
      await optimizer.saveAdapter(adapter);
    }
    const laid: unknown[] = [];
    for (const weightDtype of ['auto', 'float32'] as const) {
      using model = await load(path, device, { weightDtype, adapter });
      expect(isAlone(model)).toBe(weightDtype === 'auto');
      const { loss } = await model.tokenStats(BATCHES[0]!);
      laid.push({ loss, weights: await weightsOf(model) });
      using again = new Optimizer(model, { lora: LORA });
      laid.push((await train(model, again)).weights);
    }
    expect(laid.slice(0, 2)).toEqual(laid.slice(2));
  });

  test('weights of any file are rounded where that is asked for, and then are what is trained and saved', async () => {
    const path = tinyModelPath('llama-untied-mha');
    using model = await load(path, device, { weightDtype: 'bfloat16' });
    expect(isAlone(model)).toBe(true);
    expect(await model.changedShare()).toBe(0);
    using other = await load(await inBfloat16('llama-untied-mha'), device, { weightDtype: 'float32' });
    const [own, others] = [await weightsOf(model), await weightsOf(other)];
    for (const [name, values] of own) if (name.includes('_proj') || name.includes('embed')) expect(values).toEqual(others.get(name));
    using wide = await load(path, device);
    expect(isAlone(wide)).toBe(false);
  });

  test('float32 products have no use for them', async () => {
    expect(
      await refusal(Model.load(tinyModelPath('llama-untied-mha'), { device, computeDtype: 'float32', weightDtype: 'bfloat16' })),
    ).toMatchObject({ code: 'ERR_CONFIG', message: expect.stringContaining('computeDtype') });
    using model = await Model.load(await inBfloat16('llama-untied-mha'), { device, computeDtype: 'float32' });
    expect(model.memoryUsage().computeBytes).toBe(0);
  });
});

test('LoRA of the last five layers of Llama 3.1 8B fits into 24 GB', () => {
  const shape = {
    hiddenSize: 4096,
    intermediateSize: 14336,
    numHiddenLayers: 32,
    numAttentionHeads: 32,
    numKeyValueHeads: 8,
    headDim: 128,
    vocabSize: 128256,
    outputVocabSize: 128256,
  };
  return openModelFiles(tinyModelPath('llama3-rope')).then(({ config: tiny }) => {
    const config = {
      ...tiny,
      ...shape,
      maxPositionEmbeddings: 131072,
      tieWordEmbeddings: false,
      layerRopes: Array.from({ length: 32 }, () => tiny.layerRopes[0]!),
      layerWindows: Array.from({ length: 32 }, () => 0),
    };
    const options = {
      computeDtype: 'bfloat16',
      batchSize: 1,
      sequenceLength: 2048,
      recompute: true,
      lora: { rank: 8, layers: 5 },
    } as const;
    const bytes = (more: object): number => estimateTrainingMemory(config, { ...options, ...more }).totalBytes;
    expect(bytes({ heldDtype: 'bfloat16' })).toBeLessThan(24e9);
    expect(bytes({ heldDtype: 'bfloat16', stepInBackward: true })).toBeLessThan(20.5e9);
    expect(bytes({ heldDtype: 'bfloat16', stepInBackward: true })).toBeGreaterThan(2 * 8.03e9);
    expect(bytes({})).toBeGreaterThan(bytes({ heldDtype: 'bfloat16' }) + 25e9);
  });
});
