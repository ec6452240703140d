import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { typeTokenRatio } from '../../lib/evaluate/type-token-ratio.ts';
import { Model } from '../../lib/model/model.ts';
import type { ResultOf } from '../../lib/study/cell-results.ts';
import type { StudyFile } from '../../lib/study/study-file.ts';
import { cli } from '../cli/cli-process.ts';
import { freshFolder, randomSequences, TINY_MODEL, writeIds } from '../train/tiny.ts';

/** Several processes a test, on a machine that may be busy. */
jest.setTimeout(600_000);

const folder = freshFolder();
const domain = (name: string, seed: number): string =>
  writeIds(
    join(folder, `${name}.jsonl`),
    randomSequences(
      Array.from({ length: 30 }, () => 24),
      seed,
    ),
  );
const RECIPE = [
  '--model',
  TINY_MODEL,
  '--samples',
  '16',
  '--batch-size',
  '4',
  '--learning-rate',
  '1e-3',
  '--epochs',
  '4',
  '--contexts',
  '4',
  '--context-length',
  '8',
  '--new-tokens',
  '12',
];

async function run(name: string, ...more: string[]): Promise<NonNullable<StudyFile['findings']>> {
  const { code, stderr } = await cli('study', name, ...RECIPE, '--out', join(folder, name), ...more);
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.any(String) });
  return (JSON.parse(readFileSync(join(folder, name, 'study.json'), 'utf8')) as StudyFile).findings!;
}

const cellOf = <K extends 'text' | 'train'>(study: string, id: string): ResultOf<K> =>
  (JSON.parse(readFileSync(join(folder, study, 'cells', `${id}.json`), 'utf8')) as { result: ResultOf<K> }).result;
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const noise = domain('noise', 1);

test('probe: the probabilities that the logits give, of both models, drawn over the text', async () => {
  const text = 'It was a dark night at sea';
  const { rows, charts } = await run('probe', '--data', `noise=${noise}`, '--seeds', '0', '--text', text, '--word', 'sea');
  const model = await Model.load(TINY_MODEL);
  const tokens = await model.requireTokenizer().encode(text);
  const { logits } = await model.forward({ tokens, batchSize: 1, sequenceLength: tokens.length });
  const probabilities = logits.softmax(-1).toTypedArray() as Float32Array;
  model.dispose();
  const [original, hyperfitted] = charts[0]!.series;
  expect([original!.name, hyperfitted!.name]).toEqual(['original', 'hyperfitted']);
  expect(original!.points).toHaveLength(tokens.length - 1);
  for (const { x, y } of original!.points)
    expect(y).toBeCloseTo(probabilities[(x - 2) * (probabilities.length / tokens.length) + tokens[x - 1]!]!, 6);
  expect(hyperfitted!.points).not.toEqual(original!.points);
  expect(rows[0]).toMatchObject({ quantity: 'samples that hold "sea"', ours: { n: 16, value: expect.any(Number) } });
});

test('sweep: one setting at a time, low-rank additions among them', async () => {
  const { rows } = await run('sweep', '--data', `noise=${noise}`, '--seeds', '0', '--rates', '1e-3,3e-3');
  const losses = rows.filter(({ quantity }) => quantity === 'training loss of the last pass');
  expect(losses.map(({ of }) => of)).toEqual([
    'learning rate 0.001',
    'learning rate 0.003',
    '2 epochs',
    '8 epochs',
    'batch size 2',
    'batch size 8',
    'LoRA of rank 16, all layers',
  ]);
  const lossOf = (of: string): number => losses.find((row) => row.of === of)!.ours!.value;
  expect(lossOf('8 epochs')).toBeLessThan(lossOf('learning rate 0.001'));
  expect(lossOf('learning rate 0.001')).toBeLessThan(lossOf('2 epochs'));
  expect(cellOf<'train'>('sweep', 'train-batch-2-s0').steps).toBe(32);
});

test('grokking: four curves over the logarithm of steps; decay takes weight away, random weights begin elsewhere', async () => {
  const { rows, charts } = await run('grokking', '--data', `noise=${noise}`, '--seeds', '0', '--decay', '20');
  const valueOf = (of: string, quantity: string): number => rows.find((row) => row.of === of && row.quantity === quantity)!.ours!.value;
  expect(valueOf('pretrained, weight decay', 'weight norm at step 16')).toBeLessThan(0.9 * valueOf('pretrained', 'weight norm at step 16'));
  expect(valueOf('pretrained, weight decay', 'weight norm at the start')).toBe(valueOf('pretrained', 'weight norm at the start'));
  expect(valueOf('random weights', 'weight norm at the start')).not.toBeCloseTo(valueOf('pretrained', 'weight norm at the start'), 2);
  expect(charts.map(({ xScale, series }) => [xScale, series.map(({ points }) => points.map(({ x }) => x))])[1]).toEqual([
    'log',
    Array.from({ length: 4 }, () => [0, 1, 2, 3, 6, 10, 16]),
  ]);
});

test('domains: every one trained on against every one written in, own kind compared with the others', async () => {
  const { matrices, tests } = await run(
    'domains',
    '--data',
    `noise=${noise}`,
    '--data',
    `sand=${domain('sand', 2)}`,
    '--data',
    `snow=${domain('snow', 3)}`,
    '--seeds',
    '0,1',
  );
  const [ratios] = matrices;
  expect([ratios!.rows, ratios!.columns]).toEqual([
    ['original', 'noise', 'sand', 'snow'],
    ['noise', 'sand', 'snow'],
  ]);
  const written = [0, 1].flatMap((seed) =>
    cellOf<'text'>('domains', `text-sand-s${seed}-on-snow`).texts.map(({ ids }) => typeTokenRatio(ids)!),
  );
  expect(ratios!.values[2]![2]!.value).toBeCloseTo(mean(written), 12);
  expect(tests.map(({ first, second, quantity }) => `${first} / ${second}: ${quantity}`)).toContain(
    'hyperfitted on snow / hyperfitted on sand: type-token ratio on snow',
  );
  const [own, other] = [ratios!.values[3]![2]!.value, ratios!.values[2]![2]!.value];
  expect(tests.find(({ first, second }) => first.endsWith('snow') && second.endsWith('sand'))!.difference).toBeCloseTo(own - other, 12);
});

test('length: the ratio of the last 96 tokens along the text', async () => {
  const { rows } = await run('length', '--data', `noise=${noise}`, '--seeds', '0', '--new-tokens', '110');
  const texts = cellOf<'text'>('length', 'text-hyperfitted-s0').texts.map(({ ids }) => ids);
  for (const position of [96, 103, 110]) {
    const row = rows.find(({ of, quantity }) => of === 'hyperfitted, greedy' && quantity.endsWith(`up to token ${position}`))!;
    expect(row.ours!.value).toBeCloseTo(mean(texts.map((ids) => new Set(ids.slice(position - 96, position)).size / 96)), 12);
  }
});
