import { setTimeout as sleep } from 'node:timers/promises';
import { CitationBlocker } from '../../lib/generate/citation-blocker.ts';
import type { LogitsHook } from '../../lib/generate/logits-hook.ts';
import { RunningBatch } from '../../lib/generate/running-batch.ts';
import { Model } from '../../lib/model/model.ts';
import { memoryStats } from '../../lib/tensor/torch.ts';
import { describeOnEachDevice } from '../devices.ts';
import { settledMemory } from '../live-tensors.ts';
import { randomSequences, refusal, TINY_MODEL } from '../train/tiny.ts';

const PROMPTS = randomSequences([5, 1, 12], 3);
const OPTIONS = { maxNewTokens: 10, stopIds: [] };
const idsOf = (texts: readonly { ids: Int32Array }[]): number[][] => texts.map(({ ids }) => [...ids]);
const ban =
  (...ids: number[]): LogitsHook =>
  (logits) =>
    ids.forEach((id) => (logits[id] = -Infinity));

describeOnEachDevice('a hook on logits', (device) => {
  let model: Model;
  beforeAll(async () => {
    model = await Model.load(TINY_MODEL, { device });
  });
  afterAll(() => model.dispose());

  test.each<[string, object]>([
    ['greedy', {}],
    ['drawn', { temperature: 0.9, topK: 30, seed: 4 }],
    ['with bans', { repetitionPenalty: 1.3, noRepeatNgramSize: 2, tokenStats: true }],
  ])('that changes nothing changes nothing: %s', async (_, options) => {
    const plain = await model.generate(PROMPTS, { ...OPTIONS, ...options });
    expect(await model.generate(PROMPTS, { ...OPTIONS, ...options, logitsHook: () => {} })).toEqual(plain);
    expect(await model.generate(PROMPTS, { ...OPTIONS, ...options, logitsHook: (logits) => logits.slice() })).toEqual(plain);
  });

  test('that forbids ids is suppressIds', async () => {
    const plain = await model.generate(PROMPTS, OPTIONS);
    const suppressIds = [...new Set(idsOf(plain).flat())].slice(0, 6);
    const banned = await model.generate(PROMPTS, { ...OPTIONS, logitsHook: ban(...suppressIds) });
    expect(idsOf(banned)).toEqual(idsOf(await model.generate(PROMPTS, { ...OPTIONS, suppressIds })));
    expect(idsOf(banned)).not.toEqual(idsOf(plain));
  });

  test('is told of each token of each row, in order', async () => {
    const calls: { row: number; step: number; ids: number[]; size: number }[] = [];
    const texts = await model.generate(PROMPTS, {
      ...OPTIONS,
      maxNewTokens: 4,
      logitsHook: (logits, { ids, step, row }) => void calls.push({ row, step, ids: [...ids], size: logits.length }),
    });
    expect(calls).toHaveLength(12);
    for (const { row, step, ids, size } of calls) {
      expect(ids).toEqual([...PROMPTS[row]!, ...texts[row]!.ids.slice(0, step)]);
      expect(size).toBe(model.config.outputVocabSize);
    }
    expect(calls.map(({ step }) => step)).toEqual([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]);
  });

  test('sees the logits of the model', async () => {
    let seen: Float32Array | undefined;
    await model.generate([PROMPTS[0]!], {
      maxNewTokens: 1,
      logitBias: new Map([[9, 5]]),
      logitsHook: (logits) => void (seen = logits.slice()),
    });
    const { logits } = await model.forward({ tokens: PROMPTS[0]!, batchSize: 1, sequenceLength: 5 });
    const last = logits.toArray(3)[0]!.at(-1)!;
    expect(Math.max(...last.map((value, id) => Math.abs(value - seen![id]!)))).toBeLessThan(1e-4);
    logits.dispose();
  });

  describe('has the first word', () => {
    const all =
      (id: number): LogitsHook =>
      (logits) => {
        logits[id] = 1e6;
      };

    test('before the bias', async () => {
      const [text] = await model.generate([PROMPTS[0]!], { ...OPTIONS, logitsHook: all(40), logitBias: new Map([[41, 2e6]]) });
      expect([...text!.ids]).toEqual(Array(10).fill(41));
    });

    test('before suppressIds and n-grams, which it cannot undo', async () => {
      const [text] = await model.generate([PROMPTS[0]!], { ...OPTIONS, logitsHook: all(40), suppressIds: [40] });
      expect([...text!.ids]).not.toContain(40);
      const [once] = await model.generate([PROMPTS[0]!], { ...OPTIONS, logitsHook: all(40), noRepeatNgramSize: 1 });
      expect([...once!.ids].filter((id) => id === 40)).toHaveLength(1);
    });

    test('before the penalty', async () => {
      let call = 0;
      const hook: LogitsHook = (logits) => {
        logits.fill(0);
        logits[call++ === 0 ? 40 : 41] = 1;
        logits[40] = Math.max(logits[40]!, 0.9);
      };
      const [text] = await model.generate([PROMPTS[0]!], { ...OPTIONS, maxNewTokens: 2, logitsHook: hook, repetitionPenalty: 4 });
      expect([...text!.ids]).toEqual([40, 41]);
    });

    test('before the citation blocker', async () => {
      const citationBlocker = await CitationBlocker.create({
        sequences: [[50, 51, 52, 53, 54, 55]],
        vocabSize: model.config.vocabSize,
        matchLength: 2,
        waitForWordEnd: false,
      });
      const quote: LogitsHook = (logits, { step }) => {
        logits[50 + step] = 1e6;
      };
      const [text] = await model.generate([PROMPTS[0]!], { ...OPTIONS, maxNewTokens: 4, logitsHook: quote, citationBlocker });
      expect([...text!.ids].slice(0, 2)).toEqual([50, 51]);
      expect(text!.ids[2]).not.toBe(52);
      expect(text!.interventions).toBeGreaterThan(0);
    });

    test('before sampling; and tokenStats tell of the logits before it', async () => {
      const options = { ...OPTIONS, maxNewTokens: 3, tokenStats: true };
      const [plain] = await model.generate([PROMPTS[0]!], options);
      const only: LogitsHook = (logits, { step }) => {
        logits.fill(-Infinity);
        logits[plain!.ids[step]!] = 0;
      };
      const [forced] = await model.generate([PROMPTS[0]!], { ...options, temperature: 2, seed: 9, logitsHook: only });
      expect([...forced!.ids]).toEqual([...plain!.ids]);
      forced!.logProbs!.forEach((value, step) => expect(value).toBeCloseTo(plain!.logProbs![step]!, 5));
    });
  });

  test('works in a stream, with stop strings and a reader who leaves', async () => {
    const [plain] = await model.generate([PROMPTS[0]!], { ...OPTIONS, logitsHook: ban(5) });
    const read: number[] = [];
    for await (const { id } of model.stream(PROMPTS[0]!, { ...OPTIONS, logitsHook: ban(5) })) read.push(id);
    expect(read).toEqual([...plain!.ids]);
    for await (const _ of model.stream(PROMPTS[0]!, { ...OPTIONS, maxNewTokens: 200, logitsHook: () => {} })) break;
    const [stopped] = await model.generate([PROMPTS[0]!], { ...OPTIONS, stopStrings: [plain!.text!.slice(2, 4)], logitsHook: ban(5) });
    expect(stopped!.finishReason).toBe('stop');
  });

  test('that forbids everything ends the row as banned', async () => {
    const [first, second] = await model.generate(PROMPTS.slice(0, 2), {
      ...OPTIONS,
      logitsHook: (logits, { row, step }) => {
        if (row === 0 && step === 3) logits.fill(-Infinity);
      },
    });
    expect([first!.finishReason, first!.ids.length, second!.finishReason]).toEqual(['banned', 3, 'length']);
  });

  test.each<[string, string, string, LogitsHook]>([
    [
      'leaves NaN',
      'ERR_NOT_FINITE',
      '`logitsHook` leaves',
      (logits) => {
        logits[3] = NaN;
      },
    ],
    [
      'leaves Infinity',
      'ERR_NOT_FINITE',
      '-Infinity forbids an id',
      (logits) => {
        logits[3] = Infinity;
      },
    ],
    [
      'is async',
      'ERR_CONFIG',
      'synchronous function for `logitsHook`',
      (async () => {
        await sleep(1);
        throw new Error('late');
      }) as unknown as LogitsHook,
    ],
    ['returns a number', 'ERR_CONFIG', 'got 7', (() => 7) as unknown as LogitsHook],
    ['returns too few', 'ERR_CONFIG', 'got one of 2', () => new Float32Array(2)],
    [
      'gives its array away',
      'ERR_CONFIG',
      'got one of 0',
      (logits) => {
        structuredClone(logits, { transfer: [logits.buffer as ArrayBuffer] });
      },
    ],
  ])('that %s is refused', async (_, code, text, logitsHook) => {
    expect(await refusal(model.generate(PROMPTS, { ...OPTIONS, logitsHook }))).toEqual({
      code,
      message: expect.stringContaining(text) as string,
    });
    expect(await model.generate(PROMPTS, OPTIONS)).toHaveLength(3);
  });

  test('what it throws reaches the caller, once, and frees everything', async () => {
    const before = await settledMemory();
    let calls = 0;
    const logitsHook: LogitsHook = (_logits, { step }) => {
      calls++;
      if (step === 2) throw new Error('mine');
    };
    await expect(model.generate(PROMPTS, { ...OPTIONS, maxNewTokens: 100, logitsHook })).rejects.toThrow('mine');
    expect(calls).toBe(7);
    await expect(
      (async () => {
        for await (const _ of model.stream(PROMPTS[0]!, { ...OPTIONS, logitsHook }));
      })(),
    ).rejects.toThrow('mine');
    expect(memoryStats()).toEqual(before);
  });

  test('an abort within it ends the work', async () => {
    const controller = new AbortController();
    const logitsHook: LogitsHook = (_logits, { step }) => {
      if (step === 1) controller.abort(new Error('enough'));
    };
    await expect(model.generate(PROMPTS, { ...OPTIONS, signal: controller.signal, logitsHook })).rejects.toThrow('enough');
  });

  test('is refused where it is no function, and by a running batch', async () => {
    expect(await refusal(model.generate(PROMPTS, { logitsHook: 1 as unknown as LogitsHook }))).toEqual({
      code: 'ERR_CONFIG',
      message: expect.stringContaining('function for `logitsHook`, got 1') as string,
    });
    const batch = new RunningBatch(model, 2);
    const options = { logitsHook: () => {} } as object;
    expect(await refusal(batch.join({ promptIds: PROMPTS[0]!, options, onToken: () => {} }))).toEqual({
      code: 'ERR_CONFIG',
      message: expect.stringContaining('no `logitsHook` in a running batch') as string,
    });
    batch.dispose();
  });
});
