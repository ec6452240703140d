import { inspect } from 'node:util';
import { HyperfitError } from '../../lib/errors.ts';
import { memoryStats, Tensor, torch } from '../../lib/tensor/tensor.ts';

test.each<[string, () => Tensor, string]>([
  [
    'a matrix',
    () =>
      Tensor.from([
        [1, 2.5],
        [-3, 4],
      ]),
    'Tensor [2, 2] float32 cpu\n[[ 1.0,  2.5],\n [-3.0,  4.0]]',
  ],
  [
    'a matrix of whole numbers',
    () =>
      Tensor.from([
        [1, 200],
        [-3, 4],
      ]),
    'Tensor [2, 2] float32 cpu\n[[  1, 200],\n [ -3,   4]]',
  ],
  ['a row', () => Tensor.from([[1, 2]]), 'Tensor [1, 2] float32 cpu: [[1, 2]]'],
  [
    'three dimensions, apart',
    () => torch.arange(0, 8).reshape([2, 2, 2]),
    'Tensor [2, 2, 2] float32 cpu\n[[[0, 1],\n  [2, 3]],\n\n [[4, 5],\n  [6, 7]]]',
  ],
  ['a single element', () => Tensor.from(7, { dtype: 'float64' }), 'Tensor [] float64 cpu: 7'],
  ['six digits of one alone', () => Tensor.from(1 / 3), 'Tensor [] float32 cpu: 0.333333'],
  ['four decimals of several', () => Tensor.from([1 / 3, -12]), 'Tensor [2] float32 cpu: [  0.3333, -12.0000]'],
  ['sizes far apart, by exponents', () => Tensor.from([1e-6, 2]), 'Tensor [2] float32 cpu: [1.0000e-6, 2.0000e+0]'],
  ['bigints', () => Tensor.from([2n ** 60n, 1n]), 'Tensor [2] int64 cpu: [1152921504606846976,                   1]'],
  ['booleans', () => Tensor.from([true, false]), 'Tensor [2] bool cpu: [ true, false]'],
  ['bfloat16', () => Tensor.from([0.5, 1], { dtype: 'bfloat16' }), 'Tensor [2] bfloat16 cpu: [0.5, 1.0]'],
  ['the edges of many', () => torch.arange(0, 1e6), 'Tensor [1000000] float32 cpu: [     0,      1,      2, ..., 999997, 999998, 999999]'],
  [
    'a view as it is seen',
    () =>
      Tensor.from([
        [1, 2],
        [3, 4],
      ]).t(),
    'Tensor [2, 2] float32 cpu\n[[1, 3],\n [2, 4]]',
  ],
  ['none', () => torch.zeros([0, 3]), 'Tensor [0, 3] float32 cpu: []'],
  ['special values', () => Tensor.from([NaN, -Infinity, 0.25]), 'Tensor [3] float32 cpu: [      NaN, -Infinity,      0.25]'],
  ['what backward records', () => Tensor.from([1, 2], { requiresGrad: true }).mul(2), 'Tensor [2] float32 cpu: [2, 4]'],
])('shows %s', (_, makeTensor, expected) => {
  const tensor = makeTensor();
  expect(String(tensor)).toBe(expected);
  expect(inspect(tensor)).toBe(expected);
});

test('shows the edges of each longer dimension', () => {
  const matrix = torch.arange(0, 100).reshape([50, 2]).expand([3, 50, 2]);
  const lines = String(matrix).split('\n');
  expect(lines.slice(0, 8)).toEqual([
    'Tensor [3, 50, 2] float32 cpu',
    '[[[ 0,  1],',
    '  [ 2,  3],',
    '  [ 4,  5],',
    '  ...,',
    '  [94, 95],',
    '  [96, 97],',
    '  [98, 99]],',
  ]);
});

