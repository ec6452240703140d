import { cpus } from 'node:os';
import { addon } from '../../lib/addon.ts';
import { Tensor, torch } from '../../lib/tensor/index.ts';
import { scope } from '../../lib/tensor/scope.ts';
import { makeRandom } from '../oracle/batches.ts';
import { relativeError } from '../oracle/differences.ts';
import { byInstructionSet, describeBy, INSTRUCTION_SETS, type InstructionSet, labelOf, testBy } from './instruction-sets.ts';

/** Kernels that the engine calls with plain pointers, by every instruction set, against libtorch in float64. */

type Dtype = 'float32' | 'bfloat16';
const DTYPES: readonly Dtype[] = ['float32', 'bfloat16'];
/** Of a result that is rounded once: float32 sums and exponentials, or bfloat16's 8 bits. */
const TOLERANCE = { float32: 2e-6, bfloat16: 2 ** -8 } as const;

/** Of attention over a whole sequence: bfloat16 rounds probabilities and their gradients too. */
const ATTENTION = { float32: 4e-6, bfloat16: 2 ** -5 } as const;

type Argument = Parameters<typeof torch.call>[1][number];
const call = (name: string, ...args: Argument[]): Tensor => torch.call(name, args) as Tensor;
const callMany = (name: string, ...args: Argument[]): Tensor[] => torch.call(name, args) as Tensor[];
const exact = (tensor: Tensor): Tensor => tensor.to({ dtype: 'float64' });
const numbers = (tensor: Tensor): Float64Array => Float64Array.from(exact(tensor).toTypedArray() as Float64Array);
const integers = (values: number[]): Tensor => Tensor.from(BigInt64Array.from(values.map(BigInt)));

/** Numbers from -`reach` to `reach`, as `dtype` holds them. */
function draw(seed: number, shape: number[], dtype: Dtype, reach = 1): Tensor {
  const random = makeRandom(seed);
  const count = shape.reduce((product, size) => product * size, 1);
  return Tensor.from(
    Float64Array.from({ length: count }, () => reach * (2 * random() - 1)),
    { shape, dtype: 'float64' },
  ).to({ dtype });
}

/** Rows of x times W^T (W [out, in], or [in, out] where `transposed`), of at most 64 rows: in x's type, or in float32. */
function multiplySkinny(x: Tensor, w: Tensor, transposed: boolean, to: Dtype): Tensor {
  return to === 'float32' ? call('hyperfit::linear_float32', x, w, transposed) : call('hyperfit::linear', x, w, null, transposed);
}

/** Around the tiles' rows, the rows from which on they go across, and every further 16. */
const ROWS = [1, 2, 3, 5, 8, 9, 13, 16, 17, 32, 33, 49, 64];
/**
 * [in, out]: whole lanes of both types, of float32 alone, of neither; outputs that no tile divides; more inputs than a cache has of a tile.
 */
const SIZES: readonly [number, number][] = [
  [7, 5],
  [32, 1],
  [64, 130],
  [96, 37],
  [48, 53],
  [105, 50],
  [576, 70],
  [1712, 55],
  [3232, 55],
];

for (const set of INSTRUCTION_SETS) describeBy(set)(`the CPU's kernels by ${labelOf(set)}`, () => declareTests(set));

