import { addon } from '../../lib/addon.ts';
import type { GenerateOptions } from '../../lib/generate/options.ts';
import { RunningBatch, type BatchToken } from '../../lib/generate/running-batch.ts';
import { Model } from '../../lib/model/model.ts';
import { copyWithNan, randomSequences, refusal, TINY_MODEL } from '../train/tiny.ts';

type Options = Omit<GenerateOptions, 'stopStrings' | 'signal' | 'onToken'>;

const LENGTHS = [5, 1, 40, 17, 3, 90, 2, 33, 8, 21];
const prompts = randomSequences(LENGTHS, 7);
/** Greedy and drawn, long and short, with and without bans. */
const optionsOf = (index: number): Options => ({
  maxNewTokens: 3 + ((index * 13) % 50),
  stopIds: [],
  ...(index % 3 === 1 && { temperature: 0.9, topK: 20, seed: index }),
  ...(index % 4 === 2 && { noRepeatNgramSize: 2, repetitionPenalty: 1.2 }),
  tokenStats: index % 2 === 0,
});

let model: Model;
beforeAll(async () => {
  model = await Model.load(TINY_MODEL);
});
afterAll(() => model.dispose());

/** Lets the prompts join two at a time, a few tokens apart, and gives each one's tokens. */
async function runAll(batch: RunningBatch, steps = 4): Promise<{ tokens: BatchToken[]; finishReason: string }[]> {
  const results = prompts.map(() => ({ tokens: [] as BatchToken[], finishReason: 'none' }));
  const seats = new Map<number, number>();
  let next = 0;
  while (next < prompts.length || seats.size > 0) {
    for (let joined = 0; joined < 2 && next < prompts.length && !batch.isFull; joined++, next++) {
      const index = next;
      const { seat, end } = await batch.join({
        promptIds: prompts[index]!,
        options: optionsOf(index),
        onToken: (token) => results[index]!.tokens.push(token),
      });
      if (end === null) seats.set(seat, index);
      else results[index]!.finishReason = end.finishReason;
    }
    for (const { seat, finishReason, failure } of await batch.advance(steps)) {
      expect(failure).toBeNull();
      results[seats.get(seat)!]!.finishReason = finishReason;
      seats.delete(seat);
    }
  }
  return results;
}

test.each([
  ['kernels', true, 3],
  ['kernels', true, 8],
  ['libtorch operators', false, 3],
])(
  'sequences that come and go get the ids and log-probabilities that they get alone: %s, kernels %p, %d seats',
  async (_, kernels, seats) => {
    addon().setKernels(kernels);
    const own = await Model.load(TINY_MODEL);
    addon().setKernels(true);
    const batch = new RunningBatch(own, seats);
    const results = await runAll(batch);
    for (const [index, { tokens, finishReason }] of results.entries()) {
      const [alone] = await own.generate([prompts[index]!], optionsOf(index));
      expect(tokens.map(({ id }) => id)).toEqual(Array.from(alone!.ids));
      expect(finishReason).toBe(alone!.finishReason);
      const logProbs = tokens.map(({ logProb }) => logProb);
      if (alone!.logProbs === undefined) expect(logProbs.every(Number.isNaN)).toBe(true);
      else if (kernels) expect(logProbs).toEqual(Array.from(alone!.logProbs));
      else logProbs.forEach((logProb, at) => expect(logProb).toBeCloseTo(alone!.logProbs![at]!, 4));
    }
    expect(batch.size).toBe(0);
    batch.dispose();
    own.dispose();
  },
);

