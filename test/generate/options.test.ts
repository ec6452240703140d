import { normalizeGenerateOptions, type GenerateOptions } from '../../lib/generate/options.ts';
import type { Prompt } from '../../lib/generate/prompts.ts';
import { events, generatorWith, one } from './generators.ts';
import type { Generator } from '../../lib/generate/generate.ts';
import { generate } from '../../lib/generate/generate.ts';

let model: Generator;
beforeAll(async () => {
  model = await generatorWith('llama');
});

const asked = (options: Record<string, unknown>): GenerateOptions => options as GenerateOptions;

test.each([
  [{ stopStrings: [''] }, /stopStrings/],
  [{ stopStrings: '' }, /stopStrings/],
  [{ stopStrings: 7 }, /stopStrings/],
  [{ stopStrings: null }, /stopStrings/],
  [{ stopStrings: ['a', 7] }, /stopStrings/],
  [{ stopStrings: ['a', undefined] }, /stopStrings/],
  [{ stopStrings: { 0: 'a' } }, /stopStrings/],
  [{ stopIds: 2 }, /stopIds/],
  [{ stopIds: '2' }, /stopIds/],
  [{ stopIds: [1.5] }, /stopIds/],
  [{ stopIds: [Number.NaN] }, /stopIds/],
  [{ stopIds: [-1] }, /stopIds/],
  [{ stopIds: [2n] }, /stopIds/],
  [{ stopIds: ['2'] }, /stopIds/],
  [{ stopIds: [300] }, /stopIds.*300/],
  [{ stopIds: [2 ** 32 + 2] }, /stopIds/],
  [{ suppressIds: null }, /suppressIds/],
  [{ suppressIds: [1.5] }, /suppressIds/],
  [{ suppressIds: Float32Array.of(1.5) }, /suppressIds/],
  [{ suppressIds: [300] }, /suppressIds/],
  [{ logitBias: { 3: 1 } }, /logitBias/],
  [{ logitBias: new Map([[1.5, 1]]) }, /logitBias/],
  [{ logitBias: new Map([[300, 1]]) }, /logitBias/],
  [{ logitBias: new Map([[3, Number.NaN]]) }, /logitBias/],
  [{ logitBias: new Map([[3, 1e39]]) }, /logitBias/],
  [{ logitBias: new Map([[3, '1']]) }, /logitBias/],
  [{ minNewTokens: 9, maxNewTokens: 8 }, /minNewTokens.*maxNewTokens/],
  [{ maxNewTokens: Number.NaN }, /maxNewTokens/],
  [{ temperature: Number.POSITIVE_INFINITY }, /temperature.*Infinity/],
  [{ tokenStats: 'yes' }, /tokenStats/],
  [{ onToken: 'print' }, /onToken/],
  [{ onToken: null }, /onToken/],
  [{ signal: {} }, /signal/],
  [{ citationBlocker: {} }, /citationBlocker/],
  [{ stop: ['a'] }, /`stop`/],
  [null, /object of options/],
])('%j is refused before anything runs, by generate and by stream', async (options, message) => {
  const expected = { code: 'ERR_CONFIG', message: expect.stringMatching(message) };
  await expect(one(model, [5], options as GenerateOptions)).rejects.toMatchObject(expected);
  await expect(events(model, [5], options as GenerateOptions)).rejects.toMatchObject(expected);
});

test.each<[unknown, string]>([
  [[1.5], 'ERR_DATA'],
  [[Number.NaN], 'ERR_DATA'],
  [[-1], 'ERR_DATA'],
  [[300], 'ERR_DATA'],
  [[2 ** 32 + 5], 'ERR_DATA'],
  [['5'], 'ERR_DATA'],
  [[5n], 'ERR_DATA'],
  [Float64Array.of(5, 1.5), 'ERR_DATA'],
  [BigInt64Array.of(5n), 'ERR_DATA'],
  [7, 'ERR_DATA'],
  [null, 'ERR_DATA'],
  [undefined, 'ERR_DATA'],
  [{ ids: [5] }, 'ERR_DATA'],
  [[], 'ERR_DATA'],
])('the prompt %p is refused', async (prompt, code) => {
  await expect(one(model, prompt as Prompt, {})).rejects.toMatchObject({ name: 'HyperfitError', code });
  await expect(events(model, prompt as Prompt, {})).rejects.toMatchObject({ name: 'HyperfitError', code });
});

test.each([['Call me'], [[]], [undefined], [7]])('prompts that are %p are refused', async (prompts) => {
  await expect(generate(model, prompts as Prompt[])).rejects.toMatchObject({ name: 'HyperfitError', code: 'ERR_DATA' });
});

test('one text is one stop string, and empty lists are none', () => {
  expect(normalizeGenerateOptions(asked({ stopStrings: 'END' })).stopStrings).toEqual(['END']);
  expect(normalizeGenerateOptions({ stopStrings: [], stopIds: [], suppressIds: [] })).toMatchObject({
    stopStrings: [],
    stopIds: [],
    suppressIds: [],
  });
});

test('all problems are told at once', () => {
  expect(() => normalizeGenerateOptions(asked({ stopStrings: [''], suppressIds: 3, topP: 2 }))).toThrow(/topP.*suppressIds.*stopStrings/);
});
