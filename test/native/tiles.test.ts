import { readFileSync } from 'node:fs';
import { addon } from '../../lib/addon.ts';
import { cpuFeatures } from '../../lib/machine-report.ts';
import { Tensor, torch } from '../../lib/tensor/index.ts';
import { scope } from '../../lib/tensor/scope.ts';
import { makeRandom } from '../oracle/batches.ts';
import { relativeError } from '../oracle/differences.ts';
import { byInstructionSet, describeBy, type InstructionSet, isHere, labelOf, testBy } from './instruction-sets.ts';

/** Products by tiles, of the processor where it has them and emulated everywhere, against libtorch in float64. */

type Dtype = 'float32' | 'bfloat16';
type Argument = Parameters<typeof torch.call>[1][number];
const DTYPES: readonly Dtype[] = ['float32', 'bfloat16'];
const SETS: readonly InstructionSet[] = ['emulated_amx', 'amx'];
/** Of a result that is rounded once. */
const TOLERANCE = { float32: 2e-6, bfloat16: 2 ** -8 } as const;

const call = (name: string, ...args: Argument[]): Tensor => torch.call(name, args) as Tensor;
const exact = (tensor: Tensor): Tensor => tensor.to({ dtype: 'float64' });
const numbers = (tensor: Tensor): Float64Array => Float64Array.from(exact(tensor).toTypedArray() as Float64Array);
const t = (tensor: Tensor): Tensor => call('aten::t', tensor);
const dense = (tensor: Tensor): Tensor => call('aten::contiguous', tensor);
/** The same matrix with dense columns. */
const byColumns = (matrix: Tensor): Tensor => t(dense(t(matrix)));
const multiply = (set: InstructionSet, a: Tensor, b: Tensor, y: Tensor | null, to: Dtype): Tensor =>
  byInstructionSet(set, () => call('hyperfit::matmul', a, b, y, y === null ? 0 : 1, to));

function fromNumbers(shape: number[], draw: (index: number) => number, dtype: Dtype = 'bfloat16'): Tensor {
  const count = shape.reduce((product, size) => product * size, 1);
  return Tensor.from(
    Float64Array.from({ length: count }, (_, index) => draw(index)),
    { shape, dtype: 'float64' },
  ).to({ dtype });
}

function draw(seed: number, shape: number[], dtype: Dtype = 'bfloat16'): Tensor {
  const random = makeRandom(seed);
  return fromNumbers(shape, () => 2 * random() - 1, dtype);
}

/** The same matrix with rows that begin `offset` elements off, further apart than they are long. */
function within(matrix: Tensor, offset: number): Tensor {
  const [rows, columns] = matrix.shape as [number, number];
  const wide = torch.cat([draw(7, [rows, offset]), matrix, draw(8, [rows, 2])], 1);
  return call('aten::slice', wide, 1, offset, offset + columns);
}

/** [rows, inner, columns]: around a tile, two, a group; blocks of what is summed over, slabs of it, rows in several blocks. */
const SIZES: readonly [number, number, number][] = [
  [1, 1, 1],
  [15, 16, 17],
  [16, 32, 16],
  [17, 31, 33],
  [31, 33, 15],
  [33, 63, 1],
  [63, 64, 65],
  [48, 576, 40],
  [7, 1536, 20],
  [70, 2081, 18],
  [130, 96, 200],
];

for (const set of SETS) describeBy(set)(`products by tiles, ${labelOf(set)}`, () => declareProducts(set));

