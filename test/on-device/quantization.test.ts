import type { DeviceName } from '../../lib/config/device-name.ts';
import { Model } from '../../lib/model/model.ts';
import { quantizedForms } from '../../lib/model/quantization.ts';
import { Optimizer } from '../../lib/model/optimizer.ts';
import { describeOnEachDevice } from '../devices.ts';
import { makeBatch } from '../oracle/batches.ts';
import { relativeDifference, relativeError } from '../oracle/differences.ts';
import { readAll } from '../oracle/models.ts';
import { TINY_MODEL } from '../train/tiny.ts';

const BATCH = makeBatch([
  [5, 9, 3, 17, 20, 6, 8],
  [30, 8, 9, 4, 4, 11, 7],
]);

describeOnEachDevice('Training for a type of GGUF file', (device) => {
  async function trained(where: DeviceName): Promise<{ losses: number[]; weights: Map<string, Float64Array> }> {
    const model = await Model.load(TINY_MODEL, { device: where });
    await model.setQuantization('Q4_0');
    const optimizer = new Optimizer(model);
    const losses: number[] = [];
    for (let step = 0; step < 3; step++) {
      const { lossSum, tokenCount } = await model.forwardBackward(BATCH);
      losses.push(lossSum / tokenCount);
      await optimizer.step({ learningRate: 1e-3, gradScale: 1 / tokenCount });
    }
    const weights = readAll(await model.forwardParameters());
    optimizer.dispose();
    model.dispose();
    return { losses, weights };
  }

  test('the rounded weights that passes read, and the losses of three updates, are those of the CPU', async () => {
    const [here, there] = [await trained(device), await trained('cpu')];
    here.losses.forEach((loss, step) => expect([step, relativeDifference(loss, there.losses[step]!) < 1e-3]).toEqual([step, true]));
    // A weight on the edge between two steps of the grid may fall to either side.
    for (const [name, values] of here.weights) expect([name, relativeError(values, there.weights.get(name)!) < 0.05]).toEqual([name, true]);
  });

  test('forms are laid on and taken off', async () => {
    const model = await Model.load(TINY_MODEL, { device });
    const before = await model.forward({ tokens: BATCH.tokens, batchSize: 2, sequenceLength: BATCH.sequenceLength });
    await model.setStoredForms(quantizedForms(model.config, 'Q4_0', model.path));
    const rounded = await model.forward({ tokens: BATCH.tokens, batchSize: 2, sequenceLength: BATCH.sequenceLength });
    await model.setStoredForms([]);
    const after = await model.forward({ tokens: BATCH.tokens, batchSize: 2, sequenceLength: BATCH.sequenceLength });
    const [first, second, third] = [before, rounded, after].map(({ logits }) =>
      Float64Array.from(logits.to('cpu').toTypedArray() as Float32Array),
    );
    expect(relativeError(third!, first!)).toBe(0);
    expect(relativeError(second!, first!)).toBeGreaterThan(1e-3);
    model.dispose();
  });
});