test('a long row goes on in the next line', () => {
  const lines = String(torch.full([2, 40], 1.25)).split('\n');
  expect(lines.every(({ length }) => length <= 80)).toBe(true);
  expect(lines[1]).toMatch(/^\[\[1\.25, .*,$/);
  expect(lines[2]).toMatch(/^  1\.25, /);
});

test('what it reads to show the edges is freed', () => {
  const tensor = torch.zeros([1000, 1000]);
  const before = memoryStats().liveTensors;
  String(tensor);
  expect(memoryStats().liveTensors).toBe(before);
});

test('shows a disposed tensor without throwing', () => {
  const tensor = Tensor.from([1]);
  tensor.dispose();
  expect(`${tensor}`).toBe('Tensor (disposed)');
});

test('shows a dtype without a JavaScript counterpart without throwing', () => {
  expect(String(torch.call('aten::zeros', [[1]], { dtype: 'int8' }))).toContain('ScalarType 1');
});

test.each<[string, (tensor: never) => unknown]>([
  ['+', (tensor) => tensor + 1],
  ['-', (tensor) => tensor - 1],
  ['* from the left', (tensor) => 2 * tensor],
  ['unary +', (tensor) => +tensor],
  ['<', (tensor) => tensor < 1],
  ['== with a number', (tensor) => tensor == 1], // eslint-disable-line eqeqeq
  ['+ of two', (tensor) => tensor + tensor],
])('refuses %s, and says which method does it', (_, use) => {
  const tensor = Tensor.from(1);
  expect(() => use(tensor as never)).toThrow(HyperfitError);
  expect(() => use(tensor as never)).toThrow(/a\.add\(b\).*item\(\)/);
});

test('texts, equality of objects and JSON stay as they are', () => {
  const tensor = Tensor.from([1, 2]);
  expect(`${tensor}`).toBe('Tensor [2] float32 cpu: [1, 2]');
  expect([tensor, tensor].join(' ')).toContain('[1, 2] Tensor');
  expect((tensor as unknown) === tensor).toBe(true);
});

test.each<[string, () => Tensor, unknown]>([
  ['a matrix', () => Tensor.from([[1, 2.5]]), { shape: [1, 2], dtype: 'float32', device: 'cpu', data: [[1, 2.5]] }],
  ['one element', () => Tensor.from(3), { shape: [], dtype: 'float32', device: 'cpu', data: 3 }],
  ['booleans', () => Tensor.from([true]), { shape: [1], dtype: 'bool', device: 'cpu', data: [true] }],
  [
    'what JSON has no number for',
    () => Tensor.from([NaN, -Infinity]),
    { shape: [2], dtype: 'float32', device: 'cpu', data: ['NaN', '-Infinity'] },
  ],
  ['int64, exactly', () => Tensor.from([7n, 2n ** 60n]), { shape: [2], dtype: 'int64', device: 'cpu', data: [7, '1152921504606846976'] }],
  ['many, without their elements', () => torch.zeros([1001]), { shape: [1001], dtype: 'float32', device: 'cpu' }],
])('writes %s as JSON', (_, makeTensor, expected) => {
  expect(JSON.parse(JSON.stringify({ weights: makeTensor() }))).toEqual({ weights: expected });
});

test('writes a disposed tensor as JSON without throwing', () => {
  const tensor = Tensor.from([1]);
  tensor.dispose();
  expect(JSON.stringify([tensor])).toBe('[{"disposed":true}]');
});

describe('toArray', () => {
  test('follows the rank that is named, in its type too', () => {
    const rows: number[][] = Tensor.from([
      [1, 2],
      [3, 4],
    ]).toArray(2);
    expect(rows.map((row) => row[0]! + row[1]!)).toEqual([3, 7]);
    const one: number = Tensor.from(5).toArray(0);
    expect(one).toBe(5);
    const marks: boolean[] = Tensor.from([true, false]).toArray(1, 'boolean');
    expect(marks).toEqual([true, false]);
    const ids: bigint[] = Tensor.from([2n ** 60n]).toArray(1, 'bigint');
    expect(ids).toEqual([2n ** 60n]);
    const plain: number[] = Tensor.from([3n]).toArray(1);
    expect(plain).toEqual([3]);
  });

  test('refuses another rank and elements that the dtype has not', () => {
    const row = Tensor.from([1, 2]);
    expect(() => row.toArray(2)).toThrow(
      expect.objectContaining({ code: 'ERR_SHAPE', message: expect.stringContaining('shape [2]') as string }) as Error,
    );
    expect(() => row.toArray(1, 'bigint')).toThrow(TypeError);
    expect(() => Tensor.from([true]).toArray(1)).toThrow("read this one as 'boolean'");
    expect(() => Tensor.from([2n ** 60n]).toArray(1)).toThrow(/got 1152921504606846976/);
  });
});
