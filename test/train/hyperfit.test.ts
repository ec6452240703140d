import { addon } from '../../lib/addon.ts';
import { makeBatch } from '../../lib/data/batch.ts';
import { epochOrder } from '../../lib/data/order.ts';
import { Model } from '../../lib/model/model.ts';
import { Optimizer } from '../../lib/model/optimizer.ts';
import type { StepEvent, TrainEvent } from '../../lib/train/events.ts';
import { hyperfit, type HyperfitOptions } from '../../lib/train/hyperfit.ts';
import { describeOnEachDevice } from '../devices.ts';
import { settledTensors } from '../live-tensors.ts';
import { copyWithNan, randomSequences, refusal, TINY_MODEL } from './tiny.ts';

const sequences = randomSequences([12, 20, 7, 16, 9, 20, 5]);

describeOnEachDevice('hyperfit', (device) => {
  let model: Model;
  beforeEach(async () => {
    model = await Model.load(TINY_MODEL, { device });
  });
  afterEach(() => model.dispose());

  const options = (more: Partial<HyperfitOptions> = {}): HyperfitOptions => ({
    data: sequences,
    batchSize: 3,
    learningRate: 1e-3,
    maxSteps: 4,
    ...more,
  });

  async function events(more: Partial<HyperfitOptions> = {}): Promise<TrainEvent[]> {
    const all: TrainEvent[] = [];
    for await (const event of hyperfit(model, options(more))) all.push(event);
    return all;
  }

  const stepsOf = (all: readonly TrainEvent[]): StepEvent[] => all.filter((event) => event.type === 'step');

  test('yields a step event per step and an epoch event with the token-weighted mean', async () => {
    const all = await events();
    expect(all.map(({ type, step, epoch }) => [type, step, epoch])).toEqual([
      ['step', 1, 1],
      ['step', 2, 1],
      ['step', 3, 1],
      ['epoch', 3, 1],
      ['step', 4, 2],
    ]);
    const [first, second, third] = stepsOf(all);
    const sum = [first!, second!, third!].reduce((total, { loss, tokens }) => total + loss * tokens, 0);
    expect(first!.tokens + second!.tokens + third!.tokens).toBe(sequences.reduce((total, { length }) => total + length - 1, 0));
    expect(all[3]).toMatchObject({ meanLoss: expect.closeTo(sum / 82, 10) as number });
    expect(first).toMatchObject({ learningRate: 1e-3, gradNorm: expect.any(Number) as number, seconds: expect.any(Number) as number });
  });

  test('takes the sequences in the seeded order', async () => {
    const [first] = stepsOf(await events({ maxSteps: 1, seed: 5 }));
    const order = epochOrder({ kind: 'shuffle' }, sequences.length, { seed: 5, epoch: 0 }).slice(0, 3);
    expect(first!.tokens).toBe(Array.from(order).reduce((total, index) => total + sequences[index]!.length - 1, 0));
  });

  test('can be awaited for its result', async () => {
    const result = await hyperfit(model, options({ maxSteps: undefined, epochs: 2 }));
    expect(result).toMatchObject({ reason: 'epochs', step: 6, epochs: 2 });
    expect(result.loss).toBeGreaterThan(0);
  });

  test('ends when the mean loss of an epoch is below the target', async () => {
    const result = await hyperfit(model, { data: sequences.slice(0, 2), batchSize: 2, learningRate: 1e-2, epochs: 400, targetLoss: 0.3 });
    expect(result.reason).toBe('targetLoss');
    expect(result.loss).toBeLessThan(0.3);
    expect(result.epochs).toBeLessThan(400);
  });

  test('the losses of two runs with one seed are bit-equal, those of another seed are not', async () => {
    const losses = async (seed: number): Promise<number[]> => {
      const other = await Model.load(TINY_MODEL, { device });
      const all: number[] = [];
      for await (const event of hyperfit(other, options({ seed }))) if (event.type === 'step') all.push(event.loss);
      other.dispose();
      return all;
    };
    const first = await losses(0);
    expect(await losses(0)).toEqual(first);
    expect(await losses(1)).not.toEqual(first);
  });

  test('warm-up climbs to the full rate', async () => {
    const rates = stepsOf(await events({ warmupSteps: 4, maxSteps: 5 })).map(({ learningRate }) => learningRate);
    expect(rates).toEqual([0.00025, 0.0005, 0.00075, 0.001, 0.001]);
  });

  test.each([2, 3])(
    'the step is the same in %d forward passes, ragged lengths and a short last batch included',
    async (gradientAccumulationSteps) => {
      const whole = stepsOf(await events({ maxSteps: 6 }));
      const other = await Model.load(TINY_MODEL, { device });
      const parts: StepEvent[] = [];
      for await (const event of hyperfit(other, options({ maxSteps: 6, gradientAccumulationSteps })))
        if (event.type === 'step') parts.push(event);
      other.dispose();
      whole.forEach(({ loss, gradNorm, tokens }, index) => {
        expect(parts[index]!.tokens).toBe(tokens);
        expect(Math.abs(parts[index]!.loss / loss - 1)).toBeLessThan(1e-4);
        expect(Math.abs(parts[index]!.gradNorm / gradNorm - 1)).toBeLessThan(1e-3);
      });
    },
  );

  test('maxGradNorm changes the update and not the reported norm', async () => {
    const free = stepsOf(await events({ maxSteps: 3 }));
    const other = await Model.load(TINY_MODEL, { device });
    const clipped: StepEvent[] = [];
    for await (const event of hyperfit(other, options({ maxSteps: 3, maxGradNorm: 1e-4, eps: 1e-3 })))
      if (event.type === 'step') clipped.push(event);
    other.dispose();
    expect(clipped[0]!.gradNorm).toBe(free[0]!.gradNorm);
    expect(clipped[1]!.loss).not.toBe(free[1]!.loss);
  });

  test('a pass whose last step was saved is closed on resume, also where that was the last step of all', async () => {
    const model = await Model.load(TINY_MODEL);
    const optimizer = new Optimizer(model);
    const settings = { data: randomSequences([9, 12, 7, 11]), batchSize: 2, learningRate: 1e-3, maxSteps: 4, optimizer };
    const run = hyperfit(model, settings);
    for await (const event of run) if (event.type === 'step' && event.step === 4) break;
    const again = hyperfit(model, { ...settings, state: run.state });
    const events = [];
    for await (const event of again) events.push([event.type, event.step]);
    expect(events).toEqual([['epoch', 4]]);
    expect(await again.result).toMatchObject({ reason: 'maxSteps', step: 4, epochs: 2, loss: expect.any(Number) });
    optimizer.dispose();
    model.dispose();
  });

  test('train 10 equals train 5 and 5 more from the same state, bit for bit', async () => {
    const whole = stepsOf(await events({ maxSteps: 10 })).map(({ loss, gradNorm }) => [loss, gradNorm]);
    const other = await Model.load(TINY_MODEL, { device });
    const optimizer = new Optimizer(other);
    const halves: number[][] = [];
    const first = hyperfit(other, options({ maxSteps: 5, optimizer }));
    for await (const event of first) if (event.type === 'step') halves.push([event.loss, event.gradNorm]);
    for await (const event of hyperfit(other, options({ maxSteps: 10, optimizer, state: first.state })))
      if (event.type === 'step') halves.push([event.loss, event.gradNorm]);
    optimizer.dispose();
    other.dispose();
    expect(halves).toEqual(whole);
  });

  test('break ends it, frees its optimizer and leaves the model usable', async () => {
    const before = await settledTensors();
    const run = hyperfit(model, options({ maxSteps: 1000 }));
    for await (const event of run) if (event.step === 2) break;
    expect(run.state?.step).toBe(2);
    expect(await run.next()).toEqual({ done: true, value: undefined });
    expect(addon().memoryStats().liveTensors).toBe(before);
    expect((await model.forwardBackward(makeBatch(sequences))).tokenCount).toBe(82);
  });

  test('a signal ends it with its reason and leaves no gradients behind', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const run = hyperfit(model, options({ maxSteps: 1000, signal: controller.signal }));
    await run.next();
    controller.abort(reason);
    expect(await refusal(run.next())).toEqual({ code: undefined, message: 'enough' });
    const after = stepsOf(await events({ maxSteps: 1 }));
    expect(after[0]!.gradNorm).toBeGreaterThan(0);
  });

  test('the event loop stays live while steps compute: a task posted after them still cancels those that wait', async () => {
    const batch = makeBatch(randomSequences(Array.from({ length: 64 }, () => 250)));
    const controller = new AbortController();
    const steps = Array.from({ length: 8 }, () => model.forwardBackward(batch, { signal: controller.signal }));
    setImmediate(() => controller.abort(new Error('the sentinel')));
    const outcomes = await Promise.allSettled(steps);
    // Had a call kept the loop until its step was done, all eight would be done before the sentinel's turn.
    expect(outcomes.at(-1)).toEqual({ status: 'rejected', reason: new Error('the sentinel') });
    await model.zeroGradients();
    expect((await model.forwardBackward(makeBatch(sequences))).tokenCount).toBe(82);
  });

  describe('refusals', () => {
    test('a NaN weight stops with the step and the samples named', async () => {
      const broken = await Model.load(copyWithNan(), { device });
      const { code, message } = await refusal(hyperfit(broken, options({ order: 'identity' })));
      broken.dispose();
      expect(code).toBe('ERR_NOT_FINITE');
      expect(message).toMatch(/at step 1,.*samples 0, 1, 2;.*lower learningRate/);
    });

    test('a diverging rate stops at the first loss or gradient that is not finite, the weights before it kept finite', async () => {
      const { code, message } = await refusal(hyperfit(model, options({ learningRate: 1e30, maxSteps: 20 })));
      expect(code).toBe('ERR_NOT_FINITE');
      expect(message).toMatch(/at step \d+/);
    });

    test('a last update that ruins the weights is no result', async () => {
      const { code, message } = await refusal(hyperfit(model, options({ learningRate: 1e38, maxSteps: 1 })));
      expect(code).toBe('ERR_NOT_FINITE');
      expect(message).toMatch(/after step 1, got NaN or infinity in .*; lower learningRate/);
    });

    test.each([
      ['an id outside the vocabulary', { data: [[1, 2, 5000]] }, 'ERR_DATA', 'vocabulary'],
      ['a negative id', { data: [[1, -2]] }, 'ERR_DATA', 'whole numbers from 0 to'],
      ['a sequence longer than the context', { data: randomSequences([257]) }, 'ERR_DATA', 'context of 256'],
      [
        'several that are longer',
        { data: randomSequences([257, 8, 300]) },
        'ERR_DATA',
        'got 257 at data[0] and 1 more that are too long; lower sequenceLength for text; make dialogues',
      ],
      ['a sequence of one token', { data: [[1]] }, 'ERR_DATA', 'two tokens'],
      ['an empty list', { data: [] }, 'ERR_DATA', 'empty list'],
      ['a missing file', { data: '/nowhere/novel.txt' }, 'ERR_DATA', '/nowhere/novel.txt'],
      ['texts and ids together', { data: ['text', [1, 2]] as unknown as string[] }, 'ERR_DATA', 'both'],
    ])('%s', async (_, more, expectedCode, part) => {
      const { code, message } = await refusal(hyperfit(model, options(more)));
      expect([code, message]).toEqual([expectedCode, expect.stringContaining(part)]);
    });

    test.each([
      ['an unknown setting', { learningrate: 1 }, 'did you mean learningRate'],
      ['a setting of a whole run', { saveEverySteps: 5 }, 'whole run'],
      ['a bad value', { batchSize: 0 }, 'batchSize'],
      ['a state without its optimizer', { state: {} as never }, 'optimizer'],
    ])('%s is refused at once', (_, more, part) => {
      expect(() => hyperfit(model, options(more as Partial<HyperfitOptions>))).toThrow(part);
    });

    test('a state of other data', async () => {
      const optimizer = new Optimizer(model);
      const run = hyperfit(model, options({ maxSteps: 1, optimizer }));
      await run;
      const { code, message } = await refusal(hyperfit(model, options({ data: randomSequences([9, 9, 9]), optimizer, state: run.state })));
      optimizer.dispose();
      expect([code, message]).toEqual(['ERR_CHECKPOINT', expect.stringContaining('sampleCount 3 instead of 7')]);
    });

    test('a disposed model', async () => {
      const gone = await Model.load(TINY_MODEL, { device });
      gone.dispose();
      expect((await refusal(hyperfit(gone, options()))).code).toBe('ERR_DISPOSED');
    });
  });

  test('a second training on a busy model waits its turn', async () => {
    const [one, two] = await Promise.all([
      hyperfit(model, options({ maxSteps: 2 })).result,
      hyperfit(model, options({ maxSteps: 2 })).result,
    ]);
    expect([one.step, two.step]).toEqual([2, 2]);
  });
});
