import { setTimeout as sleep } from 'node:timers/promises';
import type { Generator } from '../../lib/generate/generate.ts';
import { events, generatorWith, one } from './generators.ts';

let model: Generator;
let unhandled: unknown[];
const note = (reason: unknown): void => void unhandled.push(reason);
beforeAll(async () => {
  model = await generatorWith('llama');
  process.on('unhandledRejection', note);
  process.on('uncaughtException', note);
});
beforeEach(() => {
  unhandled = [];
});
afterAll(() => {
  process.off('unhandledRejection', note);
  process.off('uncaughtException', note);
});

const MANY = { maxNewTokens: 100, temperature: 5 };

test.each([
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
])('a token callback that %s rejects its call, and nothing else', async (_, onToken) => {
  await expect(one(model, [5], { ...MANY, onToken })).rejects.toThrow('mine');
  await expect(events(model, [5], { ...MANY, onToken })).rejects.toThrow('mine');
  await sleep(20);
  expect(unhandled).toEqual([]);
  expect((await one(model, [5], MANY)).ids).toHaveLength(100);
});

test.each([undefined, null, 'mine'])('what a token callback throws arrives as it is: %s', async (thrown) => {
  const onToken = () => {
    throw thrown;
  };
  await expect(one(model, [5], { ...MANY, onToken })).rejects.toBe(thrown);
  await expect(events(model, [5], { ...MANY, onToken })).rejects.toBe(thrown);
});

test('a callback that throws is not called again, and ends the work', async () => {
  let calls = 0;
  await expect(
    one(model, [5], {
      ...MANY,
      maxNewTokens: 200,
      onToken: () => {
        calls++;
        throw new Error('mine');
      },
    }),
  ).rejects.toThrow('mine');
  expect(calls).toBe(1);
});

test('what is awaited in a callback ends before the call does', async () => {
  let ended = 0;
  await one(model, [5], {
    maxNewTokens: 3,
    onToken: async () => {
      await sleep(5);
      ended++;
    },
  });
  expect(ended).toBe(3);
});
