import fc from 'fast-check';
import { bytesOf, hasKeptBytes, textKeepingBytes } from '../../lib/tokenizer/kept-bytes.ts';

test('any bytes come back out of the text that was made of them', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) =>
      expect(Buffer.from(bytesOf(textKeepingBytes(Buffer.from(bytes))))).toEqual(Buffer.from(bytes)),
    ),
  );
});

test('text is as it was, U+FFFD and characters beyond the first plane too', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
      const kept = textKeepingBytes(Buffer.from(text));
      expect([kept, hasKeptBytes(kept)]).toEqual([text, false]);
    }),
  );
});

test('a broken character beside whole ones', () => {
  const kept = textKeepingBytes(Buffer.from([0x61, 0xe6, 0x97, 0xc3, 0xa9, 0xef, 0xbf, 0xbd]));
  expect([kept, hasKeptBytes(kept)]).toEqual(['a\udce6\udc97é\ufffd', true]);
});
