import { Model } from '../../lib/model/model.ts';
import { randomRows } from '../oracle/batches.ts';
import { relativeError } from '../oracle/differences.ts';
import { TINY_MODELS, tinyModelPath } from '../oracle/expected.ts';
import { writeRandomModel, type RandomConfig } from '../oracle/random-model.ts';
import { byOperators, describeBy, INSTRUCTION_SETS, type InstructionSet, labelOf, testBy, whileLimitedTo } from './instruction-sets.ts';

/** Around the borders at which another form of the product takes over: 5 rows, 9, 33, and every further 16. */
const ROW_COUNTS = [3, 5, 8, 9, 17, 32, 33, 49];
const LOOKED_AT = [0, 15, 16, 63];

/** Reading a prompt treats the last numbers of a gate, all rows in one, by themselves: sizes of whole vectors keep that out of the way. */
const SHAPES: Record<string, RandomConfig> = {
  'whole vectors': shape({ heads: 6, keyValueHeads: 2, headDim: 32, hiddenSize: 64, intermediateSize: 96 }),
  'whole vectors of float32 alone, one key head': shape({
    heads: 3,
    keyValueHeads: 1,
    headDim: 16,
    hiddenSize: 48,
    intermediateSize: 80,
    tied: false,
  }),
  'odd heads and rows, biases': shape({
    heads: 5,
    keyValueHeads: 5,
    headDim: 20,
    hiddenSize: 105,
    intermediateSize: 112,
    attentionBias: true,
    mlpBias: true,
  }),
  'a window, five query heads a key head': shape({
    heads: 10,
    keyValueHeads: 2,
    headDim: 64,
    hiddenSize: 128,
    intermediateSize: 160,
    slidingWindow: 4,
  }),
};
const DTYPES = ['float32', 'bfloat16'] as const;

interface Run {
  ids: number[];
  logProbs: number[];
}

function shape(
  sizes: Partial<RandomConfig> & Pick<RandomConfig, 'heads' | 'keyValueHeads' | 'headDim' | 'hiddenSize' | 'intermediateSize'>,
): RandomConfig {
  const family = (sizes.slidingWindow ?? 0) > 0 ? 'mistral' : 'llama';
  return {
    family,
    softcap: 0,
    activation: 'gelu_new',
    layers: 2,
    vocabSize: 331,
    attentionBias: false,
    mlpBias: false,
    tied: true,
    slidingWindow: 0,
    rope: 'default',
    ...sizes,
  };
}

async function withModel<T>(folder: string, computeDtype: (typeof DTYPES)[number], use: (model: Model) => Promise<T>): Promise<T> {
  const model = await Model.load(folder, { computeDtype });
  try {
    return await use(model);
  } finally {
    model.dispose();
  }
}

/** One token each, which is read as a decoding step is: any more would be read by products whose sums depend on the number of rows. */
const promptsOf = (model: Model, rows: number): number[][] =>
  randomRows(5, rows, 1, Math.min(model.config.vocabSize, model.config.outputVocabSize));

async function decode(model: Model, prompts: number[][], maxNewTokens: number): Promise<Run[]> {
  const generations = await model.generate(prompts, { maxNewTokens, minNewTokens: maxNewTokens, tokenStats: true, stopIds: [] });
  return generations.map(({ ids, logProbs }) => ({ ids: [...ids], logProbs: [...logProbs!] }));
}

/** Tiles take bfloat16 alone. */
const SETS = { bfloat16: INSTRUCTION_SETS, float32: INSTRUCTION_SETS.filter((set) => !set.includes('amx')) };

for (const dtype of DTYPES)
  for (const set of SETS[dtype])
    describeBy(set)(`${dtype} by ${labelOf(set)}: rows of a decoding step on the CPU`, () => declareRows(dtype, set));

function declareRows(dtype: (typeof DTYPES)[number], set: InstructionSet): void {
  test.each(Object.entries(SHAPES))('%s: the same bits alone and in any batch', (_, config) =>
    withModel(writeRandomModel(config, 3), dtype, (model) =>
      whileLimitedTo(set, async () => {
        const prompts = promptsOf(model, 64);
        const most = await decode(model, prompts, 5);
        for (const row of LOOKED_AT) expect(await decode(model, [prompts[row]!], 5)).toEqual([most[row]]);
        for (const rows of ROW_COUNTS) expect(await decode(model, prompts.slice(0, rows), 5)).toEqual(most.slice(0, rows));
      }),
    ),
  );
}

describe.each(TINY_MODELS)('%s: a decoding step by kernels', (name) => {
  for (const set of SETS.float32)
    testBy(set).each([1, 6, 20, 64])(`${labelOf(set)}, %i rows: the log-probabilities of the operators`, async (rows) => {
      const load = () => withModel(tinyModelPath(name), 'float32', (model) => decode(model, promptsOf(model, rows), 5));
      const [kernels, operators] = [await whileLimitedTo(set, load), await byOperators(load)];
      const flat = (runs: Run[]): Float64Array => Float64Array.from(runs.flatMap(({ logProbs }) => logProbs));
      expect(kernels.map(({ ids }) => ids)).toEqual(operators.map(({ ids }) => ids));
      expect(relativeError(flat(kernels), flat(operators))).toBeLessThan(1e-5);
    });
});

test('more rows than the kernels take are decoded by the operators', () =>
  withModel(tinyModelPath('llama-tied-gqa'), 'float32', async (model) => {
    const prompts = promptsOf(model, 70);
    const together = await decode(model, prompts, 6);
    const halves = [...(await decode(model, prompts.slice(0, 35), 6)), ...(await decode(model, prompts.slice(35), 6))];
    expect(together.map(({ ids }) => ids)).toEqual(halves.map(({ ids }) => ids));
  }));
