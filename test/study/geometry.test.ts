import { meanCosine, meanEntropy, meanNorm, participationRatio, ranksOf } from '../../lib/study/geometry.ts';
import { bisect } from '../../lib/study/bisection.ts';
import { scope, Tensor, torch } from '../../lib/tensor/tensor.ts';

const STATES = [
  [7.123, -1.556, 1.209, 0.943],
  [-0.358, 0.784, -0.01, 0.977],
  [-1.596, 4.323, 1.113, 0.965],
  [0.156, 0.332, 0.472, 0.961],
  [2.446, 0.761, 1.479, 0.98],
  [1.073, 2.546, 1.273, 0.949],
];
const OTHERS = [
  [7.086, -1.448, 1.596, 0.889],
  [-0.407, 0.984, -0.187, 0.919],
  [-1.419, 4.439, 1.131, 1.099],
  [-0.41, 0.536, 0.28, 0.627],
  [2.501, 0.901, 1.39, 0.765],
  [1.078, 2.535, 1.554, 1.098],
];

/** Values of NumPy 2 (eigvalsh of cov) and SciPy (brentq), in float64. */
describe('against NumPy', () => {
  test('participation ratio from the eigenvalues of the covariance', () => {
    expect(scope(() => participationRatio(Tensor.from(STATES)))).toBeCloseTo(1.2441318975687004, 6);
  });

  test('cosine and norm of rows', () => {
    expect(scope(() => meanCosine(Tensor.from(STATES), Tensor.from(OTHERS)))).toBeCloseTo(0.9585885142217904, 5);
    expect(scope(() => meanNorm(Tensor.from(STATES)))).toBeCloseTo(3.5042805787941673, 5);
  });

  test('entropy at a temperature, and the temperature of an entropy', async () => {
    const entropy = (temperature: number): number => scope(() => meanEntropy(Tensor.from(STATES), temperature));
    expect(entropy(1)).toBeCloseTo(0.8720154874553997, 5);
    expect(entropy(0.5)).toBeCloseTo(0.5753804899689138, 5);
    const found = await bisect(async (temperature) => entropy(temperature), 0.3, { low: 0.05, high: 2, tolerance: 1e-6 });
    expect(found!.x).toBeCloseTo(0.27226928896315983, 4);
  });
});

test('participation ratio counts the directions of equal spread, and is no number without spread', () => {
  const axes = torch.cat([torch.eye(5), torch.eye(5).neg()], 0);
  expect(participationRatio(axes)).toBeCloseTo(5, 6);
  expect(
    participationRatio(
      Tensor.from([
        [1, 0, 0],
        [-1, 0, 0],
        [3, 0, 0],
      ]),
    ),
  ).toBeCloseTo(1, 6);
  expect(
    participationRatio(
      Tensor.from([
        [2, 2],
        [2, 2],
      ]),
    ),
  ).toBeNaN();
});

test('ranks count the greater logits; the first of several equals is first', () => {
  const logits = Tensor.from([
    [0.1, 3, 2, -1],
    [5, 5, 4, 9],
    [1, 2, 3, 4],
  ]);
  expect(ranksOf(logits, [2, 1, 0])).toEqual([2, 2, 4]);
});

describe('bisection', () => {
  test('finds where a rising function takes a value', async () => {
    const found = await bisect(async (x) => x ** 3, 2, { low: 0, high: 2, tolerance: 1e-9, maxIterations: 80 });
    expect(found!.x).toBeCloseTo(Math.cbrt(2), 8);
  });

  test('says so when the value lies beyond the bounds', async () => {
    expect(await bisect(async (x) => x, 3, { low: 0, high: 2, tolerance: 0.1 })).toBeNull();
    expect(await bisect(async (x) => x, -1, { low: 0, high: 2, tolerance: 0.1 })).toBeNull();
  });

  test('asks no more often than allowed', async () => {
    let calls = 0;
    await bisect(async (x) => ((calls += 1), x), 0.3, { low: 0, high: 1, tolerance: 0, maxIterations: 5 });
    expect(calls).toBe(7);
  });
});
