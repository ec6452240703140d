import { CitationBlocker } from '../../lib/generate/citation-blocker.ts';
import { Model } from '../../lib/model/model.ts';
import { expectSameIds, promisesOf } from '../device-promises.ts';
import { describeOnEachDevice } from '../devices.ts';
import { makeBatch, randomRows } from '../oracle/batches.ts';
import { largestDifference } from '../oracle/differences.ts';
import { refusal, TINY_MODEL } from '../train/tiny.ts';

const PROMPTS = [7, 1, 12].map((length, row) => randomRows(row, 1, length, 190)[0]!);
const LENGTH = { maxNewTokens: 12, minNewTokens: 12 };
/** In nats, between devices. */
const LOG_PROB = { float32: 5e-4, bfloat16: 0.5 } as const;

describeOnEachDevice('Decoding through the API', (device) => {
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

  test('ids, log-probabilities and entropies are those of the CPU', async () => {
    const [here, there] = await Promise.all([model, onCpu].map((one) => one.generate(PROMPTS, { ...LENGTH, tokenStats: true })));
    for (const [row, { ids, logProbs, entropies }] of here!.entries()) {
      await expectSameIds(model, PROMPTS[row]!, ids, there![row]!.ids);
      expect(largestDifference(logProbs!, there![row]!.logProbs!)).toBeLessThan(LOG_PROB.float32);
      expect(largestDifference(entropies!, there![row]!.entropies!)).toBeLessThan(LOG_PROB.float32);
    }
  });

  test('a stream tells the ids and log-probabilities of generate, in their order', async () => {
    const options = { ...LENGTH, tokenStats: true };
    const [whole] = await model.generate([PROMPTS[0]!], options);
    const told: [number, number][] = [];
    let text = '';
    for await (const event of model.stream(PROMPTS[0]!, options)) {
      told.push([event.id, event.logProb]);
      text += event.text;
    }
    expect(told).toEqual([...whole!.ids].map((id, index) => [id, whole!.logProbs![index]]));
    expect(text).toBe(whole!.text);
  });

  test('a bias of logits, suppressed ids and a stop string are heeded', async () => {
    const [free] = await model.generate([PROMPTS[0]!], LENGTH);
    const [biased] = await model.generate([PROMPTS[0]!], { ...LENGTH, logitBias: new Map([[77, 1000]]) });
    expect([...biased!.ids]).toEqual(Array.from({ length: 12 }, () => 77));
    const [without] = await model.generate([PROMPTS[0]!], { ...LENGTH, suppressIds: [...free!.ids] });
    expect([...without!.ids].filter((id) => free!.ids.includes(id))).toEqual([]);
    const stop = free!.text!.slice(2, 4);
    const [stopped] = await model.generate([PROMPTS[0]!], { maxNewTokens: 12, stopStrings: stop });
    expect(stopped).toMatchObject({ finishReason: 'stop', text: free!.text!.slice(0, free!.text!.indexOf(stop)) });
  });

  test('the citation blocker keeps what the model would quote from being quoted', async () => {
    const [free] = await model.generate([PROMPTS[0]!], LENGTH);
    const citationBlocker = await CitationBlocker.create({
      sequences: [[...PROMPTS[0]!, ...free!.ids]],
      vocabSize: model.config.vocabSize,
      matchLength: 2,
      waitForWordEnd: false,
    });
    const [blocked] = await model.generate([PROMPTS[0]!], { ...LENGTH, citationBlocker });
    citationBlocker.dispose();
    expect(blocked!.interventions).toBeGreaterThan(0);
    expect([...blocked!.ids]).not.toEqual([...free!.ids]);
  });

  test('more rows than one kernel takes, and equal draws from equal seeds', async () => {
    const prompts = randomRows(3, 70, 3, 190);
    const options = { maxNewTokens: 4, stopIds: [], temperature: 0.8, topP: 0.9, seed: 5 };
    const [first, second] = [await model.generate(prompts, options), await model.generate(prompts, options)];
    expect(first.map(({ ids }) => [...ids])).toEqual(second.map(({ ids }) => [...ids]));
  });

  test('a callback that throws ends the call with its error, and the model goes on', async () => {
    const error = new Error('mine');
    const throwing = () => {
      throw error;
    };
    await expect(model.generate(PROMPTS, { ...LENGTH, onToken: throwing })).rejects.toBe(error);
    expect((await model.generate([PROMPTS[1]!], { maxNewTokens: 2, stopIds: [] }))[0]!.ids).toHaveLength(2);
  });

  test('a signal ends a generation, a step and a measurement, and a model that is disposed meanwhile lets them end', async () => {
    const batch = makeBatch(PROMPTS.slice(0, 1));
    const gone = AbortSignal.abort(new Error('enough'));
    for (const work of [
      () => model.generate(PROMPTS, { signal: gone }),
      () => model.forwardBackward(batch, { signal: gone }),
      () => model.tokenStats(batch, { signal: gone }),
    ])
      expect((await refusal(work())).message).toBe('enough');
    const controller = new AbortController();
    const { signal } = controller;
    // Behind work of some length they still wait when the signal comes, on however fast a device.
    const long = Array.from({ length: 3 }, () => model.tokenStats(makeBatch(randomRows(4, 32, 200, 190))));
    const waiting = [
      model.generate(PROMPTS, { signal }),
      model.forwardBackward(batch, { signal }),
      model.tokenStats(batch, { signal }),
    ].map(refusal);
    setImmediate(() => controller.abort(new Error('enough')));
    expect((await Promise.all(waiting)).map(({ message }) => message)).toEqual(['enough', 'enough', 'enough']);
    await Promise.all(long);
    const other = await Model.load(TINY_MODEL, { device });
    const [running, expected] = [other.forwardBackward(batch), await model.forwardBackward(batch)];
    other.dispose();
    expect(await running).toEqual(expected);
    await model.zeroGradients();
  });

  test('statistics of each token are those of the CPU, whatever the batch', async () => {
    const batch = makeBatch(randomRows(8, 5, 14, 190));
    const [here, there] = [await model.tokenStats(batch), await onCpu.tokenStats(batch)];
    for (const name of ['loss', 'entropy', 'top1Mass', 'top3Mass', 'top5Mass'] as const)
      expect(largestDifference(here[name], there[name])).toBeLessThan(1e-4);
    expect([...here.top1Ids]).toEqual([...there.top1Ids]);
    const alone = await model.tokenStats(makeBatch(randomRows(8, 5, 14, 190).slice(0, 1)));
    expect(largestDifference(alone.loss, here.loss.slice(0, 14))).toBeLessThan(promisesOf(device).splitLoss * 100);
  });

  test('in bfloat16 too', async () => {
    const [here, there] = await Promise.all(
      ([device, 'cpu'] as const).map(async (place) => {
        const rounded = await Model.load(TINY_MODEL, { device: place, computeDtype: 'bfloat16' });
        const generations = await rounded.generate(PROMPTS, { ...LENGTH, tokenStats: true });
        rounded.dispose();
        return generations;
      }),
    );
    for (const [row, { ids, logProbs }] of here!.entries()) {
      const same = [...ids].findIndex((id, at) => id !== there![row]!.ids[at]);
      const until = same === -1 ? ids.length : same;
      expect(largestDifference(logProbs!.slice(0, until), there![row]!.logProbs!.slice(0, until))).toBeLessThan(LOG_PROB.bfloat16);
    }
  });
});
