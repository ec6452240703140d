import { checkOptions } from '../../lib/config/check-options.ts';
import { counted } from '../../lib/config/counted.ts';
import { loadCheckpoint } from '../../lib/checkpoint/checkpoint.ts';
import { CitationBlocker } from '../../lib/generate/citation-blocker.ts';
import { initializeModel } from '../../lib/model/initialize.ts';
import type { ModelBatch } from '../../lib/model/model-batch.ts';
import { Model } from '../../lib/model/model.ts';
import { Optimizer } from '../../lib/model/optimizer.ts';
import { Tensor } from '../../lib/tensor/tensor.ts';
import { torch } from '../../lib/tensor/torch.ts';

const TINY = `${__dirname}/../fixtures/models/llama-tied-gqa`;
const batch: ModelBatch = { tokens: Int32Array.of(1, 2), targets: Int32Array.of(2, 3), batchSize: 1, sequenceLength: 2 };

let model: Model;
beforeAll(async () => {
  model = await Model.load(TINY);
});
afterAll(() => model.dispose());

/** Every function with options of its own: the call, a misspelt option, and the one that was meant. */
const CALLS: readonly [string, (options: object) => unknown, object, string][] = [
  ['new Optimizer', (options) => new Optimizer(model, options), { beta: 1 }, 'betas'],
  ['LoRA', (lora) => new Optimizer(model, { lora }), { ranks: 4 }, 'rank'],
  ['step', (options) => new Optimizer(model).step(options as never), { learningrate: 1 }, 'learningRate'],
  ['Model.load', (options) => Model.load(TINY, options), { devise: 'cpu' }, 'device'],
  ['forward', (options) => model.forward(batch, options), { hiddenState: true }, 'hiddenStates'],
  ['forwardBackward', (options) => model.forwardBackward(batch, options), { signl: null }, 'signal'],
  ['tokenStats', (options) => model.tokenStats(batch, options), { signl: null }, 'signal'],
  ['generate', (options) => model.generate([Int32Array.of(1)], options), { maxNewToken: 1 }, 'maxNewTokens'],
  ['initializeModel', (options) => initializeModel('/nowhere', {}, options), { sed: 1 }, 'seed'],
  ['loadCheckpoint', (options) => loadCheckpoint('/nowhere', options), { devise: 'cpu' }, 'device'],
  [
    'CitationBlocker.create',
    (options) => CitationBlocker.create({ sequences: [], vocabSize: 3, ...options }),
    { matchLenght: 3 },
    'matchLength',
  ],
  ['Tensor.from', (options) => Tensor.from([1], options), { dtpe: 'float32' }, 'dtype'],
  ['torch.zeros', (options) => torch.zeros([1], options), { requireGrad: true }, 'requiresGrad'],
];

const thrownBy = async (work: () => unknown): Promise<unknown> => {
  try {
    return await work();
  } catch (error) {
    return error;
  }
};

test.each(CALLS)('%s refuses an option that nothing reads, with the nearest name', async (_, call, misspelt, meant) => {
  const error = await thrownBy(() => call(misspelt));
  expect(error).toMatchObject({
    code: 'ERR_CONFIG',
    message: expect.stringContaining(`\`${Object.keys(misspelt)[0]}\` (did you mean ${meant}?)`),
  });
});

test.each(CALLS.filter(([name]) => name !== 'CitationBlocker.create'))('%s refuses options that are none', async (_, call) => {
  for (const nothing of [null, 7, 'text']) {
    expect(await thrownBy(() => call(nothing as never))).toMatchObject({
      code: 'ERR_CONFIG',
      message: expect.stringMatching(/expected an object of options.*got (null|7|"?text"?)/),
    });
  }
});

test('what is known passes, undefined too', () => {
  expect(() => checkOptions({ a: 1, b: undefined }, ['a', 'b'], 'it')).not.toThrow();
  expect(() => checkOptions({ zzz: 1, yyy: 2 }, ['a'], 'it')).toThrow(
    'expected options of it (a), got `zzz`, `yyy`; correct or leave out them',
  );
});

test('betas that are no pair are refused by name', () => {
  for (const betas of [1, null, [0.9], 'ab'])
    expect(() => new Optimizer(model, { betas: betas as never })).toThrow(/expected two numbers for `betas`/);
});

test('one of a thing is not several', () => {
  expect([counted(0, 'epoch'), counted(1, 'epoch'), counted(1204, 'step'), counted(2, 'pair of texts is', 'pairs of texts are')]).toEqual([
    '0 epochs',
    '1 epoch',
    '1,204 steps',
    '2 pairs of texts are',
  ]);
});
