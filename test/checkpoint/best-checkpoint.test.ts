import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { bestPath, isBetter, readBest, recoverBest, saveBest, type BestScore } from '../../lib/checkpoint/best-checkpoint.ts';
import { newestCheckpoint, resolveModelPath, rotateCheckpoints } from '../../lib/checkpoint/checkpoint-list.ts';
import { Model } from '../../lib/model/model.ts';
import { freshFolder, TINY_MODEL } from '../train/tiny.ts';

const score = (values: Partial<BestScore>): BestScore => ({ step: 4, trainLoss: 2, ttr: 0.5, rep2: 0.25, ...values });

describe('isBetter', () => {
  test.each([
    ['a higher ratio', { ttr: 0.6, rep2: 0.9 }, true],
    ['a lower ratio', { ttr: 0.4, rep2: 0 }, false],
    ['an equal ratio with fewer repeated bigrams', { rep2: 0.2 }, true],
    ['an equal ratio with more', { rep2: 0.3 }, false],
    ['an equal in both', {}, false],
    ['no ratio', { ttr: null, rep2: 0 }, false],
  ])('by generation, %s', (_, candidate, wins) => {
    expect(isBetter('generation', score(candidate), score({}))).toBe(wins);
  });

  test.each([
    ['a lower loss', 1, true],
    ['an equal one', 2, false],
    ['a higher one', 3, false],
    ['none', null, false],
  ])('by loss, %s', (_, trainLoss, wins) => {
    expect(isBetter('loss', score({ trainLoss, ttr: 0 }), score({}))).toBe(wins);
  });

  test.each([
    ['more exact answers, whatever the loss', { exactMatch: 0.6, answerLoss: 9 }, true],
    ['fewer', { exactMatch: 0.4, answerLoss: 0 }, false],
    ['as many with a lower loss', { answerLoss: 0.9 }, true],
    ['as many with an equal loss', {}, false],
    ['more variety and nothing else', { ttr: 1, rep2: 0 }, false],
  ])('by generation of answers, %s', (_, candidate, wins) => {
    const answered = { exactMatch: 0.5, answerLoss: 1 };
    expect(isBetter('generation', score({ ...answered, ...candidate }), score(answered))).toBe(wins);
  });

  test('by generation of answers without references, the lower loss', () => {
    expect(
      isBetter(
        'generation',
        score({ ttr: null, exactMatch: null, answerLoss: 0.5 }),
        score({ ttr: null, exactMatch: null, answerLoss: 1 }),
      ),
    ).toBe(true);
    expect(isBetter('generation', score({ ttr: null, exactMatch: 0, answerLoss: 9 }), undefined)).toBe(true);
  });

  test('anything measured beats nothing', () => {
    expect([isBetter('generation', score({ ttr: 0, rep2: 1 }), undefined), isBetter('loss', score({ trainLoss: 9 }), undefined)]).toEqual([
      true,
      true,
    ]);
    expect([isBetter('generation', score({ ttr: null }), undefined), isBetter('loss', score({ trainLoss: null }), undefined)]).toEqual([
      false,
      false,
    ]);
  });
});

describe('saveBest', () => {
  let model: Model;
  beforeAll(async () => (model = await Model.load(TINY_MODEL)));
  afterAll(() => model.dispose());

  test('keeps model folders whose weights stand on the disk once, and says by what they are the best', async () => {
    const folder = freshFolder();
    const kept = await saveBest(folder, ['generation', 'loss'], model, score({ step: 7 }));
    expect(readBest(folder)).toEqual(kept);
    expect(kept.map(({ criterion, step }) => [criterion, step])).toEqual([
      ['generation', 7],
      ['loss', 7],
    ]);
    const inodes = kept.map(({ path }) => statSync(join(path, 'model.safetensors')).ino);
    expect(inodes[0]).toBe(inodes[1]);
    const again = await Model.load(await resolveModelPath(kept[1]!.path));
    expect(await again.changedShare(model.files)).toBe(0);
    again.dispose();
  });

  test('replacing one of two that share files leaves the other as it was', async () => {
    const folder = freshFolder();
    await saveBest(folder, ['generation', 'loss'], model, score({ step: 2 }));
    const before = readFileSync(join(bestPath(folder, 'loss'), 'model.safetensors'));
    await saveBest(folder, ['generation'], model, score({ step: 6, ttr: 0.75 }));
    expect(readBest(folder).map(({ criterion, step, ttr }) => [criterion, step, ttr])).toEqual([
      ['generation', 6, 0.75],
      ['loss', 2, 0.5],
    ]);
    expect(readFileSync(join(bestPath(folder, 'loss'), 'model.safetensors')).equals(before)).toBe(true);
    await expect(resolveModelPath(bestPath(folder, 'loss'))).resolves.toBe(bestPath(folder, 'loss'));
  });

  test('is spared by the pruning and never taken for the newest checkpoint', async () => {
    const folder = freshFolder();
    await saveBest(folder, ['loss'], model, score({}));
    await rotateCheckpoints(folder, join(folder, 'step-000001'), 1);
    expect(readdirSync(folder)).toEqual(['best-by-loss']);
    await expect(newestCheckpoint(folder)).resolves.toBeUndefined();
  });

  test('one without its manifest does not count, and one that had stepped aside comes back', async () => {
    const folder = freshFolder();
    const [kept] = await saveBest(folder, ['loss'], model, score({}));
    renameSync(kept!.path, `${kept!.path}.replaced`);
    expect(readBest(folder)).toEqual([]);
    await recoverBest(folder);
    expect(readBest(folder)).toEqual([kept]);
    rmSync(join(kept!.path, 'manifest.json'));
    expect(readBest(folder)).toEqual([]);
    expect(existsSync(kept!.path)).toBe(true);
  });
});