function declareTests(set: InstructionSet): void {
  describe.each(DTYPES)('skinny products of %s', (dtype) => {
    test.each([false, true])('transposed %s: the sums, and a row has the same bits alone', (transposed) =>
      scope(() => {
        for (const [input, output] of SIZES) {
          const x = draw(input, [64, input], dtype);
          const w = draw(output, transposed ? [input, output] : [output, input], dtype);
          const expected = numbers(call('aten::matmul', exact(x), transposed ? exact(w) : call('aten::t', exact(w))));
          const multiply = (first: number, rows: number, to: Dtype): Float64Array =>
            byInstructionSet(set, () => numbers(multiplySkinny(call('aten::slice', x, 0, first, first + rows).clone(), w, transposed, to)));
          const most = multiply(0, 64, 'float32');
          expect(relativeError(most, expected)).toBeLessThan(TOLERANCE.float32);
          for (const rows of ROWS) expect(multiply(0, rows, 'float32')).toEqual(most.slice(0, rows * output));
          expect(multiply(37, 1, 'float32')).toEqual(most.slice(37 * output, 38 * output));
          expect(relativeError(multiply(0, 64, dtype), expected)).toBeLessThan(TOLERANCE[dtype]);
        }
      }),
    );
  });

  describe.each(DTYPES)('of %s', (dtype) => {
    test('cross-entropy: losses, and the gradient of the logits', () =>
      scope(() => {
        for (const size of [1, 15, 16, 17, 331, 4096]) {
          const logits = draw(size, [7, size], dtype, 12);
          const targets = [0, size - 1, size >> 1, -100, 0, size - 1, size >> 1];
          const input = exact(logits).clone();
          input.requiresGrad = true;
          const losses = call('aten::cross_entropy_loss', input, integers(targets), null, 0, -100, 0);
          losses.sum().backward();
          const [gradient, actual] = byInstructionSet(set, () => callMany('hyperfit::cross_entropy', logits, integers(targets)));
          expect(relativeError(numbers(actual!), numbers(losses.detach().sum()))).toBeLessThan(TOLERANCE.float32);
          expect(relativeError(numbers(gradient!), numbers(input.grad!))).toBeLessThan(2 * TOLERANCE[dtype]);
        }
      }));

    test.each([0, 5])('causal softmax, window %i, and its gradient', (window) =>
      scope(() => {
        const scale = 0.3;
        for (const length of [1, 15, 16, 17, 50]) {
          const [scores, dp] = [draw(length, [3, length, length], dtype, 8), draw(length + 1, [3, length, length], dtype)];
          const input = exact(scores).clone();
          input.requiresGrad = true;
          const expected = call('aten::softmax', input.mul(scale).add(hidden(length, window)), -1);
          expected.backward({ gradient: exact(dp) });
          const [p, ds] = byInstructionSet(set, () => {
            const made = call('hyperfit::causal_softmax', scores, scale, 0, window);
            return [made, call('hyperfit::causal_softmax_backward', dp, made, scale, window)];
          });
          // Probabilities are rounded, made into larger ones by a division, and rounded again.
          expect(relativeError(numbers(p!), numbers(expected.detach()))).toBeLessThan(2 * TOLERANCE[dtype]);
          expect(relativeError(numbers(ds!), numbers(input.grad!))).toBeLessThan(4 * TOLERANCE[dtype]);
        }
      }),
    );

    // Within a block of rows, over several, over some and a rest; windows that begin within blocks and within tiles.
    test.each([
      [1, 0],
      [7, 3],
      [67, 0],
      [151, 70],
      [200, 9],
      [300, 0],
    ])('attention over %i positions, window %i, and its gradients', (length, window) =>
      scope(() => {
        for (const [heads, keyHeads, size] of [
          [4, 2, 64],
          [3, 1, 20],
          [1, 1, 80],
        ] as const) {
          const [q, k, v] = [
            draw(1, [2, heads, length, size], dtype, 2),
            draw(2, [2, keyHeads, length, size], dtype, 2),
            draw(3, [2, keyHeads, length, size], dtype),
          ];
          const dout = draw(4, [2 * length, heads * size], dtype);
          const inputs = [q, k, v].map((tensor) => Object.assign(exact(tensor).clone(), { requiresGrad: true }));
          const expected = attendAll(inputs as [Tensor, Tensor, Tensor], 0.2, window);
          expected.backward({ gradient: exact(dout) });
          const [out, gradients] = byInstructionSet(
            set,
            () =>
              [
                call('hyperfit::attention', q, k, v, 0.2, 0, window),
                callMany('hyperfit::attention_backward', dout, q, k, v, 0.2, 0, window),
              ] as const,
          );
          expect(relativeError(numbers(out), numbers(expected.detach()))).toBeLessThan(ATTENTION[dtype]);
          if (length === 1) continue; // one position: probabilities are 1, whatever the scores
          for (const [index, gradient] of gradients.entries())
            expect(relativeError(numbers(gradient), numbers(inputs[index]!.grad!))).toBeLessThan(ATTENTION[dtype]);
        }
      }),
    );

    test.each([0, 2, 34])('attention of a decoding step, window %i', (window) =>
      scope(() => {
        for (const [heads, keyHeads, size, cap] of [
          [1, 1, 64, 0],
          [6, 2, 64, 0],
          [8, 2, 32, 0],
          [10, 2, 20, 5],
          [3, 1, 16, 0],
          [2, 2, 128, 5],
          [4, 1, 7, 0],
        ] as const) {
          const [capacity, last] = [41, [0, 40, 17, 3]];
          const first = last.map((position) => (window > 0 ? Math.max(0, position + 1 - window) : 0));
          const [q, keys, values] = [
            draw(1, [4, heads, 1, size], dtype, 3),
            draw(2, [4, keyHeads, capacity, size], dtype),
            draw(3, [4, keyHeads, capacity, size], dtype),
          ];
          const out = byInstructionSet(set, () =>
            numbers(call('hyperfit::attention_decode', q, keys, values, integers(last), 0.4, cap, window)),
          );
          expect(relativeError(out, attend(q, keys, values, first, last, 0.4, cap))).toBeLessThan(TOLERANCE[dtype]);
        }
      }),
    );
  });
}