function declareProducts(set: InstructionSet): void {
  describe.each(DTYPES)('to %s', (to) => {
    test.each(SIZES)(
      '[%i, %i] and [%i columns], each operand as it stands and transposed, in rows that are aligned and not',
      (rows, inner, columns) =>
        scope(() => {
          const [a, b] = [draw(1, [rows, inner]), draw(2, [inner, columns])];
          const expected = numbers(call('aten::matmul', exact(a), exact(b)));
          for (const left of [a, byColumns(a), within(a, 3), t(within(dense(t(a)), 5))]) {
            for (const right of [b, byColumns(b), within(b, 1), t(within(dense(t(b)), 9))]) {
              expect(relativeError(numbers(multiply(set, left, right, null, to)), expected)).toBeLessThan(TOLERANCE[to]);
            }
          }
        }),
    );
  });

  test.each(SIZES)('[%i, %i] and [%i columns] added to what stood there', (rows, inner, columns) =>
    scope(() => {
      const [a, b, y] = [draw(1, [rows, inner]), draw(2, [inner, columns]), draw(3, [rows, columns], 'float32')];
      const expected = numbers(call('aten::matmul', exact(a), exact(b)).add(exact(y)));
      expect(relativeError(numbers(multiply(set, a, b, y, 'float32')), expected)).toBeLessThan(TOLERANCE.float32);
      expect(relativeError(numbers(multiply(set, byColumns(a), b, y, 'float32')), expected)).toBeLessThan(TOLERANCE.float32);
      const sum = byInstructionSet(set, () => call('hyperfit::linear_residual', y, a, dense(t(b)), null, false));
      // Few rows are rounded before
      expect(relativeError(numbers(sum), expected)).toBeLessThan(TOLERANCE[rows > 64 ? 'float32' : 'bfloat16']);
    }),
  );

  test('the bits of one element depend on neither the other rows and columns nor the form', () =>
    scope(() => {
      const [a, b] = [draw(1, [150, 1400]), draw(2, [1400, 90])];
      const all = numbers(multiply(set, a, b, null, 'float32'));
      expect(numbers(multiply(set, a, b, null, 'float32'))).toEqual(all);
      expect(numbers(multiply(set, byColumns(a), byColumns(b), null, 'float32'))).toEqual(all);
      const some = numbers(multiply(set, call('aten::slice', a, 0, 70, 123), call('aten::slice', b, 1, 20, 53), null, 'float32'));
      expect(some).toEqual(Float64Array.from(some, (_, index) => all[(70 + Math.floor(index / 33)) * 90 + 20 + (index % 33)]!));
    }));

  test('a few rows have the bits of many', () =>
    scope(() => {
      const [x, w] = [draw(1, [70, 576]), draw(2, [50, 576])];
      const many = numbers(multiply(set, x, t(w), null, 'float32'));
      for (const rows of [1, 15, 16, 17, 48, 64]) {
        const few = byInstructionSet(set, () =>
          numbers(call('hyperfit::linear_float32', call('aten::slice', x, 0, 0, rows).clone(), w, false)),
        );
        expect(few).toEqual(many.slice(0, rows * 50));
      }
    }));

  test('an infinity and NaN stay in their rows', () =>
    scope(() => {
      const row = (first: number): number[] => [first, ...Array.from({ length: 39 }, (_, i) => (i % 5) + 1)];
      const a = Tensor.from(Float64Array.from([Infinity, NaN, 1].flatMap(row)), { shape: [3, 40], dtype: 'float64' }).to({
        dtype: 'bfloat16',
      });
      const y = numbers(multiply(set, a, torch.ones([40, 2]).to({ dtype: 'bfloat16' }), null, 'float32'));
      expect([...y]).toEqual([Infinity, Infinity, NaN, NaN, 116, 116]);
    }));

  test('to the bit what Intel defines: sums of even and of odd elements in steps of 32, denormal numbers as zero', () =>
    scope(() => {
      const [rows, inner, columns] = [5, 70, 19];
      const random = makeRandom(11);
      const wild = (): number => (random() - 0.5) * 2 ** Math.floor(-70 + 80 * random() ** 3);
      const [a, b] = [fromNumbers([rows, inner], wild), fromNumbers([inner, columns], wild)];
      const tiny = fromNumbers([rows, inner], (index) => 2 ** (-126 - (index % 3)));
      for (const left of [a, tiny])
        expect(numbers(multiply(set, left, b, null, 'float32'))).toEqual(defined(numbers(left), numbers(b), rows, inner, columns));
    }));
}

/** A product in float32, by tiles as `set` has them or by libtorch. */
const byParts = (set: InstructionSet, a: Tensor, b: Tensor, y: Tensor | null = null): Float64Array =>
  numbers(multiply(set, a, b, y, 'float32'));
/** The largest error in units of a rounding of the sum of sizes, |a| |b|. */
function error(actual: Float64Array, a: Tensor, b: Tensor): number {
  const [expected, sizes] = [
    call('aten::mm', exact(a), exact(b)),
    call('aten::mm', call('aten::abs', exact(a)), call('aten::abs', exact(b))),
  ].map(numbers) as [Float64Array, Float64Array];
  return Math.max(...actual.map((value, index) => Math.abs(value - expected[index]!) / (sizes[index]! * 2 ** -24)));
}

// What is not finite goes to the kernel of float32, which takes AVX2.
for (const set of SETS)
  describeBy(isHere('avx2') ? set : 'avx2')(`products of float32 in three parts of bfloat16, ${labelOf(set)}`, () => declareParts(set));

