import { tinyModelPath, TINY_MODELS } from '../oracle/expected.ts';
import { makeBatch, randomRows } from '../oracle/batches.ts';
import { gradientErrors, relativeError } from '../oracle/differences.ts';
import { readAll, readNumbers, withModel } from '../oracle/models.ts';
import { byOperators, describeBy, type InstructionSet, labelOf, whileLimitedTo } from './instruction-sets.ts';

/** In float32 the newest instructions change nothing. */
const SETS: readonly InstructionSet[] = ['avx512', 'avx2', 'plain'];

/** What a model computes with our kernels, and with libtorch's operators. */
async function both<T>(set: InstructionSet, compute: () => Promise<T>): Promise<{ kernels: T; operators: T }> {
  return { kernels: await whileLimitedTo(set, compute), operators: await byOperators(compute) };
}

const NAMES_AND_SETS = TINY_MODELS.flatMap((name) => SETS.map((set) => [name, set] as const));

for (const [name, set] of NAMES_AND_SETS) describeBy(set)(`${name} by ${labelOf(set)}: the CPU's kernels against the operators of libtorch`, () => declareTests(name, set));

function declareTests(name: string, set: InstructionSet): void {
  test('logits', () =>
    withModel(tinyModelPath(name), 'cpu', async (model) => {
      const batch = makeBatch(randomRows(1, 3, 19, model.config.vocabSize));
      const { kernels, operators } = await both(set, async () => {
        const { logits } = await model.forward(batch);
        return readNumbers(logits);
      });
      expect(kernels).not.toEqual(operators); // two ways of adding up: equal bits would mean that one ran twice
      expect(relativeError(kernels, operators)).toBeLessThan(1e-5);
    }));

  test('gradients of every parameter', () =>
    withModel(tinyModelPath(name), 'cpu', async (model) => {
      const batch = makeBatch(randomRows(2, 4, 17, model.config.vocabSize));
      const { kernels, operators } = await both(set, async () => {
        await model.zeroGradients();
        await model.forwardBackward(batch);
        return readAll(model.gradients());
      });
      const errors = gradientErrors(kernels, (parameter) => operators.get(parameter)!);
      expect(errors.filter(({ error }) => !(error < 1e-4))).toEqual([]);
    }));

  test('ids and their log-probabilities, ragged contexts', () =>
    withModel(tinyModelPath(name), 'cpu', async (model) => {
      const prompts = [3, 11, 7].map((length, row) => randomRows(row, 1, length, model.config.vocabSize)[0]!);
      const { kernels, operators } = await both(set, () => model.generate(prompts, { maxNewTokens: 24, tokenStats: true, stopIds: [] }));
      expect(kernels.map(({ ids }) => ids)).toEqual(operators.map(({ ids }) => ids));
      for (const [row, { logProbs }] of kernels.entries()) {
        expect(relativeError(Float64Array.from(logProbs!), Float64Array.from(operators[row]!.logProbs!))).toBeLessThan(1e-4);
      }
    }));
}
