import type { DeviceName } from '../../lib/config/device-name.ts';
import { Model } from '../../lib/model/model.ts';
import { Optimizer } from '../../lib/model/optimizer.ts';
import { hyperfit } from '../../lib/train/hyperfit.ts';
import { Tensor, torch } from '../../lib/tensor/tensor.ts';
import { describeOnTwoDevices } from '../devices.ts';
import { makeBatch, randomRows } from '../oracle/batches.ts';
import { readAll, readNumbers } from '../oracle/models.ts';
import { randomSequences, TINY_MODEL } from '../train/tiny.ts';

const data = randomSequences([12, 20, 7, 16]);

async function trained(device: DeviceName): Promise<{ losses: number[]; ids: number[][]; model: Model }> {
  const model = await Model.load(TINY_MODEL, { device });
  const losses: number[] = [];
  for await (const event of hyperfit(model, { data, batchSize: 2, learningRate: 1e-3, maxSteps: 4 }))
    if (event.type === 'step') losses.push(event.loss, event.gradNorm);
  const ids = (await model.generate(randomRows(2, 3, 5, 190), { maxNewTokens: 8, stopIds: [] })).map((generation) => [...generation.ids]);
  return { losses, ids, model };
}

describeOnTwoDevices('Two devices', (first, second) => {
  test('the second trains, decodes and measures as the first, to the last bit', async () => {
    const [one, two] = [await trained(first), await trained(second)];
    expect([two.losses, two.ids]).toEqual([one.losses, one.ids]);
    expect(readAll(two.model.parameters())).toEqual(readAll(one.model.parameters()));
    for (const { model } of [one, two]) model.dispose();
  });

  test('two models train at once, each on its own', async () => {
    const alone = await trained(second);
    const [, beside] = await Promise.all([trained(first), trained(second)]);
    expect(beside.losses).toEqual(alone.losses);
    alone.model.dispose();
    beside.model.dispose();
  });

  test('everything of a model lies on its device', async () => {
    const model = await Model.load(TINY_MODEL, { device: second, computeDtype: 'bfloat16' });
    const optimizer = new Optimizer(model, { lora: { rank: 2 } });
    await model.forwardBackward(makeBatch(randomRows(1, 2, 9, 190)));
    const { logits, hiddenStates } = await model.forward(makeBatch(randomRows(1, 2, 9, 190)), { hiddenStates: true });
    const last = await model.lastHiddenState(makeBatch(randomRows(1, 2, 9, 190)));
    const all = [
      ...model.parameters().values(),
      ...model.gradients().values(),
      ...optimizer.state().values(),
      logits,
      ...hiddenStates,
      last,
    ];
    expect(new Set(all.map(({ device }) => device))).toEqual(new Set([second]));
    for (const tensor of all) tensor.dispose();
    optimizer.dispose();
    model.dispose();
  });

  test('tensors of two devices are refused by name, and carried over by to()', () => {
    const [a, b] = [first, second].map((device) =>
      Tensor.from(
        [
          [1, 2],
          [3, 4],
        ],
        { device },
      ),
    );
    for (const mixed of [() => a!.matmul(b!), () => b!.add(a!), () => torch.cat([a!, b!])])
      expect(mixed).toThrow(
        expect.objectContaining({ code: 'ERR_TORCH', message: expect.stringContaining('same device') as string }) as Error,
      );
    expect(readNumbers(a!.matmul(b!.to(first)))).toEqual(Float64Array.of(7, 10, 15, 22));
    expect(b!.to(first).device).toBe(first);
  });
});
