import { readBest, type BestCheckpoint } from '../../lib/checkpoint/best-checkpoint.ts';
import { Model } from '../../lib/model/model.ts';
import { BestKeeper, type BestKeeperParts } from '../../lib/run/best-keeper.ts';
import { freshFolder, TINY_MODEL } from '../train/tiny.ts';

let model: Model;
beforeAll(async () => (model = await Model.load(TINY_MODEL)));
afterAll(() => model.dispose());

const parts = (more: Partial<BestKeeperParts>): BestKeeperParts => ({
  folder: freshFolder(),
  keepBest: 'both',
  model,
  step: 0,
  stepsPerEpoch: 2,
  records: [],
  ...more,
});
const stepsOf = (best: readonly BestCheckpoint[]): [string, number][] => best.map(({ criterion, step }) => [criterion, step]);

test('the loss is the mean over the tokens of the last pass', async () => {
  const keeper = await BestKeeper.open(
    parts({
      records: [
        { type: 'step', step: 1, loss: 9, tokens: 1 },
        { type: 'evaluation', step: 1, loss: 99, tokens: 1 },
      ],
    }),
  );
  expect(keeper.trainLoss).toBe(9);
  keeper.observe({ loss: 4, tokens: 1 });
  keeper.observe({ loss: 2, tokens: 3 });
  expect(keeper.trainLoss).toBe(2.5);
});

test('each criterion keeps its own step; the original model is no candidate', async () => {
  const given = parts({});
  const keeper = await BestKeeper.open(given);
  expect(await keeper.consider({ step: 0, ttr: 1, rep2: 0 })).toEqual([]);
  keeper.observe({ loss: 3, tokens: 10 });
  expect(stepsOf(await keeper.consider({ step: 1, ttr: 0.5, rep2: 0.5 }))).toEqual([
    ['generation', 1],
    ['loss', 1],
  ]);
  keeper.observe({ loss: 1, tokens: 10 });
  expect(stepsOf(await keeper.consider({ step: 2, ttr: 0.4, rep2: 0.1 }))).toEqual([['loss', 2]]);
  keeper.observe({ loss: 5, tokens: 10 });
  expect(stepsOf(await keeper.consider({ step: 3, ttr: 0.6, rep2: 0.9 }))).toEqual([['generation', 3]]);
  expect(stepsOf(readBest(given.folder))).toEqual([
    ['generation', 3],
    ['loss', 2],
  ]);
});

test('a resumed run keeps what is behind it and does not trust what lies ahead', async () => {
  const given = parts({});
  const keeper = await BestKeeper.open(given);
  keeper.observe({ loss: 1, tokens: 1 });
  await keeper.consider({ step: 1, ttr: 0.5, rep2: 0.5 });
  await keeper.consider({ step: 2, ttr: 0.9, rep2: 0.5 });
  const resumed = await BestKeeper.open({ ...given, step: 1, records: [{ type: 'step', step: 1, loss: 1, tokens: 1 }] });
  expect(stepsOf(readBest(given.folder))).toEqual([
    ['generation', 2],
    ['loss', 1],
  ]);
  resumed.observe({ loss: 2, tokens: 1 });
  expect(stepsOf(await resumed.consider({ step: 2, ttr: 0.3, rep2: 0.5 }))).toEqual([['generation', 2]]);
  expect(readBest(given.folder).map(({ ttr }) => ttr)).toEqual([0.3, 0.5]);
});

test.each(['none', 'generation', 'loss'] as const)('keepBest %s keeps nothing else', async (keepBest) => {
  const keeper = await BestKeeper.open(parts({ keepBest }));
  keeper.observe({ loss: 1, tokens: 1 });
  expect((await keeper.consider({ step: 1, ttr: 0.5, rep2: 0.5 })).map(({ criterion }) => criterion)).toEqual(
    keepBest === 'none' ? [] : [keepBest],
  );
});
