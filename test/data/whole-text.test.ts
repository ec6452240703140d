import { existsSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { encodeDocument } from '../../lib/data/encoded-document.ts';
import { findParagraphStarts } from '../../lib/data/paragraphs.ts';
import { cutSequences } from '../../lib/data/sequences.ts';
import { loadTokenizer } from '../../lib/model/tokenizer-files.ts';
import { encodePrompt, findSurroundings } from '../../lib/tokenizer/surroundings.ts';
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts';

const CASES = resolve(__dirname, '../../../shared/cases/vocab');
const TINY = resolve(__dirname, '../fixtures/models/tiny-text');
const sharedTest = existsSync(CASES) ? test : test.skip;

const BYTES = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
const PIECES = ['▁', 'a', 'b', 'c', '\n', 'ab', '▁a', '▁ab', '▁▁', '\n\n'];

/** A tokenizer like Llama 2's: a space before every text, bytes for what has no piece, `<s>` before it and, asked to, `</s>` behind. */
function sentencePiece({ addsEnd = false } = {}): Promise<Tokenizer> {
  const vocabulary = ['<unk>', '<s>', '</s>', ...BYTES, ...PIECES];
  const special = (id: number): object => ({
    id,
    content: vocabulary[id],
    special: true,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
  });
  const [start, end] = [{ SpecialToken: { id: '<s>', type_id: 0 } }, { SpecialToken: { id: '</s>', type_id: 0 } }];
  const json = {
    version: '1.0',
    added_tokens: [0, 1, 2].map(special),
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Prepend', prepend: '▁' },
        { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
      ],
    },
    pre_tokenizer: null,
    post_processor: {
      type: 'TemplateProcessing',
      single: [start, { Sequence: { id: 'A', type_id: 0 } }, ...(addsEnd ? [end] : [])],
      pair: [start, { Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
      special_tokens: { '<s>': { id: '<s>', ids: [1], tokens: ['<s>'] }, '</s>': { id: '</s>', ids: [2], tokens: ['</s>'] } },
    },
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        { type: 'Strip', content: ' ', start: 1, stop: 0 },
      ],
    },
    model: {
      type: 'BPE',
      unk_token: '<unk>',
      fuse_unk: true,
      byte_fallback: true,
      vocab: Object.fromEntries(vocabulary.map((piece, id) => [piece, id])),
      merges: [
        ['a', 'b'],
        ['▁', 'ab'],
        ['▁', 'a'],
        ['▁', '▁'],
        ['\n', '\n'],
      ],
    },
  };
  const folder = mkdtempSync(join(tmpdir(), 'hyperfit-tokenizer-'));
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(json));
  return Tokenizer.fromFiles({ kind: 'folder', folder });
}

const anyText = fc
  .array(fc.constantFrom('ab', 'c', ' ', '  ', '\n', '\n\n', '\t', 'é', '😀', '漢', 'Word', '.', '\r\n', '1', "'s"), {
    minLength: 1,
    maxLength: 24,
  })
  .map((parts) => parts.join(''));

/** The windows of a text side by side, without the start tokens that were added. */
async function joinedWindows(text: string, tokenizer: Tokenizer): Promise<number[]> {
  const sequences = await cutSequences([{ source: 's', text }], tokenizer, { sequenceLength: 5, windows: 'consecutive' });
  return sequences.flatMap(({ ids, startLength = 0 }) => [...ids.subarray(startLength)]);
}

