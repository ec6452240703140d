import type { Model } from '../../lib/model/model.ts';
import { tinyModelPath, TINY_MODELS } from '../oracle/expected.ts';
import { makeBatch, randomRows } from '../oracle/batches.ts';
import { gradientErrors, relativeError } from '../oracle/differences.ts';
import { readAll, readNumbers, withModel } from '../oracle/models.ts';
import { byOperators, describeBy, type InstructionSet, labelOf, whileLimitedTo } from './instruction-sets.ts';

/** In float32 avx512_bf16 changes nothing; tiles multiply it in three parts. */
const SETS: readonly InstructionSet[] = ['amx', 'emulated_amx', 'avx512', 'avx2', 'plain'];

/** What a model computes with our kernels, and with libtorch's operators: a model chooses when it is loaded. */
async function both<T>(name: string, set: InstructionSet, compute: (model: Model) => Promise<T>): Promise<{ kernels: T; operators: T }> {
  const load = () => withModel(tinyModelPath(name), 'cpu', compute);
  return { kernels: await whileLimitedTo(set, load), operators: await byOperators(load) };
}

const NAMES_AND_SETS = TINY_MODELS.flatMap((name) => SETS.map((set) => [name, set] as const));

for (const [name, set] of NAMES_AND_SETS)
  describeBy(set)(`${name} by ${labelOf(set)}: the CPU's kernels against the operators of libtorch`, () => declareTests(name, set));

function declareTests(name: string, set: InstructionSet): void {
  test('logits', async () => {
    const { kernels, operators } = await both(name, set, async (model) => {
      const { logits } = await model.forward(makeBatch(randomRows(1, 3, 19, model.config.vocabSize)));
      return readNumbers(logits);
    });
    expect(kernels).not.toEqual(operators); // two ways of adding up: equal bits would mean that one ran twice
    expect(relativeError(kernels, operators)).toBeLessThan(1e-5);
  });

  test('gradients of every parameter', async () => {
    const { kernels, operators } = await both(name, set, async (model) => {
      await model.forwardBackward(makeBatch(randomRows(2, 4, 17, model.config.vocabSize)));
      return readAll(model.gradients());
    });
    const errors = gradientErrors(kernels, (parameter) => operators.get(parameter)!);
    expect(errors.filter(({ error }) => !(error < 1e-4))).toEqual([]);
  });

  test('ids and their log-probabilities, ragged contexts', async () => {
    const { kernels, operators } = await both(name, set, (model) => {
      const prompts = [3, 11, 7].map((length, row) => randomRows(row, 1, length, model.config.vocabSize)[0]!);
      return model.generate(prompts, { maxNewTokens: 24, tokenStats: true, stopIds: [] });
    });
    expect(kernels.map(({ ids }) => ids)).toEqual(operators.map(({ ids }) => ids));
    for (const [row, { logProbs }] of kernels.entries()) {
      expect(relativeError(Float64Array.from(logProbs!), Float64Array.from(operators[row]!.logProbs!))).toBeLessThan(1e-4);
    }
  });
}
