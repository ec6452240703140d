import type { Model } from '../../lib/model/model.ts';
import { type Choice, expectSameIds } from '../device-promises.ts';
import { describeOnEachDevice } from '../devices.ts';
import { makeBatch, randomRows } from './batches.ts';
import { tinyModelPath } from './expected.ts';
import { readNumbers, withModel } from './models.ts';

/** Ragged on purpose: one token, shorter and longer than the window of mistral-window. */
const PROMPTS = [7, 1, 13, 4, 9].map((length, i) => randomRows(40 + i, 1, length, 131)[0]!);
const SEEDED = { seed: 11, temperature: 0.9 };
const SAMPLERS = {
  greedy: {},
  'repetition penalty': { repetitionPenalty: 1.3 },
  'no repeated bigram': { noRepeatNgramSize: 2 },
  temperature: SEEDED,
  'top-k': { ...SEEDED, topK: 7 },
  'top-p': { ...SEEDED, topP: 0.8 },
  'min-p': { ...SEEDED, minP: 0.1 },
  everything: { ...SEEDED, topK: 40, topP: 0.95, minP: 0.02, repetitionPenalty: 1.1, noRepeatNgramSize: 3 },
} as const;
const MODELS = ['llama-tied-gqa', 'llama-untied-mha', 'mistral-window', 'llama-bias'];
const LENGTH = { maxNewTokens: 32, minNewTokens: 32 };

/** Greedy decoding that runs the whole sequence again for every token: no cache, no batch. */
async function decodeWithoutCache(model: Model, prompt: readonly number[], newTokens: number): Promise<number[]> {
  const ids = [...prompt];
  for (let step = 0; step < newTokens; step++) {
    const { logits } = await model.forward(makeBatch([ids]));
    const numbers = readNumbers(logits);
    logits.dispose();
    ids.push(lowestArgmax(numbers.subarray(numbers.length - model.config.vocabSize)));
  }
  return ids.slice(prompt.length);
}

/** Ties go to the lowest id. */
function lowestArgmax(values: Float64Array): number {
  return values.reduce((best, value, i) => (value > values[best]! ? i : best), 0);
}

describeOnEachDevice('Decoding', (device) => {
  describe.each(MODELS)('%s', (name) => {
    test('with the cache equals a whole forward pass for every token', () =>
      withModel(tinyModelPath(name), device, async (model) => {
        const prompts = PROMPTS.slice(0, 3);
        // 16 tokens past a prompt of 13 cross the sliding window of 8; nothing holds off the end of sequence here but the count.
        const generations = await model.generate(prompts, { maxNewTokens: 16, stopIds: [] });
        for (const [i, { ids }] of generations.entries()) {
          const uncached = await decodeWithoutCache(model, prompts[i]!, ids.length);
          await expectSameIds(model, prompts[i]!, ids, uncached);
        }
        expect(generations.some(({ ids }) => ids.length === 16)).toBe(true);
      }));

    test.each(Object.keys(SAMPLERS) as (keyof typeof SAMPLERS)[])('a ragged batch equals one by one: %s', (sampler) =>
      withModel(tinyModelPath(name), device, async (model) => {
        const options = { ...LENGTH, ...SAMPLERS[sampler] };
        const together = await model.generate(PROMPTS, options);
        for (const [i, prompt] of PROMPTS.entries()) {
          const [alone] = await model.generate([prompt], options);
          await expectSameIds(model, prompt, together[i]!.ids, alone!.ids, SAMPLERS[sampler] as Choice);
        }
      }),
    );
  });

  test('the order of the prompts does not matter to greedy decoding', () =>
    withModel(tinyModelPath('llama-tied-gqa'), device, async (model) => {
      const forwards = await model.generate(PROMPTS, LENGTH);
      const backwards = await model.generate([...PROMPTS].reverse(), LENGTH);
      for (const [i, { ids }] of backwards.reverse().entries()) await expectSameIds(model, PROMPTS[i]!, ids, forwards[i]!.ids);
    }));

  test('a row that stops early leaves the others as they were', () =>
    withModel(tinyModelPath('llama-tied-gqa'), device, async (model) => {
      const whole = await model.generate(PROMPTS, LENGTH);
      const stopId = whole[0]!.ids[3]!;
      const stopped = await model.generate(PROMPTS, { maxNewTokens: 32, stopIds: [stopId], suppressIds: [2] });
      const suppressed = await model.generate(PROMPTS, { maxNewTokens: 32, stopIds: [], suppressIds: [2] });
      for (const [i, { ids }] of stopped.entries()) {
        const full = [...suppressed[i]!.ids];
        const end = full.indexOf(stopId);
        await expectSameIds(model, PROMPTS[i]!, ids, end === -1 ? full : full.slice(0, end + 1));
      }
    }));

  test('the same seed draws the same ids, another seed others', () =>
    withModel(tinyModelPath('llama-tied-gqa'), device, async (model) => {
      const draw = async (seed: number): Promise<number[][]> =>
        (await model.generate(PROMPTS, { ...LENGTH, temperature: 1, seed })).map(({ ids }) => [...ids]);
      expect(await draw(3)).toEqual(await draw(3));
      expect(await draw(3)).not.toEqual(await draw(4));
    }));

  test('no bigram comes twice, the prompt counted, when noRepeatNgramSize is 2', () =>
    withModel(tinyModelPath('llama-tied-gqa'), device, async (model) => {
      const generations = await model.generate(PROMPTS, { ...LENGTH, noRepeatNgramSize: 2 });
      for (const [i, { ids }] of generations.entries()) {
        const history = [...PROMPTS[i]!, ...ids];
        const generated = ids.length;
        const bigrams = history.slice(1).map((id, at) => `${history[at]} ${id}`);
        const fresh = bigrams.slice(bigrams.length - generated);
        expect(fresh.filter((bigram, at) => bigrams.indexOf(bigram) < bigrams.length - generated + at)).toEqual([]);
      }
    }));
});