/** 0 where a row looks, a very large negative number elsewhere: [length, length]. */
function hidden(length: number, window: number): Tensor {
  const values = Float64Array.from({ length: length * length }, (_, i) => {
    const [row, column] = [Math.floor(i / length), i % length];
    return column <= row && (window === 0 || column > row - window) ? 0 : -1e30;
  });
  return Tensor.from(values, { shape: [length, length], dtype: 'float64' });
}

/** Causal attention of whole sequences in float64, by operators that autograd knows: [B*T, H*D]. */
function attendAll([q, k, v]: [Tensor, Tensor, Tensor], scale: number, window: number): Tensor {
  const [batch, heads, length, size] = q.shape as [number, number, number, number];
  const expand = (tensor: Tensor): Tensor => call('aten::repeat_interleave', tensor, heads / k.shape[1]!, 1);
  const scores = call('aten::matmul', q, call('aten::transpose', expand(k), 2, 3))
    .mul(scale)
    .add(hidden(length, window));
  const mixed = call('aten::matmul', call('aten::_softmax', scores, -1, false), expand(v));
  return call('aten::reshape', call('aten::transpose', mixed, 1, 2), [batch * length, heads * size]);
}

/** As the definition has it: the scores, then the values they weigh. */
function attend(q: Tensor, keys: Tensor, values: Tensor, first: number[], last: number[], scale: number, cap: number): Float64Array {
  const [[B, H, , D], [, K, S]] = [q.shape as [number, number, number, number], keys.shape as [number, number, number, number]];
  const [qs, ks, vs] = [numbers(q), numbers(keys), numbers(values)];
  return Float64Array.from({ length: B * H * D }, (_, index) => {
    const [b, h, d] = [Math.floor(index / (H * D)), Math.floor(index / D) % H, index % D];
    const head = (b * K + Math.floor(h / (H / K))) * S;
    let [total, mixed] = [0, 0];
    for (let s = first[b]!; s <= last[b]!; s++) {
      let score = 0;
      for (let i = 0; i < D; i++) score += scale * qs[(b * H + h) * D + i]! * ks[(head + s) * D + i]!;
      const weight = Math.exp(cap > 0 ? cap * Math.tanh(score / cap) : score);
      total += weight;
      mixed += weight * vs[(head + s) * D + d]!;
    }
    return mixed / total;
  });
}

