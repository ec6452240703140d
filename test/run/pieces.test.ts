import { decodePieces } from '../../lib/run/pieces.ts';

/** One token per byte. */
const bytes = { vocabSize: 256, decode: async () => '', tokenBytes: (id: number) => Uint8Array.of(id) };

test('pieces joined are the text, and a character comes with the token that completes it', () => {
  const pieces = decodePieces(bytes, Int32Array.from(Buffer.from('aé€b')));
  expect(pieces).toEqual(['a', '', 'é', '', '', '€', 'b']);
});

test('a character that never ends shows as a replacement on the last token', () => {
  expect(decodePieces(bytes, Int32Array.of(97, 0xe2))).toEqual(['a', '\uFFFD']);
});

test('ids beyond the tokenizer add nothing', () => {
  expect(decodePieces(bytes, Int32Array.of(97, 300, 98))).toEqual(['a', '', 'b']);
});
