import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findSmolLM2 } from '../oracle/smollm2-file.ts';
import { loadTokenizerOfGguf } from './gguf-tokenizers.ts';

const FIXTURES = join(__dirname, '..', 'fixtures', 'files');

interface Expected {
  ids: number[][];
  texts: string[];
}

function readFixture<T>(name: string): T {
  return JSON.parse(readFileSync(join(FIXTURES, name), 'utf8')) as T;
}

async function checkEvery(path: string, strings: readonly string[], { ids, texts }: Expected): Promise<void> {
  const tokenizer = await loadTokenizerOfGguf(path);
  for (const [index, text] of strings.entries()) {
    const encoded = Array.from(await tokenizer.encode(text));
    expect({ text, ids: encoded }).toEqual({ text, ids: ids[index] });
    expect(await tokenizer.decode(encoded, { skipSpecialTokens: true })).toBe(texts[index]);
  }
}

describe('A tokenizer rebuilt from GGUF metadata gives the ids and texts of Hugging Face', () => {
  const { strings, tokenizers } = readFixture<{ strings: string[]; tokenizers: Record<string, Expected> }>('tokenizers.json');

  test('the fixture holds at least thirty strings', () => expect(strings.length).toBeGreaterThanOrEqual(30));

  test.each(['gpt-2', 'smollm', 'llama-bpe', 'qwen2', 'llama'])('%s', async (kind) => {
    const expected = tokenizers[kind];
    if (expected === undefined) throw new Error(`no fixture for ${kind}`);
    await checkEvery(join(FIXTURES, `tokenizer-${kind}.gguf`), strings, expected);
  });
});

describe('SmolLM2', () => {
  const path = findSmolLM2();

  (path ? test : test.skip)('the tokenizer inside the GGUF file of SmolLM2 gives the ids of its own tokenizer.json', async () => {
    const { strings, ...expected } = readFixture<Expected & { strings: string[] }>('tokenizer-smollm2.json');
    await checkEvery(path as string, strings, expected);
  });
});
