import type { DeviceName } from '../../lib/config/device-name.ts';
import { Model } from '../../lib/model/model.ts';
import { Optimizer } from '../../lib/model/optimizer.ts';
import { describeOnEachDevice } from '../devices.ts';
import { makeBatch } from './batches.ts';
import { compareContinuation, largestDifference, l2Norm, relativeDifference } from './differences.ts';
import { DECODING_NAMES, DECODING_OPTIONS, readSmolLM2Expectation } from './expected.ts';
import { readAll, readNumbers, withModel } from './models.ts';
import { findSmolLM2 } from './smollm2-file.ts';

const MINUTES = 60_000;
const file = findSmolLM2();
const expected = readSmolLM2Expectation();

/** [vocabulary] logits of the last position. */
async function lastLogits(model: Model, prompt: number[]): Promise<Float64Array> {
  const { logits } = await model.forward(makeBatch([prompt]));
  const numbers = readNumbers(logits);
  logits.dispose();
  return numbers.subarray(numbers.length - numbers.length / prompt.length);
}

function declareTests(device: DeviceName): void {
  let model: Model;
  beforeAll(async () => {
    model = await Model.load(file!, { device, computeDtype: 'float32' });
  }, 5 * MINUTES);
  afterAll(() => model.dispose());

  test.each(expected.texts.map((text, i) => [text, i] as const))(
    'last-position logits after %j',
    async (_, i) => {
      const logits = await lastLogits(model, expected.decoding.prompts[i]!);
      const top = expected.lastPositionLogits[i]!;
      expect(
        largestDifference(
          top.ids.map((id) => logits[id]!),
          top.logits,
        ),
      ).toBeLessThan(2e-3);
    },
    MINUTES,
  );

  test.each(DECODING_NAMES)(
    '8 prompts x 48 tokens: %s',
    async (name) => {
      const { prompts, newTokens, runs } = expected.decoding;
      const generations = await model.generate(prompts, { ...DECODING_OPTIONS[name], maxNewTokens: newTokens, minNewTokens: newTokens });
      const comparisons = generations.map(({ ids }, i) => ({ prompt: i, ...compareContinuation(ids, runs[name][i]!) }));
      for (const comparison of comparisons)
        if (comparison.kind === 'parted at a near tie') console.info(`${name}: parted at a near tie`, comparison);
      expect(comparisons.filter(({ kind }) => kind === 'different')).toEqual([]);
    },
    5 * MINUTES,
  );

  test(
    'texts become the ids that Hugging Face gives, and the continuation reads as text',
    async () => {
      const generations = await model.generate(expected.texts, { maxNewTokens: 8 });
      expect(generations.map(({ promptIds }) => [...promptIds])).toEqual(expected.decoding.prompts);
      expect(generations[0]!.text).toMatch(/^ Paris/);
    },
    MINUTES,
  );

  test(
    'token statistics on held-out text',
    async () => {
      const { ids, loss, entropy, top1Mass, top3Mass, top5Mass, top1Ids } = expected.tokenStats;
      const stats = await model.tokenStats(makeBatch(ids));
      for (const [actual, wanted] of [
        [stats.loss, loss],
        [stats.entropy, entropy],
      ] as const)
        expect(largestDifference(actual, wanted)).toBeLessThan(1e-3);
      for (const [actual, wanted] of [
        [stats.top1Mass, top1Mass],
        [stats.top3Mass, top3Mass],
        [stats.top5Mass, top5Mass],
      ] as const)
        expect(largestDifference(actual, wanted)).toBeLessThan(1e-4);
      expect([...stats.top1Ids]).toEqual(top1Ids);
    },
    MINUTES,
  );
}

function declareTraining(device: DeviceName): void {
  test(
    '20 AdamW steps on Moby Dick: gradients of the first batch, every loss, every gradient norm',
    () =>
      withModel(file!, device, async (model) => {
        const { betas, eps, weightDecay, learningRate, maxGradNorm, losses, gradNorms } = expected.adamw;
        const optimizer = new Optimizer(model, { betas, eps, weightDecay });
        for (const [step, rows] of expected.batches.entries()) {
          const { lossSum, tokenCount } = await model.forwardBackward(makeBatch(rows));
          if (step === 0) expectGradientNorms(model);
          const { gradNorm } = await optimizer.step({ learningRate, gradScale: 1 / tokenCount, maxGradNorm });
          expect(relativeDifference(lossSum / tokenCount, losses[step]!)).toBeLessThan(1e-3);
          expect(relativeDifference(gradNorm, gradNorms[step]!)).toBeLessThan(2e-3);
        }
        optimizer.dispose();
      }),
    20 * MINUTES,
  );
}

function expectGradientNorms(model: Model): void {
  const gradients = readAll(model.gradients());
  const differences = Object.entries(expected.gradients.norms).map(([name, norm]) => ({
    name,
    difference: relativeDifference(l2Norm(gradients.get(name)!), norm),
  }));
  expect(differences.filter(({ difference }) => !(difference < 2e-3))).toEqual([]);
}

if (file === undefined) {
  describe.skip('SmolLM2-135M against Hugging Face transformers (the GGUF is not in the cache; run `node scripts/setup.mjs model`)', () => {
    declareTests('cpu');
    declareTraining('cpu');
  });
} else {
  describeOnEachDevice('SmolLM2-135M against Hugging Face transformers', declareTests);
  describeOnEachDevice('SmolLM2-135M training against Hugging Face transformers', declareTraining, { large: true });
}
