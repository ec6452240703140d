import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pairedBootstrap, bootstrapRatio } from '../../lib/evaluate/bootstrap.ts';
import { DatasetBleu } from '../../lib/evaluate/dataset-bleu.ts';
import { signNumber } from '../../lib/evaluate/signature.ts';
import { packageVersion } from '../../lib/libtorch/package-root.ts';
import { agreementParts } from '../../lib/study/agreement.ts';
import type { LikelihoodCellResult } from '../../lib/study/cell-results.ts';
import { beginsWithRight, indexOfMost } from '../../lib/study/choice-cell.ts';
import { readChoiceItems } from '../../lib/study/choice-items.ts';
import { adjustTests, comparePairs, NO_FINDINGS } from '../../lib/study/findings.ts';
import { logSteps } from '../../lib/study/grokking.ts';
import { positionsUpTo } from '../../lib/study/length.ts';
import { describeCount, meanOf } from '../../lib/study/measured.ts';
import { freshFolder, refusal } from '../train/tiny.ts';
import { Random } from '../../lib/data/random.ts';
import { formatProbability } from '../../lib/report/format-probability.ts';

const likelihood = (tokens: number[], top1Ids: number[]): LikelihoodCellResult => {
  const none = tokens.map(() => 0);
  return { sums: { tokens, loss: none, entropy: none, top1Mass: none, top3Mass: none, top5Mass: none, correct: none }, top1Ids };
};

test('agreement counts equal first choices sequence by sequence', () => {
  const left = likelihood([3, 2], [1, 2, 3, 4, 5]);
  expect(agreementParts(left, likelihood([3, 2], [1, 9, 3, 9, 9]))).toEqual([
    { sum: 2, count: 3 },
    { sum: 0, count: 2 },
  ]);
  expect(agreementParts(left, left)).toEqual([
    { sum: 3, count: 3 },
    { sum: 2, count: 2 },
  ]);
});

test('dataset BLEU is that of nltk with smoothing method1', () => {
  const bleu = new DatasetBleu([
    [1, 2, 3, 4, 5, 6, 7, 8],
    [3, 4, 9, 9, 1, 2],
    [5, 6, 7, 1, 1, 2, 3],
  ]);
  expect(bleu.score([1, 2, 3, 4, 9, 9])).toBeCloseTo(0.9036020036098448, 12);
  expect(bleu.score([5, 6, 7, 8, 1])).toBeCloseTo(0.5789300674674098, 12);
  expect(bleu.score([20, 21, 22, 1])).toBeCloseTo(0.04873039689743777, 12);
  expect(bleu.score([40, 41])).toBe(0);
  expect(new DatasetBleu([]).score([1])).toBe(0);
});

describe('means of clusters', () => {
  test('weigh tokens, merge seeds by cluster, and skip what has no value', () => {
    const measured = meanOf(
      [
        {
          cell: 'a',
          parts: [
            { sum: 1, count: 4 },
            { sum: 0, count: 0 },
          ],
        },
        {
          cell: 'b',
          parts: [
            { sum: 3, count: 1 },
            { sum: 2, count: 1 },
          ],
        },
      ],
      'x|unit:y',
      { decoding: 'greedy' },
    )!;
    expect(measured).toMatchObject({ value: 1, n: 2, unit: 'contexts', seeds: [0.25, 2.5], files: ['cells/a.json', 'cells/b.json'] });
    expect(measured.signature).toBe(
      `x|unit:y|interval:95|crossed:contexts-x-seeds|t:cochran|contexts:2|seeds:2|decoding:greedy|hyperfit:${packageVersion()}`,
    );
    const alone = meanOf(
      [
        {
          cell: 'a',
          parts: [
            { sum: 1, count: 4 },
            { sum: 0, count: 0 },
          ],
        },
      ],
      'x',
    )!;
    // One context has no interval: its width would be 0.
    expect([alone.low, alone.high, alone.n]).toEqual([null, null, 1]);
    const oneRun = meanOf([{ cell: 'a', parts: [1, 2, 3].map((sum) => ({ sum, count: 1 })) }], 'x')!;
    expect(oneRun.signature).toContain('|interval:bootstrap-95-by-cluster|spread-of-seeds:not-in-it|contexts:3|seeds:1|');
    expect(meanOf([{ cell: 'a', parts: [{ sum: 0, count: 0 }] }], 'x')).toBeNull();
  });

  test('intervals stay within the scale of what is measured', () => {
    const runs = [0.2, 0.9].map((value) => ({ cell: 'a', parts: Array.from({ length: 30 }, () => ({ sum: value, count: 1 })) }));
    expect(meanOf(runs, 'ttr|unit:token-ids')).toMatchObject({ low: 0, high: 1 });
    expect(meanOf(runs, 'loss|unit:nats')!.high).toBeGreaterThan(1);
  });

  test('what is the same everywhere is not certain for that', () => {
    const none = Array.from({ length: 3 }, () => ({ cell: 'a', parts: Array.from({ length: 128 }, () => ({ sum: 0, count: 1 })) }));
    // Wilson's interval of 0 of 128: z^2 / (n + z^2).
    expect(meanOf(none, 'overlap|unit:token-ids|share:over-10')).toMatchObject({
      value: 0,
      low: 0,
      high: expect.closeTo(3.8415 / 131.8415, 5),
      signature: expect.stringContaining('interval:wilson|'),
    });
    expect(meanOf(none.slice(0, 1), 'choice-accuracy|score:x')!.high).toBeGreaterThan(0.02);
    expect(meanOf(none, 'overlap|unit:token-ids|mean:texts')).toMatchObject({
      low: null,
      high: null,
      signature: expect.stringContaining('interval:none'),
    });
  });

  test('the ratio over clusters is that of their sums', () => {
    expect(
      bootstrapRatio([
        { sum: 1, count: 2 },
        { sum: 5, count: 4 },
      ])!.mean,
    ).toBe(1);
    expect(bootstrapRatio([])).toBeNull();
  });
});

