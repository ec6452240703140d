import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Model } from '../../lib/model/model.ts';
import type { Patch } from '../../lib/study/cell.ts';
import { Patcher } from '../../lib/study/patcher.ts';
import type { StudyFile } from '../../lib/study/study-file.ts';
import { Optimizer } from '../../lib/model/optimizer.ts';
import { cli } from '../cli/cli-process.ts';
import { makeBatch } from '../oracle/batches.ts';
import { largestDifference, relativeError } from '../oracle/differences.ts';
import { readAll } from '../oracle/models.ts';
import { freshFolder, randomSequences, TINY_MODEL, writeIds } from '../train/tiny.ts';

/** Several processes a test, on a machine that may be busy. */
jest.setTimeout(600_000);

const WHOLE: Patch = { rank: null, layers: null, tables: true, scale: 1 };
const inLayers = (name: string): boolean => name.startsWith('model.layers.');

describe('a part of an update', () => {
  const trained = join(freshFolder(), 'trained');
  const patcher = new Patcher({ load: (path) => Model.load(path), originalPath: TINY_MODEL, pathOf: () => trained, onWork: () => {} });
  let [before, after] = [new Map<string, Float64Array>(), new Map<string, Float64Array>()];

  beforeAll(async () => {
    const model = await Model.load(TINY_MODEL);
    before = readAll(model.parameters());
    const optimizer = new Optimizer(model);
    for (let step = 0; step < 4; step++) {
      const { tokenCount } = await model.forwardBackward(
        makeBatch([
          [5, 9, 3, 17, 20, 6, 8],
          [30, 8, 9, 4, 4, 11, 7],
        ]),
      );
      await optimizer.step({ learningRate: 1e-2, gradScale: 1 / tokenCount });
    }
    await model.save(trained);
    after = readAll(model.parameters());
    optimizer.dispose();
    model.dispose();
  });
  afterAll(() => patcher.release());

  async function weightsOf(patch: Partial<Patch>): Promise<Map<string, Float64Array>> {
    const model = await patcher.patched({ cell: 'train', at: 'end' }, { ...WHOLE, ...patch });
    const weights = readAll(model.parameters());
    model.dispose();
    return weights;
  }

  const update = (name: string, weights: ReadonlyMap<string, Float64Array>): Float64Array =>
    weights.get(name)!.map((value, at) => value - before.get(name)![at]!);
  const names = (): string[] => [...before.keys()];

  test('whole, it is the trained model; scaled, it goes as far', async () => {
    const [whole, half] = [await weightsOf({}), await weightsOf({ scale: 0.5 })];
    for (const name of names()) {
      expect([name, largestDifference(whole.get(name)!, after.get(name)!) < 1e-6]).toEqual([name, true]);
      expect([
        name,
        largestDifference(
          update(name, half),
          update(name, after).map((value) => value / 2),
        ) < 1e-6,
      ]).toEqual([name, true]);
    }
  });

  test('without embedding and norms, or with them alone', async () => {
    const [matrices, tables] = [await weightsOf({ tables: false }), await weightsOf({ rank: 0 })];
    const isMatrix = (name: string): boolean => inLayers(name) && !name.includes('norm');
    for (const name of names()) {
      expect([name, largestDifference(matrices.get(name)!, (isMatrix(name) ? after : before).get(name)!) < 1e-6]).toEqual([name, true]);
      expect([name, largestDifference(tables.get(name)!, (isMatrix(name) ? before : after).get(name)!) < 1e-6]).toEqual([name, true]);
    }
  });

  test('of some layers, and cut to a rank as the singular values say', async () => {
    const { matrices } = await patcher.factorsOf({ cell: 'train', at: 'end' }, 64);
    const some = await weightsOf({ rank: 2, tables: false, layers: [[1, 2]], scale: 2 });
    for (const { parameter, squares, total } of matrices) {
      if (!parameter.startsWith('model.layers.1.')) {
        expect([parameter, some.get(parameter)]).toEqual([parameter, before.get(parameter)]);
        continue;
      }
      const halved = update(parameter, some).map((value) => value / 2);
      expect(relativeError(halved, update(parameter, after)) ** 2).toBeCloseTo(1 - (squares[0]! + squares[1]!) / total, 3);
    }
  });
});

const folder = freshFolder();
const domain = (name: string, seed: number): string =>
  `${name}=${writeIds(
    join(folder, `${name}.jsonl`),
    randomSequences(
      Array.from({ length: 30 }, () => 24),
      seed,
    ),
  )}`;
const RECIPE = [
  '--model',
  TINY_MODEL,
  '--samples',
  '8',
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
  '--seeds',
  '0,1',
];

test('the study: a patch of every rank is whole, and what it is made of can be looked up; it is gone on with', async () => {
  const out = join(folder, 'rank');
  const run = () =>
    cli('study', 'rank', ...RECIPE, '--data', domain('noise', 1), '--data', domain('sand', 2), '--ranks', '1,2,64', '--out', out);
  const { code, stderr } = await run();
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.any(String) });
  const { rows, charts, tests } = (JSON.parse(readFileSync(join(out, 'study.json'), 'utf8')) as StudyFile).findings!;
  const valueOf = (of: string, quantity: string): number => rows.find((row) => row.of === of && row.quantity === quantity)!.ours!.value;
  for (const name of ['noise', 'sand']) {
    // Of tiny matrices 64 singular values are all.
    expect(valueOf(`${name}: rank 64`, 'loss on the training samples, nats')).toBeCloseTo(
      valueOf(`${name}: all ranks`, 'loss on the training samples, nats'),
      4,
    );
    expect(valueOf(`${name}: hyperfitted`, 'loss on the training samples, nats')).toBeLessThan(
      valueOf(`${name}: rank 1`, 'loss on the training samples, nats'),
    );
    expect(valueOf(`${name}: rank 1`, 'loss on the training samples, nats')).toBeLessThan(
      valueOf(`${name}: original`, 'loss on the training samples, nats'),
    );
  }
  const all = rows.map(({ of }) => of);
  for (const name of [
    'noise: embedding and norms alone',
    'noise: rank 2, times 0.25',
    'noise: rank 2, layer 1 alone',
    'noise: rank 2, all but layer 2',
    'noise: LoRA trained at rank 32',
  ])
    expect(all).toContain(name);
  expect(all).not.toContain('sand: rank 2, times 0.25');
  const energy = charts.find(({ title }) => title === 'Energy of the update kept')!;
  expect(energy.series.map(({ name }) => name)).toEqual(['noise', 'sand']);
  for (const { points } of energy.series) {
    expect(points.map(({ x }) => x)).toEqual([1, 2, 64]);
    expect(points[2]!.y).toBeCloseTo(1, 4);
    expect(points[0]!.y).toBeLessThan(points[1]!.y);
  }
  expect(tests.map(({ first, second, quantity }) => `${first} / ${second}: ${quantity}`)).toContain(
    'noise: hyperfitted / noise: rank 2: longest overlap',
  );
  expect(existsSync(join(out, 'generations'))).toBe(true);
  const again = await run();
  expect([again.code, /done in/.test(again.stderr)]).toEqual([0, false]);
});

test('ranks that are none are refused', async () => {
  const { code, stderr } = await cli(
    'study',
    'rank',
    ...RECIPE,
    '--data',
    domain('noise', 1),
    '--ranks',
    '0,2',
    '--out',
    join(folder, 'refused'),
  );
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('expected') });
});