function declareParts(set: InstructionSet): void {
  const float = (seed: number, shape: number[]): Tensor => draw(seed, shape, 'float32');

  test.each(SIZES)('[%i, %i] and [%i columns], each operand as it stands and transposed', (rows, inner, columns) =>
    scope(() => {
      const [a, b, y] = [float(1, [rows, inner]), float(2, [inner, columns]), float(3, [rows, columns])];
      for (const left of [a, byColumns(a)]) {
        for (const right of [b, byColumns(b)]) expect(error(byParts(set, left, right), a, b)).toBeLessThan(3);
      }
      const expected = numbers(call('aten::mm', exact(a), exact(b)).add(exact(y)));
      expect(relativeError(byParts(set, a, b, y), expected)).toBeLessThan(3e-7);
    }),
  );

  const [rows, inner, columns] = [40, 500, 40];
  const powers = (seed: number, shape: [number, number], power: (row: number, column: number) => number): Tensor => {
    const random = makeRandom(seed);
    return fromNumbers(shape, (index) => (2 * random() - 1) * 10 ** power(Math.floor(index / shape[1]), index % shape[1]), 'float32');
  };
  test.each<[string, (row: number, k: number) => number, (k: number, column: number) => number]>([
    ['of one size', () => 0, () => 0],
    ['whose rows and columns differ by 10^30', (row) => (row % 31) - 15, (_, column) => (column % 31) - 15],
    ['whose summed dimension differs by 10^20, and back', (_, k) => (k % 21) - 10, (k) => 10 - (k % 21)],
    ['near the ends of what float32 holds', () => -37, () => 37],
    ['that are denormal, times large ones', () => -41, () => 30],
  ])('numbers %s: no less exact than by libtorch', (_, left, right) =>
    scope(() => {
      const [a, b] = [powers(1, [rows, inner], left), powers(2, [inner, columns], right)];
      expect(error(byParts(set, a, b), a, b)).toBeLessThan(error(numbers(call('aten::mm', a, b)), a, b));
    }),
  );

  test('infinities, NaN and sums beyond float32 come out as by libtorch; zeros stay', () =>
    scope(() => {
      const b = torch.ones([40, 3]);
      for (const [first, second] of [
        [Infinity, 1],
        [Infinity, -Infinity],
        [NaN, 1],
        [3e38, 3e38],
        [-3.4e38, -3.4e38],
        [0, 0],
        [1e-45, 0],
      ] as const) {
        const a = fromNumbers([2, 40], (index) => (index === 0 ? first : index === 1 ? second : 0), 'float32');
        expect(byParts(set, a, b)).toEqual(numbers(call('aten::mm', a, b)));
      }
    }));

  test('the bits of one element depend on neither the other rows and columns nor the form', () =>
    scope(() => {
      const [a, b] = [float(1, [150, 1400]), float(2, [1400, 90])];
      const all = byParts(set, a, b);
      expect(byParts(set, byColumns(a), byColumns(b))).toEqual(all);
      const some = byParts(set, call('aten::slice', a, 0, 70, 123), call('aten::slice', b, 1, 20, 53));
      expect(some).toEqual(Float64Array.from(some, (_, index) => all[(70 + Math.floor(index / 33)) * 90 + 20 + (index % 33)]!));
    }));

  test('can be switched off', () =>
    scope(() => {
      const [a, b] = [float(1, [90, 1000]), float(2, [1000, 90])];
      const parts = byParts(set, a, b);
      expect(torch.call('hyperfit::allow_split_float32', [false])).toBe(true);
      try {
        expect(byParts(set, a, b)).not.toEqual(parts);
      } finally {
        torch.call('hyperfit::allow_split_float32', [true]);
      }
    }));
}

/** 0 for what counts as none, and a double as float32. */
const flushed = (x: number): number => (Math.abs(x) < 2 ** -126 ? 0 : x);
const rounded = (x: number): number => flushed(Math.fround(x));

/** a b, as TDPBF16PS adds up. A product of two bfloat16 numbers is exact in a double. */
function defined(a: Float64Array, b: Float64Array, rows: number, inner: number, columns: number): Float64Array {
  return Float64Array.from({ length: rows * columns }, (_, index) => {
    const [row, column] = [Math.floor(index / columns), index % columns];
    let sum = 0;
    for (let start = 0; start < inner; start += 32) {
      const halves = [0, 0];
      for (let k = start; k < Math.min(inner, start + 32); k++) {
        halves[k % 2] = rounded(halves[k % 2]! + flushed(a[row * inner + k]!) * flushed(b[k * columns + column]!));
      }
      sum = rounded(sum + rounded(halves[0]! + halves[1]!));
    }
    return sum;
  });
}

testBy('amx')(`${labelOf('amx')}: the bits of the emulation`, () =>
  scope(() => {
    for (const [rows, inner, columns] of SIZES) {
      const [a, b] = [draw(1, [rows, inner]), draw(2, [inner, columns])];
      const [real, emulated] = (['amx', 'emulated_amx'] as const).map((set) => numbers(multiply(set, a, b, null, 'float32')));
      expect(real).toEqual(emulated);
    }
  }),
);

// A system may refuse them where the processor has them, so one way alone is certain.
test('tiles are used only where the processor has them', () => {
  const features = cpuFeatures(readFileSync('/proc/cpuinfo', 'utf8'));
  if (isHere('amx')) expect(features).toEqual(expect.arrayContaining(['avx512_bf16', 'amx_tile', 'amx_bf16']));
  else expect(byInstructionSet('amx', () => addon().libraryInfo().tiles)).toBe(false);
});
