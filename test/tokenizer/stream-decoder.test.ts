import fc from 'fast-check';
import { StreamDecoder } from '../../lib/tokenizer/stream-decoder.ts';
import type { Tokenizer } from '../../lib/tokenizer/tokenizer.ts';
import { loadTinyTokenizer } from './gguf-tokenizers.ts';

function decodeInPieces(tokenizer: Tokenizer, ids: ArrayLike<number>, skipSpecialTokens: boolean): string[] {
  const decoder = new StreamDecoder(tokenizer, { skipSpecialTokens });
  return [...Array.from(ids, (id) => decoder.push(id)), decoder.flush()];
}

describe.each(['gpt-2', 'llama-bpe', 'llama'])('Streaming with the tokenizer %s', (kind) => {
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    tokenizer = await loadTinyTokenizer(kind);
  });

  test('gives in all what decode gives, for any text', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme', maxLength: 40 }), fc.boolean(), async (text, skipSpecialTokens) => {
        const ids = await tokenizer.encode(text);
        expect(decodeInPieces(tokenizer, ids, skipSpecialTokens).join('')).toBe(await tokenizer.decode(ids, { skipSpecialTokens }));
      }),
    );
  });

  test('never gives half a character', async () => {
    const pieces = decodeInPieces(tokenizer, await tokenizer.encode('👍🏽日本語é'), true);
    expect(pieces.some((piece) => piece.includes('\ufffd'))).toBe(false);
    expect(pieces.filter((piece) => piece === '').length).toBeGreaterThan(5);
  });

  test('leaves out special tokens unless asked', async () => {
    const id = tokenizer.eosTokenIds[0] as number;
    expect(decodeInPieces(tokenizer, [id], true).join('')).toBe('');
    expect(decodeInPieces(tokenizer, [id], false).join('')).toBe(await tokenizer.decode([id]));
  });
});

test('byte-level streaming equals decode even for bytes that are no UTF-8', async () => {
  const tokenizer = await loadTinyTokenizer('gpt-2');
  const anyIds = fc.array(fc.integer({ min: 0, max: tokenizer.vocabSize - 1 }), { maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(anyIds, async (ids) => {
      expect(decodeInPieces(tokenizer, ids, true).join('')).toBe(await tokenizer.decode(ids, { skipSpecialTokens: true }));
    }),
  );
});

test('flush gives what was held back and starts afresh', async () => {
  const tokenizer = await loadTinyTokenizer('llama');
  const decoder = new StreamDecoder(tokenizer);
  const [firstByte] = Array.from(await tokenizer.encode('日', { addSpecialTokens: false })).slice(1);
  expect(decoder.push(firstByte as number)).toBe('');
  expect(decoder.flush()).toBe('\ufffd');
  expect(decodeInPieces(tokenizer, await tokenizer.encode('whale'), true).join('')).toBe('whale');
});

test('an id outside the vocabulary is refused', async () => {
  const tokenizer = await loadTinyTokenizer('gpt-2');
  expect(() => new StreamDecoder(tokenizer).push(tokenizer.vocabSize)).toThrow(/expected token ids from 0 to/);
});
