import { readFileSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { freshFolder, TINY_MODEL } from '../train/tiny.ts';
import { cli } from './cli-process.ts';

const folder = freshFolder();
const lines = (count: number, words: number): string =>
  Array.from({ length: count }, (_, index) => `${JSON.stringify({ text: `${index} the sea `.repeat(words) })}\n`).join('');
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const EVALUATE = ['evaluate', '--model', TINY_MODEL, '--context-length', '6', '--max-new-tokens', '8', '--feature-model', TINY_MODEL];

test('MAUVE of the continuations against how the documents go on', async () => {
  const contexts = file('contexts.jsonl', lines(24, 8) + '{"text":"Short"}\n');
  const { code, stdout, stderr } = await cli(...EVALUATE, '--contexts', contexts, '--json');
  expect(code).toBe(0);
  const { mauve, counts } = JSON.parse(stdout) as { mauve: Record<string, unknown> & { score: number; signature: string }; counts: object };
  expect(counts).toMatchObject({ contexts: 25 });
  expect(mauve).toMatchObject({ humanTexts: 24, machineTexts: 24, clusters: 2 });
  expect(mauve.score).toBeGreaterThan(0);
  expect(mauve.score).toBeLessThanOrEqual(1);
  const { low, high, clusterings } = mauve['range'] as { low: number; high: number; clusterings: number };
  expect(clusterings).toBe(10);
  expect(low).toBeLessThanOrEqual(mauve.score);
  expect(high).toBeGreaterThanOrEqual(mauve.score);
  const hash = createHash('sha256')
    .update(readFileSync(join(TINY_MODEL, 'model.safetensors')))
    .digest('hex')
    .slice(0, 8);
  expect(mauve.signature).toContain(`mauve|features:tiny-text@${hash}|state:last-layer-normed|token:last|`);
  expect(stderr).toMatch(
    /warning: 1 of 25 contexts are left out of MAUVE[^]*warning: MAUVE of 24 texts says little; 100 are the least[^]*texts read 48\/48/,
  );
  const { stdout: other } = await cli(...EVALUATE, '--contexts', contexts, '--mauve-clusters', '5', '--mauve-seed', '3');
  expect(other).toMatch(/\nMAUVE [01]\.\d{3}, [01]\.\d{3} to [01]\.\d{3} over 10 clusterings {2}\(mauve\|features:.*\|k:5\|.*seed:3.*\)\n/);
});

test.each([
  [
    'no contexts',
    () => ['evaluate', '--model', TINY_MODEL, '--held-out', 'x.txt', '--feature-model', TINY_MODEL],
    2,
    /--contexts beside --feature-model/,
  ],
  [
    'settings of MAUVE without a feature model',
    () => ['evaluate', '--model', TINY_MODEL, '--held-out', 'x.txt', '--mauve-seed', '1'],
    2,
    /--feature-model beside --mauve-clusters/,
  ],
  [
    'documents that end with their context',
    () => [...EVALUATE, '--contexts', file('short.jsonl', '{"text":"a"}\n{"text":"b"}\n')],
    3,
    /ERR_DATA.*go on for 8 tokens.*0 of 2.*--feature-model/,
  ],
  [
    'a feature model without a tokenizer',
    () => [...EVALUATE.slice(0, -1), join(__dirname, '../fixtures/models/llama-tied-gqa'), '--contexts', file('some.jsonl', lines(4, 8))],
    1,
    /ERR_TOKENIZER.*--feature-model/,
  ],
])('%s is refused before anything is generated', async (_, args, code, pattern) => {
  const result = await cli(...args());
  expect([result.code, result.stderr]).toEqual([code, expect.stringMatching(pattern)]);
  expect(result.stderr).not.toMatch(/contexts \d+\/\d+/);
});