describe('paired comparison', () => {
  const parts = (values: number[]) => [{ cell: 'c', parts: values.map((sum) => ({ sum, count: 1 })) }];

  test('a difference of one sign everywhere has the least p', () => {
    const result = pairedBootstrap([1, 2, 1.5, 0.5, 1], { resamples: 999 })!;
    expect(result.difference).toBeCloseTo(1.2, 12);
    expect(result.low).toBeGreaterThan(0);
    expect(result.p).toBe(2 / 32);
  });

  test('no difference has p 1, and a symmetric one a large p', () => {
    expect(pairedBootstrap([0, 0, 0])!.p).toBe(1);
    expect(pairedBootstrap([1, -1, 2, -2])!.p).toBeGreaterThan(0.5);
    expect(pairedBootstrap([])).toBeNull();
  });

  test('all tests of a study are adjusted together', () => {
    const [base, high, same] = [
      [1, 2, 3, 4],
      [2, 3, 4, 5],
      [1, 2, 3, 4],
    ].map((values, index) => ({ name: String(index), runs: parts(values) }));
    const { tests } = adjustTests({
      ...NO_FINDINGS,
      tests: [...comparePairs('x', [[high!, base!]]), ...comparePairs('y', [[same!, base!]])],
    });
    expect(tests.map(({ difference }) => difference)).toEqual([1, 0]);
    expect(tests[0]!.adjustedP).toBeCloseTo(2 * tests[0]!.p, 12);
    expect(tests[1]!.adjustedP).toBe(1);
    expect(tests[0]!.signature).toContain('contexts:4|seeds:1|tests:2');
  });

  const crossing = (...seeds: number[][]): { name: string; runs: { cell: string; parts: { sum: number; count: number }[] }[] } => ({
    name: 'v',
    runs: seeds.flatMap((values) => parts(values)),
  });
  const flat = crossing(Array.from({ length: 40 }, () => 0));

  test('seeds that disagree make a difference uncertain, however sure each is over contexts', () => {
    const spread = (mean: number): number[] => Array.from({ length: 40 }, (_, at) => mean + (at % 4) / 1000);
    const [apart] = comparePairs('x', [[crossing(spread(1), spread(5)), flat]]);
    expect(apart).toMatchObject({ difference: expect.closeTo(3.0015, 9), n: 40, unit: 'contexts', seeds: 2, isBound: false });
    expect(apart!.p).toBeGreaterThan(0.25);
    expect(apart!.low).toBeLessThan(0);
    const [together] = comparePairs('x', [[crossing(spread(3), spread(3.001)), flat]]);
    expect(together!.p).toBeLessThan(0.01);
    expect(together!.low).toBeGreaterThan(2.9);
  });

  test('eight contexts of two seeds are eight, whose p is 2 in 256 or more', () => {
    const eight = (shift: number): number[] => [1, 2, 3, 4, 5, 6, 7, 8].map((value) => value + shift);
    const [test] = comparePairs('x', [[crossing(eight(20), eight(20)), crossing(eight(0))]]);
    expect(test).toMatchObject({ n: 8, seeds: 2, p: 2 / 256 });
    const { notes } = adjustTests({ ...NO_FINDINGS, tests: [test!] });
    expect(notes).toEqual([
      'Tested: x. Other quantities are shown, not tested.',
      expect.stringMatching(/^Two seeds leave one degree/),
      '8 contexts are few: only large differences show, and no p can be below 0.0078; take 20 or more.',
    ]);
  });

  test('a bound stays one through the adjustment, and what stands on it too', () => {
    const clear = parts(Array.from({ length: 40 }, (_, at) => 3 + at / 40));
    const mixed = parts(Array.from({ length: 40 }, (_, at) => (at % 2 === 0 ? 1 : -1)));
    const tests = comparePairs('x', [
      [{ name: 'a', runs: clear }, flat],
      [{ name: 'b', runs: mixed }, flat],
    ]);
    const {
      tests: [first, second],
      notes,
    } = adjustTests({ ...NO_FINDINGS, tests });
    expect(first).toMatchObject({ p: 1e-5, isBound: true, adjustedP: 2e-5, isAdjustedBound: true });
    expect(second).toMatchObject({ isBound: false, isAdjustedBound: false });
    expect(notes.join(' ')).toContain('Comparisons of one seed are over contexts alone');
  });

  test('under a null with seeds that differ, about one test in twenty rejects or fewer', () => {
    const random = new Random(17);
    const normal = (): number => Math.sqrt(-2 * Math.log(1 - random.nextFloat())) * Math.cos(2 * Math.PI * random.nextFloat());
    let rejected = 0;
    for (let trial = 0; trial < 400; trial += 1) {
      const runs = [0, 1, 2].map(() => {
        const shift = 0.5 * normal();
        return Array.from({ length: 16 }, () => shift + normal());
      });
      if (comparePairs('x', [[crossing(...runs), crossing(Array.from({ length: 16 }, () => 0))]])[0]!.p <= 0.05) rejected += 1;
    }
    expect(rejected / 400).toBeLessThan(0.05 + 2 * Math.sqrt((0.05 * 0.95) / 400));
  });
});

