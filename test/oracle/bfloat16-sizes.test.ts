import { rmSync } from 'node:fs';
import { addon } from '../../lib/addon.ts';
import { Model } from '../../lib/model/model.ts';
import { byOperators, describeBy, type InstructionSet, labelOf, whileLimitedTo } from '../native/instruction-sets.ts';
import { makeBatch, randomRows } from './batches.ts';
import { gradientErrors, largestDifference, relativeError } from './differences.ts';
import { readAll, readNumbers } from './models.ts';
import { writeRandomModel, type RandomConfig } from './random-model.ts';

/** Sizes that the products of the tiny models never reach: what is cut into panels, blocks and slabs, each with a rest. */
const wide: RandomConfig = {
  family: 'llama',
  softcap: 0,
  activation: 'gelu_new',
  heads: 3,
  keyValueHeads: 1,
  headDim: 22,
  hiddenSize: 70,
  intermediateSize: 1187,
  layers: 1,
  vocabSize: 5003,
  attentionBias: false,
  mlpBias: true,
  tied: false,
  slidingWindow: 0,
  rope: 'default',
};
/** Sequences of several blocks, heads of two panels; the window begins within blocks. */
const long: RandomConfig = {
  family: 'llama',
  softcap: 0,
  activation: 'gelu_new',
  heads: 4,
  keyValueHeads: 2,
  headDim: 80,
  hiddenSize: 41,
  intermediateSize: 30,
  layers: 2,
  vocabSize: 90,
  attentionBias: false,
  mlpBias: false,
  tied: true,
  slidingWindow: 0,
  rope: 'default',
  positions: 256,
};
const folders: string[] = [];
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true })));

async function withRandomModel<T>(config: RandomConfig, use: (model: Model) => Promise<T>): Promise<T> {
  const folder = writeRandomModel(config, 7);
  folders.push(folder);
  const model = await Model.load(folder, { device: 'cpu', computeDtype: 'bfloat16' });
  try {
    return await use(model);
  } finally {
    model.dispose();
  }
}

async function measure(model: Model, rows: number, length: number) {
  await model.zeroGradients();
  const { logits } = await model.forward(makeBatch(randomRows(3, rows, length, model.config.vocabSize)));
  const numbers = readNumbers(logits);
  logits.dispose();
  const losses: number[] = [];
  // The second batch is added to the gradients of the first.
  for (const seed of [4, 5])
    losses.push((await model.forwardBackward(makeBatch(randomRows(seed, rows, length, model.config.vocabSize)))).lossSum);
  return { logits: numbers, losses, gradients: readAll(model.gradients()) };
}

const SETS: readonly InstructionSet[] = ['amx', 'emulated_amx', 'avx512_bf16', 'avx512', 'avx2'];
for (const set of SETS) describeBy(set)(`by ${labelOf(set)}`, () => declareTests(set));

function declareTests(set: InstructionSet): void {
  test.each([
    ['products of many rows and columns', wide, 19, 61],
    ['attention over several blocks', long, 3, 151],
    ['attention over several blocks with a window', { ...long, family: 'mistral', slidingWindow: 70 }, 3, 151],
    ['attention with a window shorter than a block', { ...long, family: 'mistral', slidingWindow: 9, keyValueHeads: 4 }, 2, 130],
  ] as const)('%s, kernels against operators', async (_, config, rows, length) => {
    const load = () => withRandomModel(config, (model) => measure(model, rows, length));
    const [kernels, operators] = [await whileLimitedTo(set, load), await byOperators(load)];
    expect(relativeError(kernels.logits, operators.logits)).toBeLessThan(0.02);
    expect(relativeError(kernels.losses, operators.losses)).toBeLessThan(0.01);
    const errors = gradientErrors(kernels.gradients, (parameter) => operators.gradients.get(parameter)!, 0.01);
    expect(errors.filter(({ error }) => !(error < 0.04))).toEqual([]);
  });

  test.each([
    ['products', wide, 19, 61],
    ['attention', long, 3, 151],
  ] as const)('%s of the CPU: one thread and several give the same bits', (_, config, rows, length) =>
    whileLimitedTo(set, () =>
      withRandomModel(config, async (model) => {
        const threads = addon().libraryInfo().numThreads;
        const several = await measure(model, rows, length);
        addon().setNumThreads(1);
        try {
          const one = await measure(model, rows, length);
          expect(largestDifference(one.logits, several.logits)).toBe(0);
          for (const name of ['mlp.up_proj', 'self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj']) {
            const matrix = `model.layers.0.${name}.weight`;
            expect(largestDifference(one.gradients.get(matrix)!, several.gradients.get(matrix)!)).toBe(0);
          }
        } finally {
          addon().setNumThreads(threads);
        }
      }),
    ),
  );
}
