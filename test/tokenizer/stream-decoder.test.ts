import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { StreamDecoder } from '../../lib/tokenizer/stream-decoder.ts';
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts';
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

const REPLACE = { type: 'Replace', pattern: { String: '▁' }, content: ' ' };
const chain = (...decoders: object[]): object => ({ type: 'Sequence', decoders });
const strip = (start: number, stop: number): object => ({ type: 'Strip', content: ' ', start, stop });

/** Decoders of public models, and others that a file may hold. */
const DECODERS: [name: string, decoder: object | undefined][] = [
  ['of Llama 2', undefined],
  ['of Gemma', chain(REPLACE, { type: 'ByteFallback' }, { type: 'Fuse' })],
  ['Metaspace that puts a space before all', { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true }],
  [
    'Metaspace that puts a space before the first',
    chain({ type: 'ByteFallback' }, { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first', split: false }),
  ],
  ['Metaspace that never puts one', { type: 'Metaspace', replacement: '▁', prepend_scheme: 'never', split: true }],
  ['that strips two spaces', chain(REPLACE, { type: 'ByteFallback' }, { type: 'Fuse' }, strip(2, 0))],
  ['that strips every piece', chain(REPLACE, { type: 'ByteFallback' }, strip(1, 0))],
  [
    'that replaces by a pattern',
    chain({ type: 'Replace', pattern: { Regex: '▁+' }, content: ' ' }, { type: 'ByteFallback' }, { type: 'Fuse' }),
  ],
];

async function withDecoder(decoder: object | undefined): Promise<Tokenizer> {
  const tokenizer = await loadTinyTokenizer('llama');
  if (decoder === undefined) return tokenizer;
  const folder = await mkdtemp(join(tmpdir(), 'hyperfit-decoder-'));
  try {
    await tokenizer.save(folder);
    const file = join(folder, 'tokenizer.json');
    await writeFile(file, JSON.stringify({ ...(JSON.parse(await readFile(file, 'utf8')) as object), decoder }));
    return await Tokenizer.fromFiles({ kind: 'folder', folder });
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Ids of all kinds; byte tokens and special ones more often than they come by chance. */
function anyIds(tokenizer: Tokenizer): fc.Arbitrary<number[]> {
  const id = fc.integer({ min: 0, max: tokenizer.vocabSize - 1 });
  return fc.array(fc.oneof(id, fc.integer({ min: 0, max: 300 }), fc.constantFrom(...tokenizer.eosTokenIds)), { maxLength: 30 });
}

async function expectEqualToDecode(tokenizer: Tokenizer): Promise<void> {
  await fc.assert(
    fc.asyncProperty(anyIds(tokenizer), fc.boolean(), async (ids, skipSpecialTokens) => {
      expect(decodeInPieces(tokenizer, ids, skipSpecialTokens).join('')).toBe(await tokenizer.decode(ids, { skipSpecialTokens }));
    }),
    { numRuns: 400 },
  );
}

test.each(['gpt-2', 'llama-bpe', 'smollm'])(
  'Streaming with %s equals decode for any ids, also where their bytes are no UTF-8',
  async (kind) => {
    await expectEqualToDecode(await loadTinyTokenizer(kind));
  },
);

test.each(DECODERS)('Streaming with a decoder %s equals decode for any ids, also where their bytes are no UTF-8', async (_, decoder) => {
  await expectEqualToDecode(await withDecoder(decoder));
});

// Hugging Face's Strip reads beyond the start of a text that is all stripped, and ends the process: it is never asked to decode then.
test('a text that a decoder strips whole is empty', async () => {
  const tokenizer = await withDecoder(chain(REPLACE, { type: 'ByteFallback' }, { type: 'Fuse' }, strip(1, 2)));
  const ids = await tokenizer.encode(' ', { addSpecialTokens: false });
  expect(await tokenizer.decode(ids)).toBe('');
  expect(await tokenizer.decode([])).toBe('');
  expect(await tokenizer.decode(tokenizer.eosTokenIds, { skipSpecialTokens: true })).toBe('');
});

test('spaces that a decoder strips off the end of a text are held back until another character comes', async () => {
  const tokenizer = await withDecoder(chain(REPLACE, { type: 'ByteFallback' }, { type: 'Fuse' }, strip(1, 1)));
  const ids = await tokenizer.encode('two  words ', { addSpecialTokens: false });
  expect(decodeInPieces(tokenizer, ids, true).join('')).toBe(await tokenizer.decode(ids));
  expect(await tokenizer.decode(ids)).toBe('two  words');
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
