import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts';
import { loadTinyTokenizer } from './gguf-tokenizers.ts';

const TINY_TEXT = join(__dirname, '..', 'fixtures', 'models', 'tiny-text');
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hyperfit-tokenizer-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function loadFolder(path: string): Promise<Tokenizer> {
  return Tokenizer.fromFiles({ kind: 'folder', folder: path });
}

describe('A tokenizer of a Hugging Face folder', () => {
  test('puts BOS where its post-processor says, unless told not to', async () => {
    const tokenizer = await loadFolder(TINY_TEXT);
    const ids = Array.from(await tokenizer.encode('Call me Ishmael.'));
    expect(ids[0]).toBe(tokenizer.bosTokenId);
    expect(Array.from(await tokenizer.encode('Call me Ishmael.', { addSpecialTokens: false }))).toEqual(ids.slice(1));
    expect(await tokenizer.decode(ids, { skipSpecialTokens: true })).toBe('Call me Ishmael.');
  });

  test('knows its special tokens and its size', async () => {
    const tokenizer = await loadFolder(TINY_TEXT);
    expect([tokenizer.vocabSize, tokenizer.bosTokenId, tokenizer.eosTokenIds]).toEqual([300, 0, [1]]);
    expect([tokenizer.isSpecial(1), tokenizer.isSpecial(2)]).toEqual([true, false]);
  });

  test('is saved byte for byte', async () => {
    await (await loadFolder(TINY_TEXT)).save(folder);
    expect((await readdir(folder)).sort()).toEqual(['tokenizer.json', 'tokenizer_config.json']);
    for (const file of await readdir(folder))
      expect(await readFile(join(folder, file), 'utf8')).toBe(await readFile(join(TINY_TEXT, file), 'utf8'));
  });

  test('encodes whole texts although its file says to cut and to fill up', async () => {
    const json = JSON.parse(await readFile(join(TINY_TEXT, 'tokenizer.json'), 'utf8')) as Record<string, unknown>;
    json['truncation'] = { direction: 'Right', max_length: 3, strategy: 'LongestFirst', stride: 0 };
    json['padding'] = {
      strategy: { Fixed: 50 },
      direction: 'Right',
      pad_to_multiple_of: null,
      pad_id: 0,
      pad_type_id: 0,
      pad_token: '<s>',
    };
    await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(json));
    const whole = await (await loadFolder(TINY_TEXT)).encode('Call me Ishmael.');
    expect(await (await loadFolder(folder)).encode('Call me Ishmael.')).toEqual(whole);
  });
});

test.each(['gpt-2', 'llama-bpe', 'qwen2', 'smollm', 'llama'])(
  'The rebuilt tokenizer %s reads the same after it was saved as a folder',
  async (kind) => {
    const tokenizer = await loadTinyTokenizer(kind);
    await tokenizer.save(folder);
    const saved = await loadFolder(folder);
    const text = ' Naïve 123,456 <s> 日本\n\n  two spaces';
    expect(await saved.encode(text)).toEqual(await tokenizer.encode(text));
    // A tokenizer's own files name one end of text; generation_config.json names them all.
    expect([saved.bosTokenId, saved.eosTokenIds, saved.vocabSize]).toEqual([
      tokenizer.bosTokenId,
      tokenizer.eosTokenIds.slice(0, 1),
      tokenizer.vocabSize,
    ]);
  },
);

describe('Tokens', () => {
  test('as bytes and as text, in both alphabets', async () => {
    const byteLevel = await loadTinyTokenizer('gpt-2');
    const sentencePiece = await loadTinyTokenizer('llama');
    for (const tokenizer of [byteLevel, sentencePiece]) {
      const ids = await tokenizer.encode(' é the', { addSpecialTokens: false });
      const bytes = Buffer.concat(Array.from(ids, (id) => tokenizer.tokenBytes(id)));
      expect(bytes.toString('utf8').trimStart()).toBe('é the');
    }
    const newline = sentencePiece.tokenText(3 + 10);
    expect([newline, byteLevel.tokenText((await byteLevel.encode(' '))[0] as number)]).toEqual(['\n', ' ']);
  });

  test.each(['gpt-2', 'llama'])('of %s start words after white space, and as punctuation, and when special', async (kind) => {
    const tokenizer = await loadTinyTokenizer(kind);
    const starts = tokenizer.wordStarts();
    expect(starts.length).toBe(tokenizer.vocabSize);
    const [the, comma] = [' the', ','].map((text) => findToken(tokenizer, text));
    expect([
      starts[the as number],
      starts[comma as number],
      starts[tokenizer.eosTokenIds[0] as number],
      starts[findToken(tokenizer, 'e')],
    ]).toEqual([1, 1, 1, 0]);
  });

  test.each(['gpt-2', 'llama'])('of %s fold to the lowest id with the same text but for case and white space', async (kind) => {
    const tokenizer = await loadTinyTokenizer(kind);
    const folded = tokenizer.foldedIds();
    const same = ['a', 'A', ' a'].map((text) => findToken(tokenizer, text));
    expect(new Set(same.map((id) => folded[id]))).toEqual(new Set([Math.min(...same)]));
    expect(folded.every((id, index) => id <= index && folded[id] === id)).toBe(true);
    const byteTokens = Array.from(folded.keys()).filter((id) => tokenizer.tokenText(id) === '\ufffd');
    expect(byteTokens.every((id) => folded[id] === id)).toBe(true);
  });
});

