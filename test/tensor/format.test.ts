import { inspect } from 'node:util';
import { Tensor, torch } from '../../lib/tensor/tensor.ts';

test.each<[string, () => Tensor, string]>([
  ['a matrix', () => Tensor.from([[1, 2.5], [-3, 4]]), 'Tensor [2, 2] float32 cpu: 1, 2.5, -3, 4'],
  ['a single element', () => Tensor.from(7, { dtype: 'float64' }), 'Tensor [] float64 cpu: 7'],
  ['bigints', () => Tensor.from([2n ** 60n]), 'Tensor [1] int64 cpu: 1152921504606846976'],
  ['six digits of a float', () => Tensor.from([1 / 3]), 'Tensor [1] float32 cpu: 0.333333'],
  ['the first eight of many', () => torch.arange(0, 1e6), 'Tensor [1000000] float32 cpu: 0, 1, 2, 3, 4, 5, 6, 7, ...'],
  ['a view as it is seen', () => Tensor.from([[1, 2], [3, 4]]).t(), 'Tensor [2, 2] float32 cpu: 1, 3, 2, 4'],
  ['none', () => torch.zeros([0, 3]), 'Tensor [0, 3] float32 cpu: '],
  ['special values', () => Tensor.from([NaN, -Infinity]), 'Tensor [2] float32 cpu: NaN, -Infinity'],
])('shows %s', (_, makeTensor, expected) => {
  const tensor = makeTensor();
  expect(String(tensor)).toBe(expected);
  expect(inspect(tensor)).toBe(expected);
});

test('shows a disposed tensor without throwing', () => {
  const tensor = Tensor.from([1]);
  tensor.dispose();
  expect(`${tensor}`).toBe('Tensor (disposed)');
});

test('shows a dtype without a JavaScript counterpart without throwing', () => {
  expect(String(torch.call('aten::zeros', [[1]], { dtype: 'int8' }))).toContain('ScalarType 1');
});
