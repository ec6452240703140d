import fc from 'fast-check';
import { encodeWhole, type SequenceTokenizer } from '../../lib/data/encoded-document.ts';
import { cutDocuments, cutSequences, type SequenceOptions } from '../../lib/data/sequences.ts';

const codesOf = (text: string): number[] => Array.from(text, (character) => character.codePointAt(0)!);

function placesOf(text: string, places: readonly number[]): Int32Array {
  let [at, count] = [0, 0];
  return Int32Array.from(places, (place) => {
    count += [...text.slice(at, place)].length;
    at = place;
    return count;
  });
}

/** One token per character, its code point; it puts `bos` in front and `eos` behind. A character of their code is that token. */
function characters({ bos, eos, knows = eos }: { bos?: number; eos?: number; knows?: number | undefined } = {}): SequenceTokenizer {
  const around = (id: number | undefined): number[] => (id === undefined ? [] : [id]);
  return {
    bosTokenId: bos ?? 1,
    eosTokenIds: around(knows),
    encode: async (text, { addSpecialTokens = true } = {}) =>
      Int32Array.from(addSpecialTokens ? [...around(bos), ...codesOf(text), ...around(eos)] : codesOf(text)),
    encodeWithPlaces: async (text, places) => ({ ids: Int32Array.from(codesOf(text)), tokens: placesOf(text, places) }),
  };
}

const asText = (ids: Int32Array): string => String.fromCodePoint(...ids);
const cutText = async (text: string, options: SequenceOptions, tokenizer = characters()): Promise<string[]> =>
  (await cutSequences([{ source: 's', text }], tokenizer, options)).map(({ ids }) => asText(ids));