describe('A text as ids', () => {
  test.each([
    ['byte-level', () => Tokenizer.fromFiles({ kind: 'folder' as const, folder: TINY })],
    ['sentencepiece', sentencePiece],
  ])('are those of its whole, %s', async (_, load) => {
    const tokenizer = await load();
    await fc.assert(
      fc.asyncProperty(anyText, async (text) => {
        fc.pre(text.trim() !== '');
        expect(await joinedWindows(text, tokenizer)).toEqual([...(await tokenizer.encode(text, { addSpecialTokens: false }))]);
      }),
    );
  });

  test.each([
    ['byte-level', () => Tokenizer.fromFiles({ kind: 'folder' as const, folder: TINY })],
    ['sentencepiece', sentencePiece],
  ])('know where paragraphs start, %s', async (_, load) => {
    const tokenizer = await load();
    const bytesOf = (ids: Int32Array): number => [...ids].reduce((sum, id) => sum + tokenizer.tokenBytes(id).length, 0);
    await fc.assert(
      fc.asyncProperty(anyText, async (text) => {
        fc.pre(text.trim() !== '');
        const { ids, paragraphStarts } = await encodeDocument({ source: 's', text }, tokenizer);
        const places = findParagraphStarts(text);
        // What a tokenizer puts before every text stands in the first token.
        const before = bytesOf(ids) - Buffer.byteLength(text);
        places.forEach((place, index) => {
          const start = paragraphStarts[index]!;
          const least = Buffer.byteLength(text.slice(0, place));
          if (place === 0) expect(start).toBe(0);
          else expect(bytesOf(ids.subarray(0, start)) - before).toBeGreaterThanOrEqual(least);
          if (start > 0 && place > 0) expect(bytesOf(ids.subarray(0, start - 1)) - before).toBeLessThan(least);
        });
      }),
    );
  });

  test('have the start token once, and an end where the tokenizer puts one, in training', async () => {
    const cut = async (text: string, tokenizer: Tokenizer): Promise<number[]> => [
      ...(await cutSequences([{ source: 's', text }], tokenizer, { sequenceLength: 99 }))[0]!.ids,
    ];
    const plain = await sentencePiece();
    const bare = [...(await plain.encode('ab', { addSpecialTokens: false }))];
    expect(await cut('ab', plain)).toEqual([1, ...bare]);
    expect((await cut('<s>ab', plain)).filter((id) => id === 1)).toEqual([1]);
    expect(await cut('ab', await sentencePiece({ addsEnd: true }))).toEqual([1, ...bare, 2]);
    expect((await cut('<s>ab</s>', await sentencePiece({ addsEnd: true }))).filter((id) => id < 3)).toEqual([1, 2]);
  });

  test('have the start token once, and no end, in prompts', async () => {
    for (const tokenizer of [await sentencePiece(), await sentencePiece({ addsEnd: true })]) {
      for (const text of ['ab', '<s>ab', '<s>']) expect([...(await encodePrompt(text, tokenizer))].filter((id) => id < 3)).toEqual([1]);
      expect([...(await encodePrompt('', tokenizer))]).toEqual([1]);
      expect([...(await encodePrompt('<s><s>ab', tokenizer))].filter((id) => id < 3)).toEqual([1, 1]);
    }
    const tiny = await Tokenizer.fromFiles({ kind: 'folder', folder: TINY });
    expect(await findSurroundings(tiny)).toEqual({ start: Int32Array.of(tiny.bosTokenId!), end: new Int32Array() });
  });

  const text = 'First line.\n\nSecond one,\n    indented\n\n\n  and\tmore 😀.\n\ndef f(x):\n    return 1\n\n漢字\n';
  async function checkVocabularies(folder: string, isVocabulary: (name: string) => boolean): Promise<void> {
    const names = readdirSync(folder).filter(isVocabulary);
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) {
      const tokenizer = await loadTokenizer(join(folder, name));
      expect([name, await joinedWindows(text, tokenizer)]).toEqual([
        name,
        [...(await tokenizer.encode(text, { addSpecialTokens: false }))],
      ]);
    }
  }

  test('are those of its whole, for vocabularies of GGUF files', async () => {
    await checkVocabularies(resolve(__dirname, '../fixtures/files'), (name) => /^tokenizer-.*\.gguf$/.test(name));
  });

  sharedTest('are those of its whole, for the vocabularies of real models', async () => {
    await checkVocabularies(CASES, (name) => name.endsWith('.gguf'));
    const gpt2 = await loadTokenizer(join(CASES, 'ggml-vocab-gpt-2.gguf'));
    expect((await joinedWindows('One.\n\nTwo.', gpt2)).filter((id) => id === 198 || id === 628)).toEqual([198, 198]);
  });
});
