import { setTimeout as sleep } from 'node:timers/promises';
import { withHooks } from '../lib/callbacks.ts';
import { evaluate } from '../lib/evaluate/evaluation.ts';
import { normalizeConfig } from '../lib/config/normalize.ts';
import { Model } from '../lib/model/model.ts';
import { run, type RunHooks } from '../lib/run/run.ts';
import { freshFolder, randomSequences, TINY_MODEL, writeIds } from './train/tiny.ts';
import { join } from 'node:path';

let unhandled: unknown[] = [];
const note = (reason: unknown): void => void unhandled.push(reason);
beforeAll(() => void process.on('unhandledRejection', note));
beforeEach(() => {
  unhandled = [];
});
afterEach(async () => {
  await sleep(10);
  expect(unhandled).toEqual([]);
});
afterAll(() => void process.off('unhandledRejection', note));

const KINDS: [kind: string, callback: () => unknown][] = [
  [
    'throws',
    () => {
      throw new Error('mine');
    },
  ],
  ['rejects', () => Promise.reject(new Error('mine'))],
  [
    'rejects later',
    async () => {
      await sleep(5);
      throw new Error('mine');
    },
  ],
];

describe.each(KINDS)('A callback that %s', (_, callback) => {
  test('rejects the work that it belongs to', async () => {
    await expect(withHooks({ onEvent: callback }, async ({ onEvent }) => void onEvent())).rejects.toThrow('mine');
    await expect(
      withHooks({ onEvent: callback }, async ({ onEvent }) => {
        onEvent();
        await sleep(20);
        onEvent();
      }),
    ).rejects.toThrow('mine');
  });

  test('does not hide what the work itself failed by before', async () => {
    await expect(
      withHooks({ onEvent: callback }, async ({ onEvent }) => {
        try {
          onEvent();
        } catch {
          /* goes on */
        }
        throw new Error('the work');
      }),
    ).rejects.toThrow('the work');
  });

  test.each(['onEvent', 'onWarning', 'onTokens', 'shouldStop'] as (keyof RunHooks)[])('as %s of a run rejects the run', async (name) => {
    const folder = freshFolder();
    const data = writeIds(join(folder, 'data.jsonl'), randomSequences(Array.from({ length: 12 }, () => 48)));
    const config = normalizeConfig([
      {
        name: 'flags',
        values: {
          model: TINY_MODEL,
          data,
          out: join(folder, 'run'),
          samples: 8,
          sequenceLength: 48,
          maxSteps: 2,
          targetLoss: 1e-9,
          contextLength: 8,
          maxNewTokens: 4,
          learningRate: 1e-4,
          warmupSteps: 99,
          comparisonContexts: 2,
        },
      },
    ]);
    await expect(run(config, { [name]: callback })).rejects.toThrow('mine');
  });

  test('as onProgress of an evaluation rejects it', async () => {
    const model = await Model.load(TINY_MODEL);
    const options = { contexts: [Int32Array.of(3, 4, 5)], heldOut: [{ ids: Int32Array.of(3, 4, 5) }], maxNewTokens: 4 };
    await expect(evaluate(model, { ...options, onProgress: callback as () => void })).rejects.toThrow('mine');
    model.dispose();
  });
});

test('what callbacks give back arrives, and their promises are waited for', async () => {
  let ended = 0;
  const hooks = {
    ask: () => 7,
    later: async () => {
      await sleep(5);
      ended += 1;
    },
    value: 3,
  };
  expect(
    await withHooks(hooks, async ({ ask, later, value }) => {
      void later();
      return ask() + value;
    }),
  ).toBe(10);
  expect(ended).toBe(1);
});
