import fc from 'fast-check';
import { encodeWhole, type SequenceTokenizer } from '../../lib/data/encoded-document.ts';
import { splitParagraphs } from '../../lib/data/paragraphs.ts';
import { cutSequences, type SequenceOptions } from '../../lib/data/sequences.ts';

/** One token per character, its code point; with `bosTokenId` it puts that in front and 2 behind, as T5-like tokenizers do. */
function characters(bosTokenId?: number, addsBos = true): SequenceTokenizer {
  return {
    bosTokenId,
    encode: async (text, { addSpecialTokens = true } = {}) => {
      const ids = Array.from(text, (character) => character.codePointAt(0)!);
      return Int32Array.from(addSpecialTokens && bosTokenId !== undefined && addsBos ? [bosTokenId, ...ids, 2] : ids);
    },
  };
}

const asText = (ids: Int32Array): string => String.fromCodePoint(...ids);
const cutText = async (text: string, options: SequenceOptions): Promise<string[]> =>
  (await cutSequences([{ source: 's', text }], characters(), options)).map(({ ids }) => asText(ids));

describe('splitParagraphs', () => {
  test('joins hard-wrapped lines and parts at blank ones', () => {
    expect(splitParagraphs('\n\nCall me\n  Ishmael. \nSome\n \t\n\n\nyears ago\n')).toEqual(['Call me Ishmael. Some', 'years ago']);
  });

  test('finds none in white space', () => {
    expect(splitParagraphs(' \n\n \t \n')).toEqual([]);
  });
});

describe('cutSequences', () => {
  test('starts windows where paragraphs start', async () => {
    // The rest of the first paragraph, 'ghi' and its break, holds no window; the next starts at 'jk' and runs on.
    expect(await cutText('abcdefghi\n\njk\n\nlmnopqr', { sequenceLength: 6 })).toEqual(['abcdef', 'jk\n\nlm']);
    expect(await cutText('abcdefghi\n\njk\n\nlmnopqr', { sequenceLength: 4 })).toEqual(['abcd', 'efgh', 'jk\n\n', 'lmno']);
  });

  test('or one after the other', async () => {
    expect(await cutText('abcde\n\nfgh', { sequenceLength: 4, windows: 'consecutive' })).toEqual(['abcd', 'e\n\nf']);
  });

  test('keeps offsets true to the document and never overlaps', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.stringMatching(/^[a-z]{1,12}$/), { minLength: 1, maxLength: 8 }), fc.integer({ min: 2, max: 9 }), async (paragraphs, sequenceLength) => {
        const text = paragraphs.join('\n\n');
        fc.pre(text.length >= sequenceLength);
        const sequences = await cutSequences([{ source: 's', text }], characters(), { sequenceLength });
        let end = 0;
        for (const { ids, offset } of sequences) {
          expect(asText(ids)).toBe(text.slice(offset, offset + sequenceLength));
          expect(offset).toBeGreaterThanOrEqual(end);
          end = offset + sequenceLength;
        }
        expect(sequences.length).toBeGreaterThan(0);
      }),
    );
  });

  test('counts the start token into the length', async () => {
    const [first, second] = await cutSequences([{ source: 's', text: 'abcdef' }], characters(1), { sequenceLength: 4 });
    expect(first!.ids).toEqual(Int32Array.of(1, 97, 98, 99));
    expect(second!.ids).toEqual(Int32Array.of(1, 100, 101, 102));
    expect(second!.offset).toBe(3);
  });

  test('adds no start token that the tokenizer does not add, and special tokens nowhere else', async () => {
    const cut = async (tokenizer: SequenceTokenizer): Promise<number[][]> =>
      (await cutSequences([{ source: 's', text: 'ab\n\ncd' }], tokenizer, { sequenceLength: 6 })).map(({ ids }) => [...ids]);
    expect(await cut(characters(1, false))).toEqual([[97, 98, 10, 10, 99, 100]]);
    expect(await cut(characters(1, true))).toEqual([[1, 97, 98, 10, 10, 99]]);
  });

  test('never crosses from one document into the next', async () => {
    const documents = ['abcde', 'fghij'].map((text, index) => ({ source: String(index), text }));
    const sequences = await cutSequences(documents, characters(), { sequenceLength: 4, windows: 'consecutive' });
    expect(sequences.map(({ ids, source }) => [asText(ids), source])).toEqual([['abcd', '0'], ['fghi', '1']]);
  });

  test('uses ids as they stand, whatever their length, without a tokenizer', async () => {
    const documents = [Int32Array.of(1, 2), Int32Array.of(3, 4, 5, 6, 7)].map((ids, index) => ({ source: `f:${index}`, ids }));
    const sequences = await cutSequences(documents, undefined, { sequenceLength: 3 });
    expect(sequences.map(({ ids }) => ids)).toEqual(documents.map(({ ids }) => ids));
  });

  test('keeps short documents on request only', async () => {
    const documents = [{ source: 'a', text: 'abcdef' }, { source: 'b', text: 'xy' }];
    const count = async (keepShort: boolean): Promise<number> => (await cutSequences(documents, characters(), { sequenceLength: 6, keepShort })).length;
    expect([await count(false), await count(true)]).toEqual([1, 2]);
  });

  test('says how long the longest document was when none is long enough', async () => {
    await expect(cutText('abc\n\nde', { sequenceLength: 8 })).rejects.toEqual(
      expect.objectContaining({ code: 'ERR_DATA', message: expect.stringMatching(/at least 8 tokens.*at most 7.*sequenceLength/) }),
    );
  });

  test('refuses text without a tokenizer, one id, ids outside the vocabulary, and senseless lengths', async () => {
    const text = [{ source: 'a', text: 'abc' }];
    const ids = [{ source: 'a.jsonl:3', ids: Int32Array.of(4, 9) }];
    await expect(cutSequences(text, undefined, { sequenceLength: 2 })).rejects.toEqual(expect.objectContaining({ code: 'ERR_TOKENIZER' }));
    await expect(cutSequences([{ source: 'a', ids: Int32Array.of(1) }], undefined, { sequenceLength: 2 })).rejects.toEqual(expect.objectContaining({ code: 'ERR_DATA' }));
    await expect(cutSequences(ids, undefined, { sequenceLength: 2, vocabSize: 9 })).rejects.toEqual(
      expect.objectContaining({ code: 'ERR_DATA', message: expect.stringMatching(/size 9.*got 9 at a\.jsonl:3/) }),
    );
    for (const sequenceLength of [0, 1, 2.5, NaN]) {
      await expect(cutSequences(text, characters(), { sequenceLength })).rejects.toEqual(expect.objectContaining({ code: 'ERR_CONFIG' }));
    }
  });
});

describe('encodeWhole', () => {
  test('takes text in one piece and ids as they stand', async () => {
    const all = await encodeWhole([{ source: 'a', text: 'a\n\nb' }, { source: 'b', ids: Int32Array.of(5) }], characters(1));
    expect(all).toEqual([Int32Array.of(1, 97, 10, 10, 98, 2), Int32Array.of(5)]);
  });
});
