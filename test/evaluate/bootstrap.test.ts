import { bootstrapMean } from '../../lib/evaluate/bootstrap.ts';

const values = Array.from({ length: 200 }, (_, index) => (index * 37) % 100);

describe('bootstrapMean', () => {
  test('gives the mean and an interval as wide as theory has it', () => {
    const interval = bootstrapMean(values, { seed: 1 })!;
    expect(interval.mean).toBe(49.5);
    // The values 0 .. 99 twice each: standard deviation 28.87, standard error 28.87 / sqrt(200) = 2.041.
    expect(interval.standardError).toBeGreaterThan(1.94);
    expect(interval.standardError).toBeLessThan(2.14);
    expect(Math.abs(interval.high - interval.low - 2 * 1.96 * 2.041)).toBeLessThan(0.6);
    expect(Math.abs((interval.high + interval.low) / 2 - 49.5)).toBeLessThan(0.4);
  });

  test('is repeatable and depends on the seed', () => {
    expect(bootstrapMean(values, { seed: 4 })).toEqual(bootstrapMean(values, { seed: 4 }));
    expect(bootstrapMean(values, { seed: 4 })).not.toEqual(bootstrapMean(values, { seed: 5 }));
  });

  test('draws whole clusters, so that copies of a value add no certainty', () => {
    const tripled = values.flatMap((value) => [value, value, value]);
    const clusters = values.flatMap((_, index) => [index, index, index]);
    const clustered = bootstrapMean(tripled, { clusters, seed: 1 })!;
    expect(clustered).toEqual({
      ...bootstrapMean(values, { seed: 1 })!,
      standardError: expect.closeTo(bootstrapMean(values, { seed: 1 })!.standardError, 10),
      low: expect.closeTo(bootstrapMean(values, { seed: 1 })!.low, 10),
      high: expect.closeTo(bootstrapMean(values, { seed: 1 })!.high, 10),
    });
    expect(bootstrapMean(tripled, { seed: 1 })!.standardError).toBeLessThan(0.7 * clustered.standardError);
  });

  test('has no value of nothing, no width for one value, and refuses unpaired clusters', () => {
    expect(bootstrapMean([])).toBeNull();
    expect(bootstrapMean([3])).toEqual({ mean: 3, low: 3, high: 3, standardError: 0 });
    expect(() => bootstrapMean([1, 2], { clusters: [1] })).toThrow(expect.objectContaining({ code: 'ERR_DATA' }));
  });
});