/**
 * [rows, inner, columns]: within a tile, around tiles and panels, over several blocks and slabs of the sum, over several blocks of rows;
 * more rows than columns and fewer; rows whole pages apart.
 */
const PRODUCTS: readonly [number, number, number][] = [
  [1, 1, 1],
  [5, 3, 17],
  [6, 64, 16],
  [13, 70, 65],
  [130, 33, 64],
  [67, 1025, 40],
  [7, 2100, 130],
  [70, 4111, 9],
  [1040, 37, 21],
  [19, 50, 1033],
  [71, 3072, 130],
  [1031, 1024, 129],
];
const LAYOUTS = ['rr', 'rc', 'cr', 'cc'];

const t = (tensor: Tensor): Tensor => call('aten::t', tensor);
/** a b (+ y), a and b row by row or column by column. */
function multiply(a: Tensor, b: Tensor, y: Tensor | null, layout: string, to: Dtype = 'float32'): Tensor {
  const laidOut = (tensor: Tensor, byColumns: boolean): Tensor => (byColumns ? t(call('aten::contiguous', t(tensor))) : tensor);
  return call('hyperfit::matmul', laidOut(a, layout[0] === 'c'), laidOut(b, layout[1] === 'c'), y?.clone() ?? null, y === null ? 0 : 1, to);
}

for (const set of INSTRUCTION_SETS) {
  describeBy(set).each(LAYOUTS)(`products of float32 by ${labelOf(set)}, operands %s (by rows, by columns)`, (layout) => {
    test.each(PRODUCTS)('[%i, %i] by %i columns, alone and added to what stood there', (rows, inner, columns) =>
      scope(() => {
        const [a, b, y] = [
          draw(rows, [rows, inner], 'float32'),
          draw(inner, [inner, columns], 'float32'),
          draw(columns, [rows, columns], 'float32'),
        ];
        const product = call('aten::matmul', exact(a), exact(b));
        const [alone, added] = byInstructionSet(set, () => [multiply(a, b, null, layout), multiply(a, b, y, layout)] as const);
        expect(relativeError(numbers(alone), numbers(product))).toBeLessThan(TOLERANCE.float32);
        expect(relativeError(numbers(added), numbers(product.add(exact(y))))).toBeLessThan(TOLERANCE.float32);
      }),
    );
  });
}

/** The sets by which sums of bfloat16 are float32 whatever they are stored in. */
const SUMS_IN_FLOAT32 = INSTRUCTION_SETS.filter((set) => set !== 'plain');

for (const set of SUMS_IN_FLOAT32) {
  describeBy(set).each(LAYOUTS)(`products of bfloat16 by ${labelOf(set)}, operands %s (by rows, by columns)`, (layout) => {
    test.each(PRODUCTS)('[%i, %i] by %i columns, rounded once or not, and added to what stood there', (rows, inner, columns) =>
      scope(() => {
        const [a, b, y] = [
          draw(rows, [rows, inner], 'bfloat16'),
          draw(inner, [inner, columns], 'bfloat16'),
          draw(columns, [rows, columns], 'float32'),
        ];
        const product = call('aten::matmul', exact(a), exact(b));
        const [single, rounded, added] = byInstructionSet(
          set,
          () => [multiply(a, b, null, layout), multiply(a, b, null, layout, 'bfloat16'), multiply(a, b, y, layout)] as const,
        );
        expect(relativeError(numbers(single), numbers(product))).toBeLessThan(TOLERANCE.float32);
        expect(numbers(rounded)).toEqual(numbers(single.to({ dtype: 'bfloat16' })));
        expect(relativeError(numbers(added), numbers(product.add(exact(y))))).toBeLessThan(TOLERANCE.float32);
      }),
    );
  });

  describeBy(set)(`products of bfloat16 by ${labelOf(set)}`, () => {
    test('residuals are added before anything is rounded', () =>
      scope(() => {
        const [x, w, residual] = [draw(1, [70, 90], 'bfloat16'), draw(2, [50, 90], 'bfloat16'), draw(3, [70, 50], 'float32')];
        const sum = byInstructionSet(set, () => call('hyperfit::linear_residual', residual, x, w, null, false));
        expect(relativeError(numbers(sum), numbers(call('aten::matmul', exact(x), t(exact(w))).add(exact(residual))))).toBeLessThan(
          TOLERANCE.float32,
        );
      }));

    test('an infinity and NaN stay in their rows', () =>
      scope(() => {
        const row = (first: number): number[] => [first, ...Array.from({ length: 39 }, (_, i) => (i % 5) + 1)];
        const a = Tensor.from(Float64Array.from([Infinity, NaN, 1].flatMap(row)), { shape: [3, 40], dtype: 'float64' }).to({
          dtype: 'bfloat16',
        });
        for (const to of DTYPES) {
          const y = byInstructionSet(set, () => numbers(multiply(a, torch.ones([40, 2]).to({ dtype: 'bfloat16' }), null, 'rr', to)));
          expect([...y]).toEqual([Infinity, Infinity, NaN, NaN, 116, 116]);
        }
      }));
  });
}

