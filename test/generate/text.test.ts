import fc from 'fast-check';
import type { Generator } from '../../lib/generate/generate.ts';
import { events, generatorWith, one, scripted } from './generators.ts';

const NOISE = { maxNewTokens: 24, temperature: 50 };

describe.each(['llama', 'gpt-2', 'llama-bpe'])('A continuation of noise, with the tokenizer %s,', (kind) => {
  let model: Generator;
  beforeAll(async () => {
    model = await generatorWith(kind);
  });
  const prompt = fc.array(fc.integer({ min: 0, max: 299 }), { minLength: 1, maxLength: 6 });
  const stops = fc.array(
    fc.oneof(fc.constantFrom('\ufffd', '\n', ' t', '\ufffd\ufffd', '</s>', 'e'), fc.string({ minLength: 1, maxLength: 2 })),
    { maxLength: 3 },
  );

  test('is the text of the whole without the prompt', () =>
    fc.assert(
      fc.asyncProperty(prompt, fc.nat(), async (promptIds, seed) => {
        const { ids, text } = await one(model, promptIds, { ...NOISE, seed });
        const before = await model.tokenizer!.decode(promptIds, { skipSpecialTokens: true });
        const whole = await model.tokenizer!.decode([...promptIds, ...ids], { skipSpecialTokens: true });
        const common = Array.from({ length: before.length + 1 }, (_, at) => at).findLast((at) => whole.startsWith(before.slice(0, at)))!;
        expect(text).toBe(whole.slice(common));
      }),
      { numRuns: 60 },
    ));

  test('streams the same ids and the same text, with stop strings and without', () =>
    fc.assert(
      fc.asyncProperty(prompt, fc.nat(), stops, async (promptIds, seed, stopStrings) => {
        const options = { ...NOISE, seed, stopStrings };
        const { ids, text, finishReason } = await one(model, promptIds, options);
        const streamed = await events(model, promptIds, options);
        expect(streamed.map(({ id }) => id)).toEqual(Array.from(ids));
        expect(streamed.map((event) => event.text).join('')).toBe(text);
        expect(finishReason).toBe(ids.length < NOISE.maxNewTokens ? 'stop' : finishReason);
        for (const stop of stopStrings) expect(text!.includes(stop)).toBe(false);
      }),
      { numRuns: 60 },
    ));
});

/** A piece that begins with a space and has letters. */
function wordOf({ tokenizer }: Generator): number {
  return Array.from({ length: 41 }, (_, index) => 259 + index).find((id) => /^▁[a-z]+$/.test(tokenizer!.piece(id)!))!;
}

describe('Prompt and continuation', () => {
  test('read right one after the other where the decoder strips a first space', async () => {
    const model = await generatorWith('llama');
    const word = wordOf(model);
    const expected = model.tokenizer!.piece(word)!.replace('▁', ' ');
    expect(await model.tokenizer!.decode([word, 75])).toBe(`${expected.trim()}H`);
    expect((await one(model, [word], scripted([word, 75]))).text).toBe(`${expected}H`);
    expect((await events(model, [word], scripted([word, 75]))).map(({ text }) => text).join('')).toBe(`${expected}H`);
  });

  test('a character that the prompt left unfinished comes whole', async () => {
    const model = await generatorWith('llama');
    const bytes = [...new TextEncoder().encode('日')].map((byte) => byte + 3);
    const { text } = await one(model, [wordOf(model), ...bytes.slice(0, 2)], scripted([bytes[2]!, 75]));
    expect(text).toBe('日H');
  });
});

describe('Stop strings', () => {
  let model: Generator;
  let special: number;
  beforeAll(async () => {
    model = await generatorWith('llama');
    special = model.tokenizer!.eosTokenIds[0]!;
  });

  test.each(['</s>', '/s', 'H</s>', '</s>I', 'H</s>I', ['zz', '</s>']])('the text of a special token stops: %j', async (stopStrings) => {
    const options = { ...scripted([75, special, 76, 77]), stopStrings };
    const generation = await one(model, [70], { ...options, suppressIds: [] });
    const isBefore = String(stopStrings).startsWith('H');
    expect(generation.text).toBe(isBefore ? '' : 'H');
    expect(generation.finishReason).toBe('stop');
    expect(Array.from(generation.ids)).toEqual([75, special, ...(String(stopStrings).endsWith('I') ? [76] : [])]);
    const streamed = await events(model, [70], options);
    expect([streamed.map(({ id }) => id), streamed.map(({ text }) => text).join('')]).toEqual([
      Array.from(generation.ids),
      generation.text,
    ]);
  });

  test('what stands on both sides of a special token stops as it is shown', async () => {
    expect((await one(model, [70], { ...scripted([75, special, 76, 77]), stopStrings: 'HI' })).text).toBe('');
  });

  test('a stop string that begins with a space is met by the first word', async () => {
    const word = wordOf(model);
    const generation = await one(model, [word], {
      ...scripted([word, 75, 76]),
      stopStrings: [model.tokenizer!.piece(word)!.replace('▁', ' ')],
    });
    expect([generation.text, generation.ids.length]).toEqual(['', 1]);
  });

  test('log-probabilities and entropies are cut with the ids', async () => {
    const { ids, logProbs, entropies } = await one(model, [70], { ...scripted([75, 76, 77, 78]), stopStrings: 'I', tokenStats: true });
    expect([ids.length, logProbs!.length, entropies!.length]).toEqual([2, 2, 2]);
  });
});
