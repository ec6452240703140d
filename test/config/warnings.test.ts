import { configWarnings, lossFloor } from '../../lib/config/warnings.ts';

const settings = { learningRate: 1e-6, computeDtype: 'float32', targetLoss: null, sequenceLength: 256 } as const;

test('the loss floor is ln(n) over the predictions of one sequence', () => {
  expect(lossFloor(2000, 256)).toBeCloseTo(0.0298, 4);
  expect(lossFloor(8, 256)).toBeCloseTo(0.00815, 5);
  expect(lossFloor(1, 256)).toBe(0);
});

test('a target below the floor is warned about, one above is not', () => {
  expect(configWarnings({ ...settings, targetLoss: 0.01 }, 2000)).toEqual([expect.stringContaining('0.030')]);
  expect(configWarnings({ ...settings, targetLoss: 0.1 }, 2000)).toEqual([]);
});

test('the paper learning rate moves float32 weights and not bfloat16 ones', () => {
  expect(configWarnings(settings, 2000, 'float32')).toEqual([]);
  expect(configWarnings(settings, 2000, 'bfloat16')).toEqual([expect.stringContaining('0.00051')]);
});

test('a rate too small even for float32 is warned about', () => {
  expect(configWarnings({ ...settings, learningRate: 1e-9 }, 10)).toEqual([expect.stringContaining('cannot move')]);
});
