import { setImmediate as turn } from 'node:timers/promises';
import type { GenerateOptions } from '../../lib/generate/options.ts';
import { RunningBatch } from '../../lib/generate/running-batch.ts';
import { Model } from '../../lib/model/model.ts';
import { Optimizer } from '../../lib/model/optimizer.ts';
import { memoryStats } from '../../lib/tensor/tensor.ts';
import { collectUntil } from '../live-tensors.ts';
import { refusal, TINY_MODEL } from '../train/tiny.ts';

const tokens = Int32Array.of(5, 6, 7);
const batch = { tokens, targets: tokens, batchSize: 1, sequenceLength: 3 };
const GONE = { code: 'ERR_DISPOSED' };

/** A text that a slow hook holds up, so that all other work waits behind it. */
function slowly(
  model: Model,
  maxNewTokens: number,
): { slow: ReturnType<Model['generate']>; isUnderWay: Promise<void>; calls: () => number } {
  let calls = 0;
  let begin = (): void => {};
  const isUnderWay = new Promise<void>((done) => {
    begin = done;
  });
  const logitsHook: GenerateOptions['logitsHook'] = () => {
    const until = Date.now() + 10;
    calls += 1;
    begin();
    while (Date.now() < until);
  };
  return { slow: model.generate([[5, 6]], { maxNewTokens, stopIds: [], logitsHook }), isUnderWay, calls: () => calls };
}

test('dispose ends what runs and what waits, and twice is once', async () => {
  const model = await Model.load(TINY_MODEL);
  const optimizer = new Optimizer(model);
  await model.forwardBackward(batch);
  const { slow, isUnderWay, calls } = slowly(model, 100);
  const running = refusal(slow);
  await isUnderWay;
  const asked = [
    ...Array.from({ length: 16 }, () =>
      model.generate(
        [
          [5, 6],
          [7, 8],
        ],
        { maxNewTokens: 200, stopIds: [] },
      ),
    ),
    model.forward(batch),
    model.lastHiddenState(batch),
    model.forwardBackward(batch),
    model.tokenStats(batch),
    model.zeroGradients(),
    optimizer.step({ learningRate: 1e-3 }),
    model.forwardParameters(),
    model.forwardBackward(batch, { loss: (logits) => logits.sum() }),
  ].map((each) => refusal(each as Promise<unknown>));
  asked.push(running);
  await turn();
  model.dispose();
  model.dispose();
  expect(await Promise.all(asked)).toEqual(asked.map(() => ({ ...GONE, message: expect.stringContaining('dispose') as string })));
  expect(calls()).toBeLessThan(90);
  expect(await refusal(model.generate([[5, 6]]))).toMatchObject(GONE);
  expect(() => model.parameters()).toThrow(/expected a live model/);
  expect(await refusal(optimizer.step({ learningRate: 1e-3 }))).toMatchObject(GONE);
  optimizer.dispose();
  optimizer.dispose();
  expect(() => optimizer.state()).toThrow(/expected a live optimizer/);
});

test('a batch that is disposed ends its own work, and the model goes on', async () => {
  const model = await Model.load(TINY_MODEL);
  const running = new RunningBatch(model, 2);
  await running.join({ promptIds: tokens, options: { maxNewTokens: 200, stopIds: [] }, onToken: () => {} });
  const { slow, isUnderWay } = slowly(model, 20);
  await isUnderWay;
  const waiting = [running.advance(1000), running.advance(1000)].map(refusal);
  running.dispose();
  expect(await Promise.all(waiting)).toEqual([expect.objectContaining(GONE), expect.objectContaining(GONE)]);
  expect((await slow)[0]!.ids).toHaveLength(20);
  expect((await model.generate([[5, 6]], { maxNewTokens: 3, stopIds: [] }))[0]!.ids).toHaveLength(3);
  model.dispose();
});

test('a model that is dropped does the work it was asked for, and is freed then; so is its optimizer', async () => {
  const before = memoryStats().liveModels;
  const [written] = await (async () => (await Model.load(TINY_MODEL)).generate([[5, 6]], { maxNewTokens: 100, stopIds: [] }))();
  expect(written!.ids).toHaveLength(100);
  await (async () => {
    for (let at = 0; at < 8; at++) new Optimizer(await Model.load(TINY_MODEL));
  })();
  await collectUntil(() => memoryStats().liveModels <= before);
  expect(memoryStats().liveModels).toBeLessThanOrEqual(before);
});
