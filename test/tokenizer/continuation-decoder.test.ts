import fc from 'fast-check';
import { ContinuationDecoder } from '../../lib/tokenizer/continuation-decoder.ts';
import type { Tokenizer } from '../../lib/tokenizer/tokenizer.ts';
import { loadTinyTokenizer } from './gguf-tokenizers.ts';

/** The slow way, with Hugging Face's decode alone. */
async function cutFromWhole(tokenizer: Tokenizer, promptIds: number[], ids: number[]): Promise<string> {
  const prompt = await tokenizer.decode(promptIds, { skipSpecialTokens: true });
  const whole = await tokenizer.decode([...promptIds, ...ids], { skipSpecialTokens: true });
  let common = 0;
  while (common < prompt.length && prompt[common] === whole[common]) common++;
  return whole.slice(common);
}

describe.each(['gpt-2', 'llama-bpe', 'llama'])('After a prompt, with the tokenizer %s', (kind) => {
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    tokenizer = await loadTinyTokenizer(kind);
  });

  test('the text is that of the whole without the prompt, in one piece and token by token, for any ids', async () => {
    const low = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: tokenizer.vocabSize - 1 }));
    await fc.assert(
      fc.asyncProperty(fc.array(low, { maxLength: 12 }), fc.array(low, { maxLength: 16 }), async (promptIds, ids) => {
        const expected = await cutFromWhole(tokenizer, promptIds, ids);
        expect(tokenizer.decodeContinuation(promptIds, ids, { skipSpecialTokens: true })).toBe(expected);
        const decoder = new ContinuationDecoder(tokenizer, promptIds);
        let given = '';
        for (const [index, id] of ids.entries()) {
          given += decoder.push(id);
          expect(given + decoder.pending).toBe(await cutFromWhole(tokenizer, promptIds, ids.slice(0, index + 1)));
        }
      }),
      { numRuns: 200 },
    );
  });

  test('a text cut anywhere between two tokens is put together again', async () => {
    const text = 'Call me Ishmael. Some years ago, naïve 日本語 👍🏽.';
    const ids = Array.from(await tokenizer.encode(text));
    for (let cut = 1; cut < ids.length; cut++) {
      const prompt = (await tokenizer.decode(ids.slice(0, cut), { skipSpecialTokens: true })).replace(/\ufffd+$/, '');
      expect(prompt + tokenizer.decodeContinuation(ids.slice(0, cut), ids.slice(cut), { skipSpecialTokens: true })).toBe(text);
    }
  });

  test('ids beyond the tokenizer add nothing', () => {
    const beyond = tokenizer.vocabSize + 3;
    expect(tokenizer.decodeContinuation([beyond], [beyond, 40, beyond, 41])).toBe(tokenizer.decodeContinuation([], [40, 41]));
  });
});

test('the space in front of a first word stays, which the tokenizer of Llama 2 takes off a text', async () => {
  const tokenizer = await loadTinyTokenizer('llama');
  const promptIds = await tokenizer.encode('Call me');
  const ids = await tokenizer.encode('Ishmael', { addSpecialTokens: false });
  expect(await tokenizer.decode(ids)).toBe('Ishmael');
  expect(tokenizer.decodeContinuation(promptIds, ids)).toBe(' Ishmael');
});
