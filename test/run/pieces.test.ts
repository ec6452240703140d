import fc from 'fast-check';
import { decodePieces, type Decoder } from '../../lib/run/pieces.ts';
import { loadTinyTokenizer } from '../tokenizer/gguf-tokenizers.ts';

/** The ids of Llama 2's byte tokens. */
const bytes = (text: string): number[] => [...new TextEncoder().encode(text)].map((byte) => byte + 3);

let llama: Decoder;
beforeAll(async () => {
  llama = await loadTinyTokenizer('llama');
});

test('a character comes with the token that completes it', () => {
  expect(decodePieces(llama, bytes('aé€b'))).toEqual(['a', '', 'é', '', '', '€', 'b']);
});

test('a character that never ends shows as one replacement a byte token', () => {
  expect(decodePieces(llama, [260, ...bytes('€').slice(0, 2)]).slice(1)).toEqual(['\uFFFD', '\uFFFD']);
});

test('ids beyond the tokenizer add nothing', () => {
  expect(decodePieces(llama, [...bytes('a'), llama.vocabSize + 1, ...bytes('b')])).toEqual(['a', '', 'b']);
});

test('a first word keeps its space after a context, and a character that the context began is whole', async () => {
  const ids = await (await loadTinyTokenizer('llama')).encode('whale', { addSpecialTokens: false });
  expect(decodePieces(llama, ids, [1, 260]).join('')).toBe(' whale');
  expect(decodePieces(llama, bytes('€').slice(2), [260, ...bytes('€').slice(0, 2)])).toEqual(['€']);
});

test.each(['llama', 'gpt-2', 'llama-bpe'])('pieces joined are the text of any ids: %s', async (kind) => {
  const tokenizer = await loadTinyTokenizer(kind);
  const id = fc.integer({ min: 0, max: 300 });
  fc.assert(
    fc.property(fc.array(id, { maxLength: 8 }), fc.array(id, { maxLength: 20 }), (before, ids) => {
      const pieces = decodePieces(tokenizer, ids, before);
      expect(pieces).toHaveLength(ids.length);
      expect(pieces.join('')).toBe(tokenizer.decodeContinuation(before, ids));
    }),
    { numRuns: 300 },
  );
});
