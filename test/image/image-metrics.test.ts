import { contextPixels, meanImageMetrics, measureImage } from '../../lib/image/image-metrics.ts';

test('a quarter of the pixels is given', () => {
  expect([contextPixels({ width: 32, height: 32 }), contextPixels({ width: 14, height: 14 })]).toEqual([256, 49]);
});

test('vertical stripes repeat every row and have one distinct row', () => {
  const stripes = Int32Array.from({ length: 64 }, (_, at) => at % 8);
  expect(measureImage(stripes, 8, 16)).toEqual({ rowRepeatRate: 1, paletteTtr: 8 / 48, distinctRows: 1 / 6, trainingMatch: null });
});

test('only whole completed rows count, the first against the given row above', () => {
  // Rows: 0 0 | 0 1 | 0 1 | 2 3, of which three pixels are given.
  expect(measureImage(Int32Array.of(0, 0, 0, 1, 0, 1, 2, 3), 2, 3)).toEqual({
    rowRepeatRate: 0.5,
    paletteTtr: 4 / 5,
    distinctRows: 1,
    trainingMatch: null,
  });
});

test('the training image with the most equal completed pixels counts, its given part does not', () => {
  const train = [Int32Array.of(0, 0, 1, 1, 9, 9), Int32Array.of(7, 7, 1, 2, 3, 9)];
  expect(measureImage(Int32Array.of(0, 0, 1, 2, 3, 4), 2, 2, train).trainingMatch).toBe(3 / 4);
});

test('a set is measured by its mean, none by null', () => {
  const [one, other] = [
    { rowRepeatRate: 0, paletteTtr: 0.5, distinctRows: 1, trainingMatch: 0.5 },
    { rowRepeatRate: 1, paletteTtr: 0.25, distinctRows: 0.5, trainingMatch: 1 },
  ];
  expect(meanImageMetrics([one, other])).toEqual({ rowRepeatRate: 0.5, paletteTtr: 0.375, distinctRows: 0.75, trainingMatch: 0.75 });
  expect(meanImageMetrics([one, { ...other, trainingMatch: null }])!.trainingMatch).toBeNull();
  expect(meanImageMetrics([])).toBeNull();
});
