import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { measureMauve } from '../../lib/evaluate/mauve-texts.ts';
import { Model } from '../../lib/model/model.ts';
import type { StudyFile } from '../../lib/study/study-file.ts';
import { cli } from '../cli/cli-process.ts';
import { freshFolder, randomSequences, TINY_MODEL, writeIds } from '../train/tiny.ts';

/** Several processes a test, on a machine that may be busy. */
jest.setTimeout(600_000);

const folder = freshFolder();
const data = writeIds(
  join(folder, 'ids.jsonl'),
  randomSequences(Array.from({ length: 40 }, () => 24)).map((ids) => ids.map((id) => id % 150)),
);
const QUALITY = [
  'study',
  'quality',
  '--data',
  `noise=${data}`,
  '--samples',
  '16',
  '--batch-size',
  '4',
  '--epochs',
  '2',
  '--seeds',
  '0,1',
  '--contexts',
  '12',
  '--context-length',
  '8',
  '--new-tokens',
  '12',
];

interface TextLine {
  context: number[];
  continuation: number[];
  original: number[];
}

const decoded = async (model: Model, lines: readonly TextLine[], what: 'continuation' | 'original'): Promise<string[]> =>
  Promise.all(
    lines.map((line) =>
      model.requireTokenizer().decode(Int32Array.from([...line.context, ...line[what].slice(0, 12)]), { skipSpecialTokens: true }),
    ),
  );

test('quality measures every way of writing by MAUVE when a feature model is given', async () => {
  const out = join(folder, 'quality');
  const { code, stderr } = await cli(...QUALITY, '--model', TINY_MODEL, '--feature-model', TINY_MODEL, '--out', out);
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('warning: MAUVE of 12 texts says little') });
  const { findings } = JSON.parse(readFileSync(join(out, 'study.json'), 'utf8')) as StudyFile;
  const rows = findings!.rows.filter(({ quantity }) => quantity === 'MAUVE');
  expect(rows).toHaveLength(8);
  expect(rows.find(({ of }) => of === 'hyperfitted, greedy')!.ours).toMatchObject({
    n: 12,
    unit: 'texts',
    spread: 'range',
    seeds: [expect.any(Number), expect.any(Number)],
    files: ['cells/mauve.json'],
  });
  const model = await Model.load(TINY_MODEL);
  const lines = readFileSync(join(out, 'generations', 'original-top-p-s1.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as TextLine);
  const texts = { human: await decoded(model, lines, 'original'), machine: await decoded(model, lines, 'continuation') };
  const scores: number[] = [];
  for (let seed = 0; seed < 10; seed += 1) scores.push((await measureMauve(model, texts, { seed })).score);
  const { seeds, low, high, value, signature } = rows.find(({ of }) => of === 'original, Top-P')!.ours!;
  expect(seeds[1]).toBeCloseTo(scores.reduce((sum, score) => sum + score, 0) / 10, 12);
  expect(value).toBeCloseTo((seeds[0]! + seeds[1]!) / 2, 12);
  expect(low).toBeLessThanOrEqual(Math.min(...scores));
  expect(high).toBeGreaterThanOrEqual(Math.max(...scores));
  expect(signature).toMatch(/^mauve\|.*\|clusterings:10\|seeds:2\|range:least-to-largest-of-all\|hyperfit:/);
  expect(readFileSync(join(out, 'index.html'), 'utf8')).toMatch(/<span class="interval">range 0\.\d+ to /);
  model.dispose();
});

test('a model without a tokenizer is refused before anything is computed', async () => {
  const wordless = join(__dirname, '../fixtures/models/llama-tied-gqa');
  const { code, stderr } = await cli(...QUALITY, '--model', wordless, '--feature-model', TINY_MODEL, '--out', join(folder, 'refused'));
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/ERR_TOKENIZER.*--feature-model/) });
  expect(stderr).not.toContain('cell 1');
});
