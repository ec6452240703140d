import { addon } from '../../lib/addon.ts';
import type { Activation } from '../../lib/addon-types.ts';
import { Tensor, torch } from '../../lib/tensor/index.ts';
import { makeRandom } from '../oracle/batches.ts';
import { largestDifference, relativeError } from '../oracle/differences.ts';
import { byInstructionSet, describeBy, type InstructionSet, labelOf, testBy } from './instruction-sets.ts';

/** Activations and norms at any shape and type, by kernels and by libtorch's operators, against libtorch in float64. */

type Dtype = 'float32' | 'bfloat16';
const DTYPES: readonly Dtype[] = ['float32', 'bfloat16'];
/** Of a result that is rounded once: float32 sums and exponentials, or bfloat16's 8 bits. */
const TOLERANCE = { float32: 2e-6, bfloat16: 2 ** -8 } as const;
/** libtorch's operators round between their steps. */
const STEPWISE = { float32: 2e-6, bfloat16: 2 ** -6 } as const;
type Way = InstructionSet | 'operators';
const KERNELS: readonly InstructionSet[] = ['avx512', 'avx2', 'plain'];
const WAYS: readonly Way[] = [...KERNELS, 'operators'];

function by<T>(way: Way, compute: () => T): T {
  if (way !== 'operators') return byInstructionSet(way, compute);
  addon().setKernels(false);
  try {
    return compute();
  } finally {
    addon().setKernels(true);
  }
}

const call = (name: string, ...args: Parameters<typeof torch.call>[1][number][]): Tensor => torch.call(name, args) as Tensor;
const callMany = (name: string, ...args: Parameters<typeof torch.call>[1][number][]): Tensor[] => torch.call(name, args) as Tensor[];
const numbers = (tensor: Tensor): Float64Array => Float64Array.from(tensor.to({ dtype: 'float64' }).toTypedArray() as Float64Array);

/** Numbers from -`reach` to `reach`, as `dtype` holds them. */
function draw(seed: number, shape: number[], dtype: Dtype, reach = 3): Tensor {
  const random = makeRandom(seed);
  const count = shape.reduce((product, size) => product * size, 1);
  return Tensor.from(
    Float64Array.from({ length: count }, () => reach * (2 * random() - 1)),
    { shape, dtype: 'float64' },
  ).to({ dtype });
}

/** In float64, collecting a gradient. */
function exact(tensor: Tensor): Tensor {
  const copy = tensor.to({ dtype: 'float64' }).clone();
  copy.requiresGrad = true;
  return copy;
}

const FUNCTIONS: Record<Activation, (x: Tensor) => Tensor> = {
  silu: (x) => call('aten::silu', x),
  gelu: (x) => torch.call('aten::gelu', [x], { approximate: 'none' }) as Tensor,
  gelu_tanh: (x) => torch.call('aten::gelu', [x], { approximate: 'tanh' }) as Tensor,
  quick_gelu: (x) => x.mul(x.mul(1.702).sigmoid()),
};
const NAMES = Object.keys(FUNCTIONS) as Activation[];
/** Around the width of the lanes, and past what one thread takes. */
const COUNTS = [1, 7, 15, 16, 17, 33, 1001, 40_003];

/** [rows, size] */
const SHAPES: readonly [number, number][] = [
  [1, 3],
  [5, 13],
  [3, 16],
  [7, 47],
  [130, 65],
  [3, 1001],
  [97, 640],
];
const NORMS = [
  ['layer', true, 0],
  ['rms', false, 0],
  ['rms with an offset', false, 1],
] as const;
const EPS = 1e-5;

for (const way of WAYS) describeBy(way)(`activations by ${labelOf(way)}`, () => declareActivations(way));
for (const way of WAYS) describeBy(way)(`norms by ${labelOf(way)}`, () => declareNorms(way));

