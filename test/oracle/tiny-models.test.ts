import { Model } from '../../lib/model/model.ts';
import { Optimizer } from '../../lib/model/optimizer.ts';
import { describeOnEachDevice } from '../devices.ts';
import { makeBatch } from './batches.ts';
import { compareContinuation, gradientErrors, largestDifference, l2Norm, relativeDifference, relativeError } from './differences.ts';
import {
  FAMILY_MODELS,
  DECODING_NAMES,
  DECODING_OPTIONS,
  FULL_GRADIENT_MODELS,
  readTinyExpectation,
  readTinyTensors,
  TINY_MODELS,
  tinyModelPath,
  type AdamWRun,
} from './expected.ts';
import { readAll, readNumbers, withModel } from './models.ts';

/** Losses and norms of a run of steps on the mean loss, one batch a step. */
async function runAdamW(model: Model, batches: number[][][], run: AdamWRun): Promise<{ losses: number[]; gradNorms: number[] }> {
  const { betas, eps, weightDecay, learningRate, maxGradNorm } = run;
  const optimizer = new Optimizer(model, { betas, eps, weightDecay });
  const losses: number[] = [];
  const gradNorms: number[] = [];
  for (const rows of batches) {
    const { lossSum, tokenCount } = await model.forwardBackward(makeBatch(rows));
    const { gradNorm } = await optimizer.step({ learningRate, gradScale: 1 / tokenCount, maxGradNorm });
    losses.push(lossSum / tokenCount);
    gradNorms.push(gradNorm);
  }
  optimizer.dispose();
  return { losses, gradNorms };
}

describeOnEachDevice('Tiny models against Hugging Face transformers', (device) => {
  describe.each(TINY_MODELS)('%s', (name) => {
    const expected = readTinyExpectation(name);
    const { forward } = expected;

    test('gives the same logits and hidden states', () =>
      withModel(tinyModelPath(name), device, async (model) => {
        const tensors = readTinyTensors(name);
        const { logits, hiddenStates } = await model.forward(makeBatch(forward.ids), { hiddenStates: true });
        expect(largestDifference(readNumbers(logits), tensors.get('logits')!)).toBeLessThan(1e-5 * scaleOf(tensors.get('logits')!));
        const states = hiddenStates.flatMap((state) => [...readNumbers(state)]);
        expect(relativeError(states, tensors.get('hidden_states')!)).toBeLessThan(1e-5);
        const last = await model.lastHiddenState(makeBatch(forward.ids));
        expect(last.shape).toEqual(hiddenStates.at(-1)!.shape);
        expect(readNumbers(last)).toEqual(readNumbers(hiddenStates.at(-1)!));
        for (const tensor of [logits, last, ...hiddenStates]) tensor.dispose();
      }));

    test('gives the same loss and gradient norms with some targets ignored', () =>
      withModel(tinyModelPath(name), device, async (model) => {
        const { lossSum, tokenCount } = await model.forwardBackward(makeBatch(forward.ids, forward.targets));
        expect(tokenCount).toBe(forward.tokenCount);
        expect(relativeDifference(lossSum, forward.lossSum)).toBeLessThan(1e-5);
        const gradients = readAll(model.gradients());
        expect([...gradients.keys()].sort()).toEqual(Object.keys(forward.gradNorms).sort());
        const floor = 1e-3 * Math.hypot(...Object.values(forward.gradNorms)); // see gradientErrors
        const differing = Object.entries(forward.gradNorms).filter(
          ([parameter, norm]) => !(Math.abs(l2Norm(gradients.get(parameter)!) - norm) < 1e-4 * Math.max(norm, floor)),
        );
        expect(differing).toEqual([]);
      }));

    test.each([0, 1])('takes the same twelve AdamW steps (run %i: plain, then with decay and clipping)', (index) =>
      withModel(tinyModelPath(name), device, async (model) => {
        const run = expected.adamw.runs[index]!;
        const { losses, gradNorms } = await runAdamW(model, expected.adamw.batches, run);
        run.losses.forEach((loss, step) => expect(relativeDifference(losses[step]!, loss)).toBeLessThan(1e-4));
        run.gradNorms.forEach((norm, step) => expect(relativeDifference(gradNorms[step]!, norm)).toBeLessThan(1e-3));
      }),
    );

    test.each(DECODING_NAMES)('decodes the same ids: %s', (decoding) =>
      withModel(tinyModelPath(name), device, async (model) => {
        const { prompts, newTokens, runs } = expected.decoding;
        const generations = await model.generate(prompts, {
          ...DECODING_OPTIONS[decoding],
          maxNewTokens: newTokens,
          minNewTokens: newTokens,
        });
        const comparisons = generations.map(({ ids }, i) => compareContinuation(ids, runs[decoding][i]!));
        expect(comparisons.filter(({ kind }) => kind === 'different')).toEqual([]);
      }),
    );
  });

  test.each(FULL_GRADIENT_MODELS)('%s: every element of every gradient', (name) =>
    withModel(tinyModelPath(name), device, async (model) => {
      const { forward } = readTinyExpectation(name);
      const tensors = readTinyTensors(name);
      await model.forwardBackward(makeBatch(forward.ids, forward.targets));
      const floorShare = (FAMILY_MODELS as readonly string[]).includes(name) ? 1e-3 : 0; // no gradient of the Llama models is zero
      const errors = gradientErrors(readAll(model.gradients()), (parameter) => tensors.get(`grad.${parameter}`)!, floorShare);
      expect(errors.length).toBe(Object.keys(forward.gradNorms).length);
      expect(errors.filter(({ error }) => !(error < 1e-4))).toEqual([]);
    }),
  );
});

/** Logits of the trained tiny model reach 20, where float32 itself has steps of 2e-6: the bound grows with their size above 4. */
function scaleOf(values: Float32Array): number {
  return Math.max(1, values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0) / 4);
}
