import { configWarnings, lossFloor } from '../../lib/config/warnings.ts';

const settings = {
  learningRate: 1e-6,
  targetLoss: null,
  sequenceLength: 256,
  batchSize: 8,
  epochs: 20,
  maxSteps: null,
  warmupSteps: 0,
} as const;

test('the loss floor is ln(n) over the predictions of one sequence', () => {
  expect(lossFloor(2000, 256)).toBeCloseTo(0.0298, 4);
  expect(lossFloor(8, 256)).toBeCloseTo(0.00815, 5);
  expect(lossFloor(1, 256)).toBe(0);
});

test('a target below the floor is warned about, one above is not', () => {
  expect(configWarnings({ ...settings, targetLoss: 0.01 }, 2000)).toEqual([expect.stringContaining('0.030')]);
  expect(configWarnings({ ...settings, targetLoss: 0.1 }, 2000)).toEqual([]);
});

test('a floor known from the sequences goes before the one of the worst case', () => {
  expect(configWarnings({ ...settings, targetLoss: 0.01 }, 2000, { floor: 0.009 })).toEqual([]);
  expect(configWarnings({ ...settings, targetLoss: 0.01 }, 2000, { floor: 0.01 })).toEqual([
    expect.stringContaining('0.010, the least mean loss that any model can reach on these 2000'),
  ]);
});

test('a warm-up that outlasts the run is warned about', () => {
  expect(configWarnings({ ...settings, warmupSteps: 20 }, 8)).toEqual([expect.stringContaining('all 20 steps')]);
  expect(configWarnings({ ...settings, warmupSteps: 19 }, 8)).toEqual([]);
  expect(configWarnings({ ...settings, warmupSteps: 500, epochs: null, targetLoss: 1 }, 8)).toEqual([]);
  expect(configWarnings({ ...settings, warmupSteps: 7, maxSteps: 7 }, 8)).toEqual([expect.stringContaining('all 7 steps')]);
});

test('the paper learning rate moves float32 weights and not bfloat16 ones', () => {
  expect(configWarnings(settings, 2000, { weightDtype: 'float32' })).toEqual([]);
  expect(configWarnings(settings, 2000, { weightDtype: 'bfloat16' })).toEqual([expect.stringContaining('0.00051')]);
});

test('a rate too small even for float32 is warned about', () => {
  expect(configWarnings({ ...settings, learningRate: 1e-9 }, 10)).toEqual([expect.stringContaining('cannot move')]);
});

test('more samples than there are', () => {
  const asked = { ...settings, samples: 50, evaluateEverySteps: 0, comparisonContexts: 0 };
  expect(configWarnings(asked, 3)).toEqual([expect.stringMatching(/samples 50 .* have 3/)]);
  expect(configWarnings({ ...asked, comparisonContexts: 8, heldOut: 'other.txt' }, 3)).toHaveLength(1);
  expect(configWarnings({ ...asked, comparisonContexts: 8 }, 3)).toEqual([]);
  expect(configWarnings(asked, 50)).toEqual([]);
});
