import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readGgufHeader } from '../../lib/model/gguf.ts';
import { BYTE_LEVEL_RECIPES } from '../../lib/tokenizer/byte-level-recipes.ts';
import { describeTokenizer, metadataOf } from '../../lib/tokenizer/gguf-description.ts';
import { findRecipe, PROBES } from '../../lib/tokenizer/recipe-search.ts';
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts';

const FILES = join(__dirname, '..', 'fixtures', 'files');
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hyperfit-tokenizers-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The tokenizer of a GGUF file, written as a Hugging Face folder, described again for GGUF. */
async function describeAgain(name: string) {
  const path = join(FILES, `tokenizer-${name}.gguf`);
  const { metadata } = await readGgufHeader(path);
  const original = await Tokenizer.fromFiles({ kind: 'gguf', path, metadata });
  const target = join(folder, name);
  await original.save(target);
  const files = { kind: 'folder', folder: target } as const;
  const tokenizer = await Tokenizer.fromFiles(files);
  const rows = tokenizer.vocabSize + 3;
  const described = await describeTokenizer({
    files,
    tokenizer,
    rows,
    modelType: 'llama',
    bosTokenId: original.bosTokenId,
    eosTokenIds: original.eosTokenIds,
    paddingIndex: -1,
    name,
  });
  return { metadata, original, described: metadataOf(described.entries), rows };
}

describe('A tokenizer of a folder, described for GGUF', () => {
  test.each(['gpt-2', 'llama-bpe', 'llama', 'qwen2', 'smollm'])('%s: the same tokens, and the same ids of every text', async (name) => {
    const { metadata, original, described, rows } = await describeAgain(name);
    expect(described.get('tokenizer.ggml.model')).toBe(metadata.get('tokenizer.ggml.model'));
    const tokens = described.get('tokenizer.ggml.tokens') as string[];
    expect(tokens).toHaveLength(rows);
    expect(tokens.slice(-3).map((token) => /^\[PAD\d+\]$/.test(token))).toEqual([true, true, true]);
    if (name !== 'llama') {
      expect(BYTE_LEVEL_RECIPES.get(String(described.get('tokenizer.ggml.pre')))).toMatchObject({
        preTokenizer: BYTE_LEVEL_RECIPES.get(name)!.preTokenizer,
      });
      expect(described.get('tokenizer.ggml.merges')).toEqual(metadata.get('tokenizer.ggml.merges'));
    }
    const again = await Tokenizer.fromFiles({ kind: 'gguf', path: name, metadata: described });
    for (const text of PROBES) expect([...(await again.encode(text))]).toEqual([...(await original.encode(text))]);
    expect(again.eosTokenIds).toEqual(expect.arrayContaining([...original.eosTokenIds]));
    for (let id = 0; id < original.vocabSize; id += 1) expect(again.tokenText(id)).toBe(original.tokenText(id));
  });

  test('one that llama.cpp does not have is refused by name', async () => {
    const model = {
      type: 'BPE',
      vocab: Object.fromEntries([...'abcdefghijklmnopqrstuvwxyzĠ'].map((token, id) => [token, id])),
      merges: [],
    };
    expect(await findRecipe({ normalizer: { type: 'Lowercase' }, pre_tokenizer: { type: 'Whitespace' }, model })).toBeUndefined();
  });

  test('a way to cut that is said in other words is found by its ids', async () => {
    const letters = [...'abcdefghijklmnopqrstuvwxyz0123456789ĠĊ'];
    const model = {
      type: 'BPE',
      vocab: Object.fromEntries([...letters, 'th', 'the', 'Ġt', 'er', '11', '22', '333'].map((token, id) => [token, id])),
      merges: [
        ['t', 'h'],
        ['th', 'e'],
        ['Ġ', 't'],
        ['e', 'r'],
      ],
    };
    const { preTokenizer } = BYTE_LEVEL_RECIPES.get('smollm')!;
    const parts = (preTokenizer as { pretokenizers: object[] }).pretokenizers;
    const other = {
      type: 'Sequence',
      pretokenizers: [{ type: 'Split', pattern: { Regex: '\\p{N}' }, behavior: 'Isolated', invert: false }, ...parts.slice(1)],
    };
    expect(BYTE_LEVEL_RECIPES.get((await findRecipe({ normalizer: null, pre_tokenizer: other, model }))!)).toBeDefined();
  });
});
