import { Optimizer } from '../../lib/model/optimizer.ts';
import { describeOnEachDevice } from '../devices.ts';
import { AdamWReference, type AdamWSettings } from './adamw-reference.ts';
import { makeBatch, randomRows } from './batches.ts';
import { relativeDifference, relativeError } from './differences.ts';
import { tinyModelPath } from './expected.ts';
import { readAll, withModel } from './models.ts';

const SETTINGS: Record<string, Omit<AdamWSettings, 'gradScale'>> = {
  plain: { learningRate: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, maxGradNorm: 0 },
  'decay and clipping': { learningRate: 3e-3, betas: [0.8, 0.95], eps: 1e-6, weightDecay: 0.1, maxGradNorm: 0.5 },
  'a bound above every norm': { learningRate: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0.01, maxGradNorm: 1e6 },
};

describeOnEachDevice('AdamW against float64', (device) => {
  test.each(Object.keys(SETTINGS))('%s: ten steps, the gradients given', (name) =>
    withModel(tinyModelPath('llama-bias'), device, async (model) => {
      const settings = SETTINGS[name]!;
      const optimizer = new Optimizer(model, { betas: settings.betas, eps: settings.eps, weightDecay: settings.weightDecay });
      const reference = new AdamWReference();
      const weights = readAll(model.parameters());
      const start = new Map([...weights].map(([parameter, weight]) => [parameter, weight.slice()]));
      for (let step = 0; step < 10; step++) {
        const { tokenCount } = await model.forwardBackward(makeBatch(randomRows(step, 2, 12, 160)));
        const gradScale = 1 / tokenCount;
        const norm = reference.update(weights, readAll(model.gradients()), { ...settings, gradScale });
        const { gradNorm } = await optimizer.step({ learningRate: settings.learningRate, gradScale, maxGradNorm: settings.maxGradNorm });
        expect(relativeDifference(gradNorm, norm)).toBeLessThan(1e-5);
      }
      // What is compared is how far each parameter moved: the weights themselves would hide a wrong step behind their size.
      const errors = [...readAll(model.parameters())].map(([parameter, weight]) => {
        const origin = start.get(parameter)!;
        return {
          parameter,
          error: relativeError(
            weight.map((w, i) => w - origin[i]!),
            weights.get(parameter)!.map((w, i) => w - origin[i]!),
          ),
        };
      });
      expect(errors.filter(({ error }) => !(error < 1e-3))).toEqual([]);
      optimizer.dispose();
    }),
  );

  test('a step clears the gradients: none are shown, and the next ones start from nothing', () =>
    withModel(tinyModelPath('llama-bias'), device, async (model) => {
      const optimizer = new Optimizer(model, { betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0 });
      const batch = makeBatch(randomRows(1, 2, 12, 160));
      await model.forwardBackward(batch);
      const first = readAll(model.gradients());
      await optimizer.step({ learningRate: 0, gradScale: 0.5, maxGradNorm: 0 });
      expect(model.gradients().size).toBe(0);
      await model.forwardBackward(batch);
      const errors = [...readAll(model.gradients())].map(([parameter, gradient]) => relativeError(gradient, first.get(parameter)!));
      expect(errors.length).toBe(first.size);
      expect(errors.filter((error) => !(error < 1e-6))).toEqual([]);
      optimizer.dispose();
    }));
});
