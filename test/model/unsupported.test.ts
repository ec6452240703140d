import { join } from 'node:path';
import { Model } from '../../lib/model/model.ts';

const FILES = join(__dirname, '..', 'fixtures', 'files');

test.each([
  ['qwen2', 'biases on q, k and v alone'],
  ['qwen3', 'norms of queries and keys'],
  ['gemma2', 'soft caps'],
  ['gemma3', 'norms that scale by 1 + weight'],
  ['gpt2', 'learned positions'],
])('%s is read but not computed yet, and says why instead of computing something else', async (architecture, reason) => {
  await expect(Model.load(join(FILES, `gguf-${architecture}.gguf`))).rejects.toEqual(
    expect.objectContaining({ code: 'ERR_UNSUPPORTED_MODEL', message: expect.stringContaining(reason) }),
  );
});