/** Numbers that are widened are summed as those of float32 are, on every maker's processors. */
for (const set of ['avx512', 'avx2'] as const) {
  describeBy(set)(`the order of a widened product's sums by ${labelOf(set)}`, () => {
    test('a row has the same bits among few and among many, an element in every form', () =>
      scope(() => {
        const [x, w] = [draw(1, [1100, 3000], 'bfloat16'), draw(2, [90, 3000], 'bfloat16')];
        const rows = (count: number, layout: string): Float64Array =>
          byInstructionSet(set, () => numbers(multiply(call('aten::slice', x, 0, 0, count), t(w), null, layout)));
        const all = rows(1100, 'rr');
        for (const count of [1, 65, 66, 333, 1100])
          for (const layout of LAYOUTS) expect(rows(count, layout)).toEqual(all.slice(0, count * 90));
      }));
  });
}

function expectSameSums(dtype: Dtype, layout: string): void {
  scope(() => {
    for (const [rows, inner, columns] of PRODUCTS) {
      const [a, b, y] = [draw(1, [rows, inner], dtype), draw(2, [inner, columns], dtype), draw(3, [rows, columns], 'float32')];
      const [wide, narrow] = (['avx512', 'avx2'] as const).map((set) => byInstructionSet(set, () => numbers(multiply(a, b, y, layout))));
      expect(narrow).toEqual(wide);
    }
  });
}

testBy('avx512').each(LAYOUTS)(`products of bfloat16: AVX2 adds up as ${labelOf('avx512')} does, operands %s`, (layout) =>
  expectSameSums('bfloat16', layout),
);

// Intel's processors multiply by MKL, whose bits are its own.
const isIntel = cpus().some(({ model }) => model.includes('Intel'));
(isIntel ? describe.skip : describe)(`the order of a float32 product's sums${isIntel ? ', which on Intel are MKL’s' : ''}`, () => {
  testBy('avx512').each(LAYOUTS)(`AVX2 adds up as ${labelOf('avx512')} does, operands %s`, (layout) => expectSameSums('float32', layout));

  testBy('avx2')(`a row has the same bits among few and among many: ${labelOf('avx2')} and newer`, () =>
    scope(() => {
      const [x, w] = [draw(1, [700, 3000], 'float32'), draw(2, [90, 3000], 'float32')];
      const linear = (rows: number): Float64Array => numbers(call('hyperfit::linear', call('aten::slice', x, 0, 0, rows), w, null, false));
      const all = linear(700);
      for (const rows of [65, 66, 333]) expect(linear(rows)).toEqual(all.slice(0, rows * 90));
    }),
  );
});