function declareActivations(way: Way): void {
  describe.each(NAMES)('%s', (name) => {
    const tolerances = way === 'operators' || name === 'gelu' ? STEPWISE : TOLERANCE;

    test.each(DTYPES)('%s: values and slopes', (dtype) => {
      for (const count of COUNTS) {
        const [x, dy] = [draw(count, [count], dtype, 9), draw(count + 1, [count], dtype)];
        const input = exact(x);
        const expected = FUNCTIONS[name](input);
        expected.backward({ gradient: dy.to({ dtype: 'float64' }) });
        const [y, dx] = by(way, () => [call('hyperfit::activate', x, name), call('hyperfit::activate_backward', dy, x, name)]);
        expect(relativeError(numbers(y!), numbers(expected.detach()))).toBeLessThan(tolerances[dtype]);
        expect(relativeError(numbers(dx!), numbers(input.grad!))).toBeLessThan(tolerances[dtype]);
      }
    });

    test.each(DTYPES)('%s: gated', (dtype) => {
      for (const count of COUNTS) {
        const [gate, up, dy] = [draw(count, [count], dtype, 9), draw(count + 1, [count], dtype), draw(count + 2, [count], dtype)];
        const [exactGate, exactUp] = [exact(gate), exact(up)];
        const expected = FUNCTIONS[name](exactGate).mul(exactUp);
        expected.backward({ gradient: dy.to({ dtype: 'float64' }) });
        const [y, dgate, dup, again] = by(way, () => [
          call('hyperfit::activate_gated', gate, up, name),
          ...callMany('hyperfit::activate_gated_backward', dy, gate, up, name),
        ]);
        expect(relativeError(numbers(y!), numbers(expected.detach()))).toBeLessThan(tolerances[dtype]);
        expect(relativeError(numbers(dgate!), numbers(exactGate.grad!))).toBeLessThan(tolerances[dtype]);
        expect(relativeError(numbers(dup!), numbers(exactUp.grad!))).toBeLessThan(tolerances[dtype]);
        expect(numbers(again!)).toEqual(numbers(y!));
      }
    });
  });
}

describe.each(NAMES)('%s', (name) => {
  for (const way of KERNELS)
    testBy(way)(`by ${labelOf(way)}, far from zero: the line on one side, nothing on the other, NaN where it was`, () => {
      const x = Tensor.from([-1e4, -100, -30, -0, 30, 100, 1e4, NaN]);
      const dy = torch.ones([8]);
      const [y, dx] = by(way, () => [call('hyperfit::activate', x, name), call('hyperfit::activate_backward', dy, x, name)].map(numbers));
      expect(largestDifference(y!.slice(0, 7), [0, 0, 0, 0, 30, 100, 1e4])).toBeLessThan(1e-10);
      expect(largestDifference(dx!.slice(0, 7), [0, 0, 0, 0.5, 1, 1, 1])).toBeLessThan(1e-10);
      expect([y![7], dx![7]]).toEqual([NaN, NaN]);
    });
});

// libtorch's gelu, which has no kernel of ours, treats rests in its own way.
test.each(NAMES.filter((name) => name !== 'gelu'))('%s: an element has the same bits wherever it stands', (name) => {
  const x = draw(3, [19], 'float32');
  const alone = numbers(call('hyperfit::activate', x, name));
  const among = numbers(call('hyperfit::activate', torch.cat([draw(4, [16_381], 'float32'), x, draw(5, [5], 'float32')]), name));
  expect(among.slice(16_381, 16_400)).toEqual(alone);
});

testBy('avx512').each(NORMS)(`%s: AVX2 adds up whole lanes as ${labelOf('avx512')} does`, (_, hasBias, offset) => {
  const [x, w] = [draw(1, [9, 336], 'float32'), draw(2, [336], 'float32')];
  const b = hasBias ? draw(3, [336], 'float32') : null;
  const [wide, narrow] = (['avx512', 'avx2'] as const).map((way) =>
    by(way, () => numbers(callMany('hyperfit::norm', x, w, b, EPS, offset, 'float32')[0]!)),
  );
  expect(narrow).toEqual(wide);
});

