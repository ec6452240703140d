import { Model } from '../../lib/model/model.ts';
import { hyperfit, type HyperfitOptions } from '../../lib/train/hyperfit.ts';
import { randomSequences, TINY_MODEL } from './tiny.ts';

let model: Model;
beforeAll(async () => {
  model = await Model.load(TINY_MODEL);
});
afterAll(() => model.dispose());

const data = randomSequences([12, 20, 7, 16, 9, 20]);
const begin = (more: Partial<HyperfitOptions> = {}) => hyperfit(model, { data, batchSize: 3, learningRate: 1e-4, epochs: 2, ...more });

test('awaited after the loop it gives the result, as often as asked', async () => {
  const run = begin();
  let mean = Number.NaN;
  for await (const event of run) if (event.type === 'epoch') mean = event.meanLoss;
  const expected = { reason: 'epochs', step: 4, epochs: 2, loss: mean };
  expect(await run).toEqual(expected);
  expect(await run.result).toEqual(expected);
  expect((await run).loss).toBe(mean);
});

test('awaited in the middle of the loop it runs the rest', async () => {
  const run = begin();
  await run.next();
  expect(await run).toMatchObject({ reason: 'epochs', step: 4 });
  expect(await run.next()).toEqual({ done: true, value: undefined });
});

test('after break it says where training stood', async () => {
  const run = begin();
  for await (const event of run) if (event.step === 3) break;
  expect(await run).toMatchObject({ reason: 'stopped', step: 3, epochs: 1, loss: expect.any(Number) });
});

test('ended before it began it has done nothing', async () => {
  const run = begin();
  await run.return({ reason: 'stopped', step: 0, epochs: 0, loss: null });
  expect(await run).toEqual({ reason: 'stopped', step: 0, epochs: 0, loss: null });
  {
    await using other = begin();
    expect((await other.next()).done).toBe(false);
  }
});

test('after an abort, an error and throw it rejects with that', async () => {
  const reason = new Error('enough');
  const controller = new AbortController();
  const aborted = begin({ signal: controller.signal });
  await expect(
    (async () => {
      for await (const _ of aborted) controller.abort(reason);
    })(),
  ).rejects.toBe(reason);
  await expect(aborted.result).rejects.toBe(reason);
  const bad = begin({ data: [[5, 99999]] });
  await expect(
    (async () => {
      for await (const _ of bad);
    })(),
  ).rejects.toMatchObject({ code: 'ERR_DATA' });
  await expect(bad.result).rejects.toMatchObject({ code: 'ERR_DATA' });
  for (const steps of [0, 1]) {
    const thrown = begin();
    for (let step = 0; step < steps; step++) await thrown.next();
    await expect(thrown.throw(reason)).rejects.toBe(reason);
    await expect(thrown.result).rejects.toBe(reason);
  }
});

test('an error in the body of the loop is a break for the training', async () => {
  const run = begin();
  await expect(
    (async () => {
      for await (const _ of run) throw new Error('mine');
    })(),
  ).rejects.toThrow('mine');
  expect(await run).toMatchObject({ reason: 'stopped', step: 1 });
});

test.each([[[[5, 1.5]]], [[[5, Number.NaN]]], [[['5', 6]]], [[null]], [[7]], [[[5, -1]]]])(
  'data that are %p are refused before a step',
  async (unfit) => {
    await expect(begin({ data: unfit as unknown as number[][] }).result).rejects.toMatchObject({ name: 'HyperfitError', code: 'ERR_DATA' });
  },
);
