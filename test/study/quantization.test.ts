import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { certify } from '../../lib/evaluate/certificate.ts';
import { Model } from '../../lib/model/model.ts';
import { openModelFiles } from '../../lib/model/model-files.ts';
import { measureUpdateShare } from '../../lib/run/update-share.ts';
import type { ResultOf } from '../../lib/study/cell-results.ts';
import type { StudyFile } from '../../lib/study/study-file.ts';
import { cli } from '../cli/cli-process.ts';
import { freshFolder, randomSequences, TINY_MODEL, writeIds } from '../train/tiny.ts';

/** Several processes a test, on a machine that may be busy. */
jest.setTimeout(600_000);

const folder = freshFolder();
const sequences = randomSequences(Array.from({ length: 30 }, () => 24));
const data = writeIds(join(folder, 'noise.jsonl'), sequences);
/** On a grid of its own, which none of the types is. */
const base = join(folder, 'base.gguf');
const out = join(folder, 'study');
const STUDY = [
  'study',
  'quantization',
  '--model',
  base,
  '--data',
  `noise=${data}`,
  '--samples',
  '8',
  '--sample-selection',
  'first',
  '--batch-size',
  '4',
  '--learning-rate',
  '1e-3',
  '--epochs',
  '8',
  '--contexts',
  '4',
  '--context-length',
  '8',
  '--new-tokens',
  '12',
  '--seeds',
  '0,1',
  '--threads',
  '1',
  '--keep-models',
  '--out',
  out,
];

const cell = <K extends 'text' | 'likelihood' | 'update-share'>(id: string): ResultOf<K> =>
  (JSON.parse(readFileSync(join(out, 'cells', `${id}.json`), 'utf8')) as { result: ResultOf<K> }).result;
const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

let file: StudyFile;
beforeAll(async () => {
  const tiny = await Model.load(TINY_MODEL);
  await tiny.exportGguf(base, { type: 'Q5_K_M' });
  tiny.dispose();
  const { code, stderr } = await cli(...STUDY);
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.any(String) });
  file = JSON.parse(readFileSync(join(out, 'study.json'), 'utf8')) as StudyFile;
});

test('every recipe stands at every type, the grid of the original’s own file among them', () => {
  const [ratios] = file.findings!.matrices;
  expect([ratios!.rows, ratios!.columns]).toEqual([
    ['original', 'hyperfitted', 'hyperfitted for Q4_K_M', 'hyperfitted for Q4_0'],
    ['F32', 'Q8_0', 'Q4_K_M', 'Q4_0', 'its own grid (Q5_1)'],
  ]);
  expect(ratios!.values.flat().every((value) => value !== null)).toBe(true);
  const names = file.findings!.rows.filter(({ quantity }) => quantity === 'held-out entropy, nats').map(({ of }) => of);
  expect(names).toHaveLength(20);
  expect(file.findings!.charts.map(({ title, series }) => `${title}: ${series.map(({ points }) => points.length).join()}`)).toEqual([
    'Type-token ratio: 4,4,4,4',
    'Repeated bigrams: 4,4,4,4',
    'Loss on the training samples: 4,4,4',
    'What rounding leaves of the update: 3,3,3',
  ]);
  expect(file.findings!.tests.map(({ first, second }) => `${first} / ${second}`)).toContain(
    'hyperfitted for Q4_0, Q4_0 / hyperfitted, Q4_0',
  );
  // Back onto its own grid, the original is what it was, and an update is not.
  const kept = (id: string): number => cell<'update-share'>(id).kept!;
  expect(cell<'text'>('text-original-own').texts).toEqual(cell<'text'>('text-original-f32').texts);
  expect(kept('share-hyperfitted-s0-own')).toBeLessThan(kept('share-hyperfitted-s0-Q8_0'));
});

test('what a cell says of rounded weights is what the exported file says of itself', async () => {
  const train = sequences.slice(0, 8);
  for (const recipe of ['hyperfitted', 'for-Q4_0']) {
    const trained = await Model.load(join(out, 'cells', `train-${recipe}-s0`, 'end'));
    expect(trained.quantization).toBe(recipe === 'for-Q4_0' ? 'Q4_0' : null);
    const path = join(folder, `${recipe}.gguf`);
    await trained.exportGguf(path, { type: 'Q4_0' });
    const exported = await Model.load(path);
    const { texts } = cell<'text'>(`text-${recipe}-s0-Q4_0`);
    const lines = readFileSync(join(out, 'generations', `${recipe}-s0-Q4_0.jsonl`), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { context: number[] });
    const generations = await exported.generate(
      lines.map(({ context }) => Int32Array.from(context)),
      { maxNewTokens: 12, minNewTokens: 12 },
    );
    expect(generations.map(({ ids }) => [...ids])).toEqual(texts.map(({ ids }) => ids));
    const { sums } = cell<'likelihood'>(`trained-${recipe}-s0-Q4_0`);
    expect(sums.tokens).toHaveLength(train.length);
    const { kept } = await measureUpdateShare(trained, (await openModelFiles(path)).sources, await openModelFiles(base));
    expect(cell<'update-share'>(`share-${recipe}-s0-Q4_0`).kept).toBeCloseTo(kept!, 10);
    const { meanLoss } = await certify(
      exported,
      train.map((ids) => ({ ids })),
    );
    expect(total(sums.loss) / total(sums.tokens)).toBeCloseTo(meanLoss, 5);
    for (const each of [trained, exported]) each.dispose();
  }
});

test('a finished study is not computed again', async () => {
  const { code, stderr } = await cli(...STUDY);
  expect(code).toBe(0);
  expect(stderr).not.toMatch(/started/);
  const again = JSON.parse(readFileSync(join(out, 'study.json'), 'utf8')) as StudyFile;
  expect(again.findings).toEqual(file.findings);
  expect(again.cells).toEqual(file.cells);
});

test('a family that llama.cpp does not have is refused before anything is computed', async () => {
  const small = writeIds(
    join(folder, 'small.jsonl'),
    sequences.map((ids) => ids.map((id) => id % 90)),
  );
  const { code, stderr } = await cli(
    'study',
    'quantization',
    '--model',
    join(__dirname, '../fixtures/models/imagegpt-even'),
    '--data',
    `noise=${small}`,
    '--epochs',
    '1',
    '--samples',
    '8',
    '--context-length',
    '8',
    '--new-tokens',
    '12',
    '--out',
    join(folder, 'refused'),
  );
  expect(code).not.toBe(0);
  expect(stderr).toMatch(/ERR_UNSUPPORTED_MODEL.*imagegpt/);
});