/** As the definition has it, on tensors of float64 that collect gradients. */
function defineNorm(x: Tensor, w: Tensor, b: Tensor | null, offset: number): Tensor {
  const centred = b === null ? x : x.sub(x.mean(-1, true));
  const n = centred.div(centred.mul(centred).mean(-1, true).add(EPS).sqrt());
  const scaled = n.mul(w.add(offset));
  return b === null ? scaled : scaled.add(b);
}

function declareNorms(way: Way): void {
  const tolerances = way === 'operators' ? STEPWISE : TOLERANCE;

  describe.each(NORMS)('%s', (_name, hasBias, offset) => {
    test.each(DTYPES.flatMap((x) => DTYPES.map((y) => [x, y] as const)))('%s in, %s out', (xType, yType) => {
      for (const [index, [rows, size]] of SHAPES.entries()) {
        // Far from zero as residual streams are: a variance that is a difference of squares would lose its digits here.
        const x = draw(index, [rows, size], xType).add(hasBias ? 8 : 0);
        const w = draw(index + 10, [size], 'float32');
        const b = hasBias ? draw(index + 20, [size], 'float32') : null;
        const dy = draw(index + 30, [rows, size], yType);
        const [dx, dw, db] = [
          draw(index + 40, [rows, size], xType),
          draw(index + 50, [size], 'float32'),
          draw(index + 60, [size], 'float32'),
        ];
        const [exactX, exactW, exactB] = [exact(x), exact(w), b && exact(b)];
        const expected = defineNorm(exactX, exactW, exactB, offset);
        expected.backward({ gradient: dy.to({ dtype: 'float64' }) });

        const [y, stats] = by(way, () => callMany('hyperfit::norm', x, w, b, EPS, offset, yType));
        const again = by(way, () => call('hyperfit::norm_again', x, stats!, w, b, EPS, offset, yType));
        expect(relativeError(numbers(y!), numbers(expected.detach()))).toBeLessThan(tolerances[yType]);
        expect(numbers(again)).toEqual(numbers(y!));

        const results = by(way, () => callMany('hyperfit::norm_backward', dx, dy, x, stats!, w, b, offset, dw, db, 0.5));
        const added = (before: Tensor, share: number, gradient: Tensor): Float64Array =>
          numbers(before.to({ dtype: 'float64' }).mul(share).add(gradient));
        expect(relativeError(numbers(results[0]!), added(dx, 1, exactX.grad!))).toBeLessThan(tolerances[xType]);
        expect(relativeError(numbers(results[1]!), added(dw, 0.5, exactW.grad!))).toBeLessThan(5e-6);
        if (exactB) expect(relativeError(numbers(results[2]!), added(db, 0.5, exactB.grad!))).toBeLessThan(5e-6);
      }
    });
  });
}

test.each(NORMS)('%s: a gradient of which nothing is kept forgets NaN too', (_, hasBias, offset) => {
  const [x, w] = [draw(1, [4, 19], 'float32'), draw(2, [19], 'float32')];
  const b = hasBias ? draw(3, [19], 'float32') : null;
  const nothing = torch.full([19], NaN);
  const [, stats] = callMany('hyperfit::norm', x, w, b, EPS, offset, 'float32');
  const [, dw, db] = callMany('hyperfit::norm_backward', torch.zeros([4, 19]), x, x, stats!, w, b, offset, nothing, nothing, 0);
  expect(numbers(dw!).every(Number.isFinite)).toBe(true);
  if (hasBias) expect(numbers(db!).every(Number.isFinite)).toBe(true);
});

test('shapes that do not fit are refused', () => {
  const [x, shorter] = [torch.ones([2, 5]), torch.ones([2, 4])];
  const refused = expect.objectContaining({ code: 'ERR_TORCH' }) as Error;
  expect(() => call('hyperfit::activate_backward', x, shorter, 'silu')).toThrow(refused);
  expect(() => call('hyperfit::activate', x, 'relu')).toThrow(refused);
  expect(() => callMany('hyperfit::norm', x, torch.ones([4]), null, EPS, 0, 'float32')).toThrow(refused);
  expect(() => callMany('hyperfit::norm', torch.ones([5]), torch.ones([5]), null, EPS, 0, 'float32')).toThrow(refused);
});