function findToken(tokenizer: Tokenizer, text: string): number {
  const id = Array.from({ length: tokenizer.vocabSize }, (_, index) => index).find((each) => tokenizer.tokenText(each) === text);
  if (id === undefined) throw new Error(`the fixture has no token "${text}"`);
  return id;
}

describe('Refused with ERR_TOKENIZER', () => {
  const code = 'ERR_TOKENIZER';

  test.each([[-1], [300], [1.5], [Number.NaN]])('the id %p', async (id) => {
    await expect((await loadFolder(TINY_TEXT)).decode([id])).rejects.toMatchObject({
      code,
      message: expect.stringContaining('from 0 to 299'),
    });
  });

  test('a folder without tokenizer.json, with the remedy', async () => {
    await expect(loadFolder(folder)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(/expected tokenizer\.json .*work with token ids/),
    });
  });

  test.each([
    ['no JSON', '{'],
    ['another document', '{"a":1}'],
    ['an array', '[]'],
  ])('a tokenizer.json that is %s', async (_, text) => {
    await writeFile(join(folder, 'tokenizer.json'), text);
    await expect(loadFolder(folder)).rejects.toMatchObject({ code });
  });

  test('a decoder of another kind', async () => {
    const json = JSON.parse(await readFile(join(TINY_TEXT, 'tokenizer.json'), 'utf8')) as Record<string, unknown>;
    await writeFile(
      join(folder, 'tokenizer.json'),
      JSON.stringify({ ...json, decoder: { type: 'WordPiece', prefix: '##', cleanup: true } }),
    );
    await expect(loadFolder(folder)).rejects.toMatchObject({ code, message: expect.stringContaining('WordPiece') });
  });

  test('a tokenizer_config.json that does not parse', async () => {
    await (await loadFolder(TINY_TEXT)).save(folder);
    await writeFile(join(folder, 'tokenizer_config.json'), '{');
    await expect(loadFolder(folder)).rejects.toMatchObject({ code, message: expect.stringContaining('tokenizer_config.json') });
  });
});

describe('What tokenizer_config.json says', () => {
  const load = async (config: object, changes: object = {}) => {
    const json = JSON.parse(await readFile(join(TINY_TEXT, 'tokenizer.json'), 'utf8')) as object;
    await writeFile(join(folder, 'tokenizer.json'), JSON.stringify({ ...json, ...changes }));
    await writeFile(join(folder, 'tokenizer_config.json'), `\ufeff${JSON.stringify(config)}`);
    return loadFolder(folder);
  };

  test('tokens named only there exist, are matched in text and left out of decoded text', async () => {
    const tokenizer = await load({
      eos_token: '<|done|>',
      additional_special_tokens: ['<|also|>'],
      added_tokens_decoder: { 300: { content: '<|there|>', rstrip: true } },
    });
    const ids = Array.from(await tokenizer.encode('a<|done|><|also|><|there|>  b', { addSpecialTokens: false }));
    expect([tokenizer.vocabSize, tokenizer.eosTokenIds]).toEqual([303, [301]]);
    expect(ids.slice(1, 4)).toEqual([301, 302, 300]);
    expect(await tokenizer.decode(ids, { skipSpecialTokens: true })).toBe('a<|there|>b');
  });

  test('special tokens in a text are text where it says to split them', async () => {
    const [whole, split] = [await load({ bos_token: '<s>' }), await load({ bos_token: '<s>', split_special_tokens: true })];
    expect(Array.from(await whole.encode('<s>', { addSpecialTokens: false }))).toEqual([0]);
    const ids = Array.from(await split.encode('<s>', { addSpecialTokens: false }));
    expect(ids).not.toContain(0);
    expect(await split.decode(ids)).toBe('<s>');
  });

  test('is saved again as it was, and read again with the same ids', async () => {
    const tokenizer = await load({ tokenizer_class: 'GPT2Tokenizer', add_prefix_space: true, pad_token: '<pad>' });
    const other = await mkdtemp(join(tmpdir(), 'hyperfit-tokenizer-'));
    await tokenizer.save(other);
    const text = 'Call <pad> me';
    const first = Array.from(await tokenizer.encode(text));
    expect(Array.from(await (await loadFolder(other)).encode(text))).toEqual(first);
    expect(await tokenizer.decode(first, { skipSpecialTokens: true })).toMatch(/^ Call/);
    await rm(other, { recursive: true });
  });
});
