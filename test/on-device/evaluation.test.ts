import { evaluate, type EvaluationResult } from '../../lib/evaluate/evaluation.ts';
import { textFeatures } from '../../lib/evaluate/mauve-texts.ts';
import { Model } from '../../lib/model/model.ts';
import { describeOnEachDevice } from '../devices.ts';
import { relativeDifference, relativeError } from '../oracle/differences.ts';
import { randomSequences, TINY_MODEL } from '../train/tiny.ts';

const heldOut = randomSequences([12, 9, 15, 7, 12]).map((ids) => ({ ids }));
const train = randomSequences([20, 20, 20], 4);
const contexts = randomSequences([6, 6, 4], 2);

describeOnEachDevice('Evaluation', (device) => {
  let model: Model;
  let onCpu: Model;
  beforeAll(async () => {
    model = await Model.load(TINY_MODEL, { device });
    onCpu = await Model.load(TINY_MODEL, { device: 'cpu' });
  });
  afterAll(() => {
    model.dispose();
    onCpu.dispose();
  });

  test('loss, entropy, masses and accuracy are those of the CPU, in batches of any size', async () => {
    const measure = (of: Model, batchSize: number): Promise<EvaluationResult> => evaluate(of, { heldOut, train, batchSize });
    const [here, alone, there] = [await measure(model, 8), await measure(model, 1), await measure(onCpu, 8)];
    for (const other of [alone, there]) {
      for (const name of ['loss', 'perplexity', 'entropy'] as const)
        expect(relativeDifference(here[name]!, other[name]!)).toBeLessThan(1e-4);
      for (const k of [1, 3, 5] as const) expect(relativeDifference(here.topKMass![k], other.topKMass![k])).toBeLessThan(1e-4);
      expect(here.top1Accuracy).toBe(other.top1Accuracy);
    }
  });

  test('texts are continued and measured, again to the last figure', async () => {
    const measure = (): Promise<EvaluationResult> => evaluate(model, { contexts, train, maxNewTokens: 10 });
    const first = await measure();
    expect(first.generations.map(({ ids }) => ids.length)).toEqual([10, 10, 10]);
    expect(await measure()).toEqual(first);
  });

  test('answers are written to their end and scored', async () => {
    const answered = contexts.map((context, index) => ({ context, reference: train[index]!.slice(0, 5) }));
    const [here, there] = await Promise.all([model, onCpu].map((one) => evaluate(one, { contexts: answered, maxNewTokens: 6 })));
    expect(here!.answers).toMatchObject({ count: 3, exactMatch: { references: 3 }, meanReferenceLength: 5 });
    expect(here!.answers!.endedShare).toBe(there!.answers!.endedShare);
  });

  test('features of texts for MAUVE are those of the CPU', async () => {
    const texts = ['The sea was calm.', 'Call me Ishmael', 'x'];
    const [here, there] = [await textFeatures(model, texts), await textFeatures(onCpu, texts)];
    expect(here).toHaveLength(3);
    here.forEach((feature, index) => expect(relativeError(feature, there[index]!)).toBeLessThan(1e-5));
  });
});
