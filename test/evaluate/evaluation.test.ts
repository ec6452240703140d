import { evaluate } from '../../lib/evaluate/evaluation.ts';
import { OverlapIndex } from '../../lib/evaluate/overlap.ts';
import { StandInModel } from './stand-in-model.ts';

const heldOut = [Int32Array.of(1, 2, 4), Int32Array.of(3, 4)];
const contexts = [Int32Array.of(9, 10), Int32Array.of(20), Int32Array.of(10)];
const train = [Int32Array.of(5, 10, 11, 10, 7), Int32Array.of(21)];

describe('evaluate', () => {
  test('measures held-out text and continuations under the documented names', async () => {
    const result = await evaluate(new StandInModel(), { heldOut, contexts, train, maxNewTokens: 8 });
    expect(result).toMatchObject({
      schemaVersion: 1,
      loss: 2 / 8,
      perplexity: Math.exp(2 / 8),
      entropy: 2 / 4,
      topKMass: { 1: 2 / 128, 3: 2 / 64, 5: 2 / 32 },
      top1Accuracy: 2 / 3,
      ttr: 2 / 8,
      rep: { 2: 1 - 6 / 21, 3: 1 - 6 / 18, 4: 1 - 6 / 15 },
      distinct: { 1: 4 / 24, 2: 4 / 21, 3: 4 / 18, 4: 4 / 15 },
      overlap: { mean: 7 / 3, max: 3, shareOver10: 0 },
      counts: { heldOutSequences: 2, heldOutTokens: 3, contexts: 3 },
    });
    // Texts one and three are equal; text two shares nothing with them.
    expect(result.selfBleu).toBeCloseTo(2 / 3, 10);
    expect(result.generations.map(({ promptIds }) => promptIds)).toEqual(contexts);
    expect(result.signatures).toMatchObject({
      ttr: expect.stringContaining('last-96'),
      generation: 'generation|maxNewTokens:8|minNewTokens:8',
    });
    expect(() => JSON.stringify(result)).not.toThrow();
  });

  test('gives the same in batches of one, and with an index made before', async () => {
    const whole = await evaluate(new StandInModel(), { heldOut, contexts, train });
    const single = await evaluate(new StandInModel(), { heldOut, contexts, train: new OverlapIndex(train), batchSize: 1 });
    expect(single).toEqual(whole);
  });

  test('asks for continuations of equal length, and lets options have the last word', async () => {
    const model = new StandInModel();
    await evaluate(model, { contexts, maxNewTokens: 4 });
    await evaluate(model, { contexts, maxNewTokens: 4, generateOptions: { minNewTokens: 0, temperature: 0.7 } });
    expect(model.generateOptions).toEqual([
      { maxNewTokens: 4, minNewTokens: 4 },
      { maxNewTokens: 4, minNewTokens: 0, temperature: 0.7 },
    ]);
  });

  test('leaves out what it was given nothing for', async () => {
    const texts = await evaluate(new StandInModel(), { contexts });
    expect(texts).toMatchObject({ loss: null, perplexity: null, topKMass: null, overlap: null, intervals: { loss: null } });
    const likelihood = await evaluate(new StandInModel(), { heldOut, train });
    expect(likelihood).toMatchObject({ ttr: null, rep: { 2: null }, selfBleu: null, overlap: { mean: null }, intervals: { ttr: null } });
  });

  test('reports progress and stops between batches when aborted', async () => {
    const progress: string[] = [];
    const controller = new AbortController();
    const running = evaluate(new StandInModel(), {
      heldOut,
      contexts,
      batchSize: 2,
      contextBatchSize: 2,
      signal: controller.signal,
      onProgress: ({ stage, done, total }) => {
        progress.push(`${stage} ${done}/${total}`);
        if (stage === 'contexts') controller.abort(new Error('enough'));
      },
    });
    await expect(running).rejects.toThrow('enough');
    expect(progress).toEqual(['heldOut 2/2', 'contexts 2/3']);
  });

  test('refuses to evaluate nothing', async () => {
    await expect(evaluate(new StandInModel(), { train })).rejects.toEqual(expect.objectContaining({ code: 'ERR_DATA' }));
  });
});