test('steps and positions spread as they should', () => {
  expect(logSteps(160)).toEqual([0, 1, 2, 3, 6, 10, 18, 32, 56, 100, 160]);
  expect(logSteps(1)).toEqual([0, 1]);
  expect(positionsUpTo(12)).toEqual([12]);
  expect(positionsUpTo(97)).toEqual([96, 97]);
  const long = positionsUpTo(512);
  expect([long[0], long.at(-1), long.length]).toEqual([96, 512, 32]);
});

test('a signature ends with the version', () => {
  expect(signNumber('ttr|window:96', { n: 32 })).toBe(`ttr|window:96|n:32|hyperfit:${packageVersion()}`);
});

describe('multiple choice', () => {
  const path = join(freshFolder(), 'task.jsonl');

  test('reads questions, contexts, and answers by index or text', async () => {
    writeFileSync(
      path,
      '{"question": "Red?", "choices": ["apple", "sky"], "answer": "sky"}\n\n{"context": "A.", "question": "B?", "choices": ["x", "y"], "answer": 0}\n',
    );
    expect(await readChoiceItems(path)).toEqual([
      { context: 'Red?', choices: ['apple', 'sky'], answer: 1 },
      { context: 'A.\nB?', choices: ['x', 'y'], answer: 0 },
    ]);
  });

  test.each([
    ['{"question": "Q", "choices": ["a", "b"], "answer": "c"}', '"answer" is neither'],
    ['{"question": "Q", "choices": ["a", "b"], "answer": 2}', '"answer" is neither'],
    ['{"question": "Q", "choices": ["a"], "answer": 0}', 'expected {"question"'],
    ['{"choices": ["a", "b"], "answer": 0}', 'expected "question" or "context"'],
    ['{"question": "Q"', 'expected JSON'],
    ['', 'got none'],
  ])('refuses %s', async (line, message) => {
    writeFileSync(path, line);
    expect(await refusal(readChoiceItems(path))).toEqual({ code: 'ERR_DATA', message: expect.stringContaining(message) });
  });

  test('a written answer counts when it begins with the right choice, the longest that fits', () => {
    const item = { context: '', choices: ['not', 'not at all', 'yes'], answer: 1 };
    expect(beginsWithRight('  Not at all, he said', item)).toBe(true);
    expect(beginsWithRight('not much', item)).toBe(false);
    expect(beginsWithRight('maybe', item)).toBe(false);
    expect(indexOfMost([1, 3, 3, 2])).toBe(1);
  });
});

describe('the count behind a number', () => {
  test.each([
    [{ n: 8, unit: 'contexts', seeds: 2 } as const, '8 contexts x 2 seeds'],
    [{ n: 1, unit: 'contexts', seeds: 1 } as const, '1 context'],
    [{ n: 3, unit: 'runs', seeds: 3 } as const, '3 runs'],
    [{ n: 6, unit: 'pairs of runs', seeds: 6 } as const, '6 pairs of runs'],
  ])('%j', (counted, text) => {
    expect(describeCount(counted)).toBe(text);
  });
});

describe('probabilities on a page', () => {
  test.each([
    [0.00001, true, '< 0.0001'],
    [0.0004001, true, '≤ 0.0005'],
    [0.0078125, false, '0.0078'],
    [1e-9, false, '< 0.0001'],
    [1, false, '1.0000'],
  ])('%d, a bound: %s', (p, isBound, text) => {
    expect(formatProbability(p, isBound)).toBe(text);
  });
});
