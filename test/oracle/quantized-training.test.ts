import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { QuantizeType } from '../../lib/config/quantize-types.ts';
import { Model } from '../../lib/model/model.ts';
import { Optimizer } from '../../lib/model/optimizer.ts';
import { disposeAll } from '../../lib/model/tensor-file.ts';
import { describeOnEachDevice } from '../devices.ts';
import { makeBatch } from './batches.ts';
import { tinyModelPath } from './expected.ts';

interface QuantizedCase {
  model: string;
  type: QuantizeType;
  learningRate: number;
  weightDecay: number;
  maxGradNorm: number;
  batches: number[][][];
  losses: number[];
  gradNorms: number[];
  firstGradients: Record<string, number>;
  firstWeights: Record<string, string>;
}

/** What scripts/fixtures/quantized_training.py recorded from torch, with weights quantised and dequantised by the `gguf` package. */
const CASES = JSON.parse(readFileSync(join(__dirname, '../fixtures/expected/quantized-training.json'), 'utf8')) as Record<
  string,
  QuantizedCase
>;

/** Weights near a threshold fall to its other side for the last bit of an update: from the second step on losses agree less closely. */
const FIRST = 2e-5;
const LATER = 0.02;

describeOnEachDevice('training for a type of GGUF file against torch', (device) => {
  test.each(Object.keys(CASES))('%s: rounded weights to the bit, gradients straight through, losses step by step', async (name) => {
    const { model: folder, type, batches, learningRate, weightDecay, maxGradNorm, ...expected } = CASES[name]!;
    const model = await Model.load(tinyModelPath(folder), { device, quantize: type });
    const optimizer = new Optimizer(model, { weightDecay });
    const weights = await model.forwardParameters();
    expect(Object.keys(expected.firstWeights).length).toBeGreaterThan(0.8 * weights.size);
    for (const [parameter, hash] of Object.entries(expected.firstWeights)) {
      const tensor = weights.get(parameter)!;
      const values = tensor.to('cpu').toTypedArray() as Float32Array;
      expect([parameter, createHash('sha256').update(values).digest('hex')]).toEqual([parameter, hash]);
    }
    disposeAll(weights.values());
    for (const [step, rows] of batches.entries()) {
      const { lossSum, tokenCount } = await model.forwardBackward(makeBatch(rows));
      if (step === 0) expectNorms(model, expected.firstGradients, tokenCount);
      const { gradNorm } = await optimizer.step({ learningRate, gradScale: 1 / tokenCount, maxGradNorm });
      const bound = step === 0 ? FIRST : LATER;
      expect(Math.abs(lossSum / tokenCount / expected.losses[step]! - 1)).toBeLessThan(bound);
      expect(Math.abs(gradNorm / expected.gradNorms[step]! - 1)).toBeLessThan(bound === FIRST ? FIRST : 10 * LATER);
    }
    optimizer.dispose();
    model.dispose();
  });
});

function expectNorms(model: Model, expected: Readonly<Record<string, number>>, tokenCount: number): void {
  const gradients = model.gradients();
  for (const [parameter, tensor] of gradients) {
    const own = Number(tensor.norm().item()) / tokenCount;
    expect([parameter, Math.abs(own - expected[parameter]!) < 1e-4 * expected[parameter]! + 1e-7]).toEqual([parameter, true]);
  }
  disposeAll(gradients.values());
}
