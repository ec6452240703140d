import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Model } from '../../lib/model/model.ts';
import { averageProblems } from '../../lib/run/average-gate.ts';
import { tinyModelPath } from '../oracle/expected.ts';
import { readAll } from '../oracle/models.ts';
import { freshFolder, TINY_MODEL } from '../train/tiny.ts';
import { cli } from './cli-process.ts';

async function shifted(by: number): Promise<string> {
  const model = await Model.load(TINY_MODEL);
  const parameters = model.parameters();
  for (const tensor of parameters.values()) tensor.add_(by).dispose();
  const folder = join(freshFolder(), 'shifted');
  await model.save(folder);
  model.dispose();
  return folder;
}

test('average: the mean of three models, saved, with how varied each one writes', async () => {
  const [out, contexts] = [join(freshFolder(), 'averaged'), join(freshFolder(), 'contexts.jsonl')];
  writeFileSync(contexts, '{"ids":[5,6,7]}\n{"ids":[40,41,42]}\n');
  const models = [TINY_MODEL, await shifted(0.003), await shifted(0.006)];
  const { stdout, stderr, code } = await cli(
    'average',
    ...models,
    '--out',
    out,
    '--contexts',
    contexts,
    '--max-new-tokens',
    '16',
    '--json',
  );
  expect(code).toBe(0);
  expect(stderr).toMatch(/adding .*shifted/);
  expect(JSON.parse(stdout)).toMatchObject({
    schemaVersion: 1,
    folder: out,
    contexts: 2,
    models: models.map((path) => ({ path, figures: { ttr: expect.any(Number), rep2: expect.any(Number) } })),
    averaged: { ttr: expect.any(Number) },
  });
  const card = readFileSync(join(out, 'README.md'), 'utf8');
  expect(card).toMatch(/# Average of 3 models[^]*\| average \| 0\.\d{3} \| 0\.\d{3} \| none \|/);
  expect(card).not.toContain(out);
  const [original, averaged] = [await Model.load(TINY_MODEL), await Model.load(out)];
  const before = readAll(original.parameters());
  for (const [name, values] of readAll(averaged.parameters()))
    expect(Math.max(...values.map((value, at) => Math.abs(value - before.get(name)![at]! - 0.003)))).toBeLessThan(1e-6);
  for (const each of [original, averaged]) each.dispose();
}, 60_000);

test('an average that loops more than its models is told of, and refused where that is asked for', () => {
  const figures = (ttr: number, rep2: number) => ({ ttr, rep2, longestQuotation: null });
  const models = [
    { path: 'a', figures: figures(0.6, 0.1) },
    { path: 'b', figures: figures(0.7, 0.2) },
  ];
  const problems = (ttr: number, rep2: number) => averageProblems({ contexts: 2, maxNewTokens: 96, models, averaged: figures(ttr, rep2) });
  expect(problems(0.6, 0.24)).toEqual([]);
  expect(problems(0.58, 0.1)).toEqual([expect.stringMatching(/loops more.*TTR 0\.580, below 0\.9 times the mean of the models, 0\.650/)]);
  expect(problems(0.65, 0.26)).toEqual([expect.stringMatching(/rep-2 0\.260, above the mean of the models, 0\.150 by more than 0\.1/)]);
  expect(averageProblems({ contexts: 0, maxNewTokens: 96, models: [{ path: 'a', figures: null }], averaged: null })).toEqual([]);
});

test('one model, or models of other shapes, are refused; nothing is written', async () => {
  const out = join(freshFolder(), 'averaged');
  const one = await cli('average', TINY_MODEL, '--out', out);
  expect([one.code, one.stderr]).toEqual([2, expect.stringMatching(/at least two/)]);
  const blind = await cli('average', TINY_MODEL, TINY_MODEL, '--out', out, '--gate', 'refuse');
  expect([blind.code, blind.stderr]).toEqual([2, expect.stringMatching(/contexts for --gate refuse/)]);
  const other = await cli('average', TINY_MODEL, tinyModelPath('gpt2-tied'), '--out', out);
  expect([other.code, other.stderr]).toEqual([3, expect.stringMatching(/ERR_MODEL_FILES.*same parameters.*gpt2-tied/)]);
  expect(existsSync(out)).toBe(false);
}, 60_000);