describe('cutSequences', () => {
  test('takes text as it stands: line breaks, indentation, blank lines and spaces at the ends of lines', async () => {
    const text = '\n\ndef f(x):\n    if x:  \n\n\n\treturn 1\r\n<|im_start|>user\nWho';
    for (const windows of ['paragraph', 'consecutive', 'auto'] as const)
      expect(await cutText(text, { sequenceLength: 100, windows })).toEqual([text]);
    expect((await cutText(text, { sequenceLength: 8 })).join('')).toBe(text);
  });

  test('starts windows where paragraphs start', async () => {
    // The rest of the first paragraph, 'ghi' and its break, holds no window; the next starts at 'jk' and runs on.
    const cut = (sequenceLength: number): Promise<string[]> =>
      cutText('abcdefghi\n\njk\n\nlmnopqr', { sequenceLength, windows: 'paragraph' });
    expect(await cut(6)).toEqual(['abcdef', 'jk\n\nlm']);
    expect(await cut(4)).toEqual(['abcd', 'efgh', 'jk\n\n', 'lmno']);
  });

  test('takes the lines of a text without blank lines for paragraphs', async () => {
    expect(await cutText('abcde\nfgh\nijklm', { sequenceLength: 4, windows: 'paragraph' })).toEqual(['abcd', 'fgh\n', 'ijkl']);
  });

  test('or one after the other, the last as long as what is left', async () => {
    expect(await cutText('abcde\n\nfgh', { sequenceLength: 4, windows: 'consecutive' })).toEqual(['abcd', 'e\n\nf', 'gh']);
    expect(await cutText('abcde', { sequenceLength: 4, windows: 'consecutive' })).toEqual(['abc', 'de']);
  });

  test('starts at paragraphs by default where that gives all that is wanted, and wastes nothing where it does not', async () => {
    const text = 'abcdefghi\n\njk\n\nlmnopqr';
    expect(await cutText(text, { sequenceLength: 4, wanted: 4 })).toEqual(['abcd', 'efgh', 'jk\n\n', 'lmno']);
    expect((await cutText(text, { sequenceLength: 4, wanted: 5 })).join('')).toBe(text);
    expect((await cutText(text, { sequenceLength: 4 })).join('')).toBe(text);
  });

  test('keeps offsets true to the document and never overlaps, whatever the text', async () => {
    const anyText = fc.array(fc.oneof(fc.stringMatching(/^[a-z]{1,9}$/), fc.constantFrom('\n', '\n\n', '  ', '😀', '\n \n')), {
      minLength: 1,
      maxLength: 20,
    });
    await fc.assert(
      fc.asyncProperty(
        anyText,
        fc.integer({ min: 2, max: 9 }),
        fc.constantFrom('auto' as const, 'paragraph' as const, 'consecutive' as const),
        fc.nat(9),
        async (parts, sequenceLength, windows, wanted) => {
          const all = codesOf(parts.join(''));
          fc.pre(parts.join('').trim() !== '' && all.length >= 2);
          const { sequences, tokens, notes } = await cutDocuments([{ source: 's', text: parts.join('') }], characters(), {
            sequenceLength,
            windows,
            wanted,
          });
          let end = 0;
          let taken = 0;
          for (const { ids, offset } of sequences) {
            expect([...ids]).toEqual(all.slice(offset, offset + ids.length));
            expect(ids.length).toBeLessThanOrEqual(sequenceLength);
            expect(offset).toBeGreaterThanOrEqual(end);
            end = offset + ids.length;
            taken += ids.length;
          }
          expect(tokens).toBe(all.length);
          if (windows === 'consecutive' && sequenceLength > 2) expect(taken).toBe(all.length);
          expect(notes.reduce((sum, { tokens: lost = 0 }) => sum + lost, 0)).toBe(all.length - taken);
        },
      ),
    );
  });

  test('counts the start token into the length, and puts it before every window', async () => {
    const [first, second] = await cutSequences([{ source: 's', text: 'abcdef' }], characters({ bos: 1 }), { sequenceLength: 4 });
    expect(first!.ids).toEqual(Int32Array.of(1, 97, 98, 99));
    expect(second!.ids).toEqual(Int32Array.of(1, 100, 101, 102));
    expect([second!.offset, second!.startLength]).toEqual([3, 1]);
  });

  test('puts no second start token before a text, or a window, that begins with it', async () => {
    expect(await cutText('\u0001ab', { sequenceLength: 8 }, characters({ bos: 1 }))).toEqual(['\u0001ab']);
    expect(await cutText('\u0001abc\u0001def', { sequenceLength: 4 }, characters({ bos: 1 }))).toEqual(['\u0001abc', '\u0001def']);
    expect(await cutText('\u0001ab', { sequenceLength: 8 }, characters())).toEqual(['\u0001ab']);
  });

  test('ends a document, not a window, with the end of text, where the tokenizer adds one or it is asked for', async () => {
    const text = 'abcde';
    expect(await cutText(text, { sequenceLength: 4 }, characters({ bos: 1, eos: 2 }))).toEqual(['\u0001abc', '\u0001de\u0002']);
    expect(await cutText(text, { sequenceLength: 4, appendEos: true }, characters({ knows: 2 }))).toEqual(['abcd', 'e\u0002']);
    expect(await cutText(text, { sequenceLength: 4 }, characters({ knows: 2 }))).toEqual(['abc', 'de']);
    expect(await cutText('ab\u0002', { sequenceLength: 4, appendEos: true }, characters({ bos: 1, eos: 2 }))).toEqual(['\u0001ab\u0002']);
    await expect(cutText(text, { sequenceLength: 4, appendEos: true })).rejects.toEqual(
      expect.objectContaining({ code: 'ERR_TOKENIZER', message: expect.stringContaining('appendEos') }),
    );
  });

  test('never crosses from one document into the next', async () => {
    const documents = ['abcde', 'fghij'].map((text, index) => ({ source: String(index), text }));
    const sequences = await cutSequences(documents, characters({ bos: 1 }), { sequenceLength: 5 });
    expect(sequences.map(({ ids, source }) => [asText(ids.subarray(1)), source])).toEqual([
      ['abcd', '0'],
      ['e', '0'],
      ['fghi', '1'],
      ['j', '1'],
    ]);
  });

  test('uses ids as they stand, whatever their length, without a tokenizer', async () => {
    const documents = [Int32Array.of(1, 2), Int32Array.of(3, 4, 5, 6, 7)].map((ids, index) => ({ source: `f:${index}`, ids }));
    const sequences = await cutSequences(documents, undefined, { sequenceLength: 3 });
    expect(sequences.map(({ ids }) => ids)).toEqual(documents.map(({ ids }) => ids));
  });

  test('takes documents as they come', async () => {
    async function* stream() {
      yield { source: 'a', text: 'abc' };
      yield { source: 'b', ids: Int32Array.of(1, 2) };
    }
    expect((await cutSequences(stream(), characters(), { sequenceLength: 8 })).map(({ source }) => source)).toEqual(['a', 'b']);
  });

  test('keeps short texts, and counts what it leaves out', async () => {
    const documents = ['abcdefgh\n\nijklmnopq', 'xy', ' \n ', '', 'z'].map((text, index) => ({ source: `t:${index}`, text }));
    const {
      sequences,
      notes,
      documents: count,
      tokens,
    } = await cutDocuments(documents, characters(), { sequenceLength: 6, windows: 'paragraph' });
    expect(sequences.map(({ ids }) => asText(ids))).toEqual(['abcdef', 'ijklmn', 'xy']);
    expect([count, tokens]).toEqual([5, 22]);
    expect(notes).toEqual([
      { what: 'empty texts were passed over', count: 2, first: 't:2' },
      { what: expect.stringMatching(/^texts lost .*consecutive/) as string, count: 1, first: 't:0', tokens: 7 },
      { what: expect.stringMatching(/^texts were left out/) as string, count: 1, first: 't:4', tokens: 1 },
    ]);
  });

  test('leaves short ones out on request, and says how long the longest was when none is long enough', async () => {
    const documents = [
      { source: 'a', text: 'abcdefgh' },
      { source: 'b', text: 'xy' },
    ];
    const sequences = await cutSequences(documents, characters(), { sequenceLength: 6, wholeOnly: true });
    expect(sequences.map(({ ids }) => asText(ids))).toEqual(['abcdef']);
    await expect(cutText('abc\n\nde', { sequenceLength: 8, wholeOnly: true })).rejects.toEqual(
      expect.objectContaining({ code: 'ERR_DATA', message: expect.stringMatching(/at least 8 tokens.*at most 7.*sequenceLength/) }),
    );
  });

  test('joins the lines of paragraphs on request, and warns once of texts that look as if that was meant', async () => {
    const line = 'the sea was calm and all the men of the watch were asleep below';
    const text = Array.from({ length: 8 }, () => line).join('\n');
    const documents = [
      { source: 'a.txt', text },
      { source: 'b.txt', text },
      { source: 'c.txt', text: 'short' },
    ];
    const { warnings } = await cutDocuments(documents, characters(), { sequenceLength: 999 });
    expect(warnings).toEqual([expect.stringMatching(/^a\.txt \(at 63 characters\) and 1 more look hard-wrapped.*--unwrap/)]);
    const joined = await cutDocuments(documents.slice(0, 1), characters(), { sequenceLength: 999, unwrap: true });
    expect([joined.warnings, asText(joined.sequences[0]!.ids)]).toEqual([[], text.replaceAll('\n', ' ')]);
  });

  test('is linear in a long text of many paragraphs', async () => {
    const text = 'ab cd\n\n'.repeat(200_000);
    const started = performance.now();
    const sequences = await cutSequences([{ source: 's', text }], characters(), { sequenceLength: 8, windows: 'paragraph' });
    expect(sequences.length).toBeGreaterThan(90_000);
    // A square would take minutes.
    expect(performance.now() - started).toBeLessThan(20_000);
  });

  test('refuses text without a tokenizer, one id, ids outside the vocabulary, and senseless lengths', async () => {
    const text = [{ source: 'a', text: 'abc' }];
    const ids = [{ source: 'a.jsonl:3', ids: Int32Array.of(4, 9) }];
    await expect(cutSequences(text, undefined, { sequenceLength: 2 })).rejects.toEqual(expect.objectContaining({ code: 'ERR_TOKENIZER' }));
    await expect(cutSequences([{ source: 'a', ids: Int32Array.of(1) }], undefined, { sequenceLength: 2 })).rejects.toEqual(
      expect.objectContaining({ code: 'ERR_DATA' }),
    );
    await expect(cutSequences([{ source: 'a', text: 'a' }], characters(), { sequenceLength: 2 })).rejects.toEqual(
      expect.objectContaining({ code: 'ERR_DATA' }),
    );
    await expect(cutSequences(ids, undefined, { sequenceLength: 2, vocabSize: 9 })).rejects.toEqual(
      expect.objectContaining({ code: 'ERR_DATA', message: expect.stringMatching(/size 9.*got 9 at a\.jsonl:3/) }),
    );
    for (const sequenceLength of [0, 1, 2.5, NaN]) {
      await expect(cutSequences(text, characters(), { sequenceLength })).rejects.toEqual(expect.objectContaining({ code: 'ERR_CONFIG' }));
    }
  });
});

describe('encodeWhole', () => {
  test('takes text in one piece, with one start token and no end, and ids as they stand', async () => {
    const documents = [
      { source: 'a', text: 'a\n\nb' },
      { source: 'b', ids: Int32Array.of(5) },
      { source: 'c', text: '\u0001x' },
    ];
    expect(await encodeWhole(documents, characters({ bos: 1, eos: 2 }))).toEqual([
      Int32Array.of(1, 97, 10, 10, 98),
      Int32Array.of(5),
      Int32Array.of(1, 120),
    ]);
  });
});