test('the most probable ids of each step, and the scores of the prompt, are those of the logits', async () => {
  const batch = new RunningBatch(model, 2);
  const ids = prompts[3]!;
  const tokens: BatchToken[] = [];
  const { prompt, end } = await batch.join({
    promptIds: ids,
    options: { maxNewTokens: 1, tokenStats: true, stopIds: [] },
    topLogProbs: 3,
    promptTopLogProbs: 2,
    onToken: (token) => tokens.push(token),
  });
  expect(end).toMatchObject({ finishReason: 'length', failure: null });
  const { logits } = await model.forward({ tokens: ids, batchSize: 1, sequenceLength: ids.length });
  const [rows] = logits.toArray() as [number[][]];
  const logProbsAt = (at: number): number[] => {
    const row = rows[at]!;
    const total = Math.log(row.reduce((sum, score) => sum + Math.exp(score), 0));
    return row.map((score) => score - total);
  };
  const best = (logProbs: number[], count: number): number[] =>
    logProbs
      .map((_, id) => id)
      .sort((a, b) => logProbs[b]! - logProbs[a]! || a - b)
      .slice(0, count);
  for (let at = 0; at + 1 < ids.length; at++) {
    const logProbs = logProbsAt(at);
    expect(prompt!.logProbs[at]).toBeCloseTo(logProbs[ids[at + 1]!]!, 4);
    expect(Array.from(prompt!.topIds.subarray(2 * at, 2 * at + 2))).toEqual(best(logProbs, 2));
  }
  expect(prompt!.logProbs).toHaveLength(ids.length - 1);
  const last = logProbsAt(ids.length - 1);
  expect(Array.from(tokens[0]!.topIds)).toEqual(best(last, 3));
  expect(tokens[0]!.topLogProbs[0]).toBe(tokens[0]!.logProb);
  logits.dispose();
  batch.dispose();
});

test('a sequence can be ended, and an advance interrupted, while the others go on', async () => {
  const batch = new RunningBatch(model, 3);
  const counts = [0, 0];
  for (const index of [0, 1])
    await batch.join({ promptIds: prompts[index]!, options: { maxNewTokens: 200, stopIds: [] }, onToken: () => (counts[index]! += 1) });
  batch.end(0);
  expect(await batch.advance(1000)).toMatchObject([{ seat: 0, finishReason: 'cancelled' }]);
  expect(counts).toEqual([1, 1]);
  // The thread that computes waits for this hook, so that the interruption comes before the 200 tokens are done.
  let going: Promise<unknown> | undefined;
  const interrupting = (): void => {
    going = batch.advance(1000);
    batch.interrupt();
  };
  await model.generate([prompts[2]!], { maxNewTokens: 1, logitsHook: interrupting });
  expect(await going).toEqual([]);
  expect(counts[1]).toBeLessThan(200);
  expect(await batch.advance(1000)).toMatchObject([{ seat: 1, finishReason: 'length' }]);
  expect(counts).toEqual([1, 200]);
  batch.dispose();
});

test('what cannot join leaves the others as they were', async () => {
  const batch = new RunningBatch(model, 1);
  const onToken = (): void => {};
  expect(await refusal(batch.join({ promptIds: Int32Array.of(5000), onToken }))).toMatchObject({ code: 'ERR_DATA' });
  expect(await refusal(batch.join({ promptIds: prompts[0]!, options: { maxNewTokens: 300 }, onToken }))).toMatchObject({
    code: 'ERR_SHAPE',
  });
  expect(await refusal(batch.join({ promptIds: prompts[0]!, options: { temperature: -1 }, onToken }))).toMatchObject({
    code: 'ERR_CONFIG',
  });
  expect(batch.size).toBe(0);
  await batch.join({ promptIds: prompts[0]!, options: { maxNewTokens: 4, stopIds: [] }, onToken });
  expect(await refusal(batch.join({ promptIds: prompts[0]!, onToken }))).toMatchObject({ code: 'ERR_CONFIG' });
  expect(await batch.advance(100)).toMatchObject([{ seat: 0, finishReason: 'length' }]);
  expect(() => new RunningBatch(model, 0)).toThrow(/from 1 to 1024/);
  batch.dispose();
  batch.dispose();
  expect(await refusal(batch.advance(1))).toMatchObject({ code: 'ERR_DISPOSED' });
});

test('damaged weights are refused, and a model may be disposed before its batch', async () => {
  const damaged = await Model.load(copyWithNan());
  const batch = new RunningBatch(damaged, 2);
  expect(await refusal(batch.join({ promptIds: prompts[0]!, onToken: () => {} }))).toMatchObject({ code: 'ERR_NOT_FINITE' });
  const other = await Model.load(TINY_MODEL);
  const orphan = new RunningBatch(other, 1);
  await orphan.join({ promptIds: prompts[1]!, options: { maxNewTokens: 5, stopIds: [] }, onToken: () => {} });
  other.dispose();
  expect(await orphan.advance(10)).toMatchObject([{ finishReason: 'length' }]);
  for (const each of [batch, orphan, damaged]) each.dispose();
});