/** Queries, keys, values and the gradient of what comes out: four heads on two, of size 40, over `length` of 151 positions. */
function attentionInputs(batch: number, length: number): [Tensor, Tensor, Tensor, Tensor] {
  const [q, k, v] = [4, 2, 2].map((heads, index) =>
    call('aten::slice', draw(index, [batch, heads, 151, 40], 'float32', 2), 2, 0, length).clone(),
  );
  return [q!, k!, v!, draw(3, [batch * length, 160], 'float32')];
}

describe('the order of sums in float32 attention', () => {
  testBy('avx512').each([0, 70])(`AVX2 adds up as ${labelOf('avx512')} does, window %i`, (window) =>
    scope(() => {
      const [q, k, v, dout] = attentionInputs(2, 151);
      const [wide, narrow] = (['avx512', 'avx2'] as const).map((set) =>
        byInstructionSet(set, () =>
          [
            call('hyperfit::attention', q, k, v, 0.2, 0, window),
            ...callMany('hyperfit::attention_backward', dout, q, k, v, 0.2, 0, window),
          ].map(numbers),
        ),
      );
      expect(narrow).toEqual(wide);
    }),
  );

  testBy('avx2').each([0, 70])(
    `a row has the same bits alone, in a batch and in a longer sequence, window %i: ${labelOf('avx2')} and newer`,
    (window) =>
      scope(() => {
        const attend = (batch: number, length: number): Float64Array =>
          numbers(call('hyperfit::attention', ...attentionInputs(batch, length).slice(0, 3), 0.2, 0, window));
        const all = attend(2, 151);
        expect(attend(1, 151)).toEqual(all.slice(0, 151 * 160));
        for (const length of [1, 17, 66, 100]) expect(attend(1, length)).toEqual(all.slice(0, length * 160));
      }),
  );

  testBy('avx2')(`one thread and several give the same bits: ${labelOf('avx2')} and newer`, () =>
    scope(() => {
      const [q, k, v, dout] = attentionInputs(3, 151);
      const compute = () =>
        [call('hyperfit::attention', q, k, v, 0.2, 0, 0), ...callMany('hyperfit::attention_backward', dout, q, k, v, 0.2, 0, 0)].map(
          numbers,
        );
      const threads = addon().libraryInfo().numThreads;
      addon().setNumThreads(1);
      const one = compute();
      addon().setNumThreads(2);
      const two = compute();
      addon().setNumThreads(threads);
      expect(two).toEqual(one);
    }),
  );
});

testBy('avx512').each(DTYPES)(`skinny products of %s: AVX2 adds up as ${labelOf('avx512')} does`, (dtype) =>
  scope(() => {
    const [x, w] = [draw(1, [20, 96], dtype), draw(2, [50, 96], dtype)];
    const [wide, narrow] = (['avx512', 'avx2'] as const).map((set) =>
      byInstructionSet(set, () => numbers(multiplySkinny(x, w, false, 'float32'))),
    );
    expect(narrow).toEqual(wide);
  }),
);

test('what does not fit is refused', () => {
  const refused = expect.objectContaining({ code: 'ERR_TORCH' }) as Error;
  const [x, w] = [torch.ones([2, 5]), torch.ones([3, 4])];
  expect(() => call('hyperfit::linear', x, w, null, false)).toThrow(refused);
  expect(() => call('hyperfit::linear_float32', x, w, false)).toThrow(refused);
  expect(() => call('hyperfit::linear', torch.ones([0, 4]), w, null, false)).toThrow(refused);
  expect(() => callMany('hyperfit::cross_entropy', x, integers([0, 5]))).toThrow(refused);
  expect(() => call('hyperfit::causal_softmax', torch.ones([1, 2, 3]), 1, 0, 0)).toThrow(refused);
  expect(() =>
    call(
      'hyperfit::attention_decode',
      torch.ones([1, 3, 1, 4]),
      torch.ones([1, 2, 5, 4]),
      torch.ones([1, 2, 5, 4]),
      integers([1]),
      1,
      0,
      0,
    ),
  ).toThrow(refused);
});
