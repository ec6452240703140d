import { addon } from '../../lib/addon.ts';
import { Tensor } from '../../lib/tensor/index.ts';
import { scope } from '../../lib/tensor/scope.ts';
import { call, callMany, close, draw, exact, launchesOf, numbers, serveKernels, TOLERANCE } from './kernels-on-guard.ts';

/** The kernel of products of few rows, which decoding on a card consists of, against float64. */

serveKernels();

const product = (x: Tensor, w: Tensor): Tensor => call('aten::matmul', exact(x), call('aten::t', exact(w)));
const kernelOf = (rows: number): string => `skinny_gemm_${rows === 1 ? 1 : rows <= 4 ? 4 : 8}`;

/** Fewer columns than a warp has, than a block has, and one beyond; sums of one lane, of some, and of several turns. */
const SHAPES = [
  [1, 1, 8],
  [1, 577, 1544],
  [2, 7, 264],
  [3, 33, 576],
  [4, 129, 2048],
  [5, 16, 8],
  [7, 50, 1000],
  [8, 300, 520],
  [1, 4097, 64],
] as const;

test.each(SHAPES)('%i rows, %i columns, sums of %i: alone, with a bias, with a residual, in float32', (rows, out, size) =>
  scope(() => {
    const [x, w, b] = [draw(1, [rows, size], 'bfloat16'), draw(2, [out, size], 'bfloat16'), draw(3, [out], 'bfloat16')];
    const [residual, bias] = [draw(4, [rows, out]), draw(5, [out])];
    const expected = product(x, w);
    const ways: [() => Tensor, Tensor, number][] = [
      [() => call('hyperfit::linear', x, w, null, false), expected, TOLERANCE.bfloat16],
      [() => call('hyperfit::linear', x, w, b, false), expected.add(exact(b)), TOLERANCE.bfloat16],
      [() => call('hyperfit::linear_residual', residual, x, w, null, false), expected.add(exact(residual)), TOLERANCE.float32],
      [
        () => call('hyperfit::linear_residual', residual, x, w, bias, false),
        expected.add(exact(residual)).add(exact(bias)),
        TOLERANCE.float32,
      ],
      [() => call('hyperfit::linear_float32', x, w, false), expected, TOLERANCE.float32],
    ];
    for (const [compute, float64, tolerance] of ways) {
      close(compute(), float64, tolerance);
      expect(numbers(compute())).toEqual(numbers(compute()));
      expect(launchesOf(kernelOf(rows), () => void compute())).toBe(1);
    }
  }),
);

/**
 * Columns of one thread, of a block, one thread beyond; sums of fewer than the threads of a block take at a time, of one more, of several
 * turns.
 */
const CONV1D_SHAPES = [
  [1, 8, 1],
  [1, 2304, 768],
  [2, 32, 63],
  [3, 40, 65],
  [4, 768, 192],
  [5, 264, 333],
  [8, 72, 128],
] as const;

test.each(CONV1D_SHAPES)('of a matrix stored [in, out]: %i rows, %i columns, sums of %i', (rows, out, size) =>
  scope(() => {
    const [x, w, b] = [draw(1, [rows, size], 'bfloat16'), draw(2, [size, out], 'bfloat16'), draw(3, [out], 'bfloat16')];
    const [residual, bias] = [draw(4, [rows, out]), draw(5, [out])];
    const expected = call('aten::matmul', exact(x), exact(w));
    const ways: [() => Tensor, Tensor, number][] = [
      [() => call('hyperfit::linear', x, w, b, true), expected.add(exact(b)), TOLERANCE.bfloat16],
      [
        () => call('hyperfit::linear_residual', residual, x, w, bias, true),
        expected.add(exact(residual)).add(exact(bias)),
        TOLERANCE.float32,
      ],
      [() => call('hyperfit::linear_float32', x, w, true), expected, TOLERANCE.float32],
    ];
    for (const [compute, float64, tolerance] of ways) {
      close(compute(), float64, tolerance);
      expect(numbers(compute())).toEqual(numbers(compute()));
      expect(launchesOf(`skinny_gemm_conv1d_${rows === 1 ? 1 : 4}`, () => void compute())).toBe(1);
    }
  }),
);

test('a row of a product with a matrix stored [in, out] has the bits that it has alone', () =>
  scope(() => {
    const [x, w] = [draw(1, [8, 200], 'bfloat16'), draw(2, [200, 88], 'bfloat16')];
    const all = numbers(call('hyperfit::linear_float32', x, w, true));
    for (const count of [1, 3, 4, 5, 7]) {
      const some = numbers(call('hyperfit::linear_float32', call('aten::slice', x, 0, 1, 1 + count), w, true));
      expect(some).toEqual(all.subarray(88, (1 + count) * 88));
    }
  }));

test('a row has the bits that it has alone, whoever stands beside it', () =>
  scope(() => {
    const [x, w] = [draw(1, [8, 776], 'bfloat16'), draw(2, [70, 776], 'bfloat16')];
    const all = numbers(call('hyperfit::linear_float32', x, w, false));
    for (const count of [1, 2, 3, 4, 5, 6, 7]) {
      for (let first = 0; first + count <= 8; first += 3) {
        const some = numbers(call('hyperfit::linear_float32', call('aten::slice', x, 0, first, first + count), w, false));
        expect(some).toEqual(all.subarray(first * 70, (first + count) * 70));
      }
    }
  }));

test('a vocabulary of 262,144', () =>
  scope(() => {
    const [x, w] = [draw(1, [2, 16], 'bfloat16'), draw(2, [262_144, 16], 'bfloat16')];
    close(call('hyperfit::linear_float32', x, w, false), product(x, w), TOLERANCE.float32);
  }));

describe("what the kernel does not take is libtorch's", () => {
  const notLaunched = (compute: () => Tensor, expected: Tensor, tolerance: number): void => {
    close(compute(), expected, tolerance);
    for (const kernel of [1, 4, 8, 'conv1d_1', 'conv1d_4']) expect(launchesOf(`skinny_gemm_${kernel}`, () => void compute())).toBe(0);
  };

  test.each([
    ['nine rows', 9, 64],
    ['sums of a number that eight does not divide', 2, 63],
  ] as const)('%s', (_, rows, size) =>
    scope(() => {
      const [x, w] = [draw(1, [rows, size], 'bfloat16'), draw(2, [5, size], 'bfloat16')];
      notLaunched(() => call('hyperfit::linear', x, w, null, false), product(x, w), TOLERANCE.bfloat16);
    }),
  );

  test('rows that begin at no multiple of sixteen bytes', () =>
    scope(() => {
      const all = draw(1, [1 + 2 * 64], 'bfloat16'),
        w = draw(2, [5, 64], 'bfloat16');
      const x = call('aten::view', call('aten::slice', all, 0, 1, 1 + 2 * 64), [2, 64]);
      notLaunched(() => call('hyperfit::linear', x, w, null, false), product(x, w), TOLERANCE.bfloat16);
    }));

  test('a matrix stored [in, out] whose rows begin at no multiple of sixteen bytes, and float32', () =>
    scope(() => {
      const [x, w] = [draw(1, [2, 64], 'bfloat16'), draw(2, [64, 5], 'bfloat16')];
      notLaunched(() => call('hyperfit::linear', x, w, null, true), call('aten::matmul', exact(x), exact(w)), TOLERANCE.bfloat16);
      const [single, weight] = [draw(1, [2, 64]), draw(2, [5, 64])];
      notLaunched(() => call('hyperfit::linear', single, weight, null, false), product(single, weight), TOLERANCE.float32);
    }));

  test('with kernels switched off', () =>
    scope(() => {
      const [x, w] = [draw(1, [2, 64], 'bfloat16'), draw(2, [5, 64], 'bfloat16')];
      addon().setKernels(false);
      try {
        notLaunched(() => call('hyperfit::linear', x, w, null, false), product(x, w), TOLERANCE.bfloat16);
      } finally {
        addon().setKernels(true);
      }
    }));
});

describe.each(['float32', 'bfloat16'] as const)('with the residual stream and its norm, in %s', (dtype) => {
  test.each([
    [3, 64, 576, false],
    [1, 8, 7, true],
    [33, 40, 577, false],
    [12, 64, 576, true],
  ] as const)('%i rows, sums of %i, %i columns, layer %s: the same as one after the other', (rows, size, out, layer) =>
    scope(() => {
      const [x, w] = [draw(1, [rows, size], dtype), draw(2, [out, size], dtype)];
      const [residual, bias, weight, shift] = [
        draw(3, [rows, out]),
        layer ? draw(4, [out]) : null,
        draw(5, [out]),
        layer ? draw(6, [out]) : null,
      ];
      const run = (): Tensor[] =>
        callMany('hyperfit::linear_residual_norm', residual, x, w, bias, false, weight, shift, 1e-5, layer ? 0 : 1);
      const [y, normed, stats] = run() as [Tensor, Tensor, Tensor];
      const product = call('aten::matmul', exact(x), call('aten::t', exact(w))).add(exact(residual));
      close(y, bias ? product.add(exact(bias)) : product, TOLERANCE[dtype]);
      const [again, itsStats] = callMany('hyperfit::norm', y, weight, shift, 1e-5, layer ? 0 : 1, dtype) as [Tensor, Tensor];
      expect(numbers(normed)).toEqual(numbers(again));
      const kept = (of: Tensor): Float64Array => numbers(of).subarray(0, layer ? 2 * rows : rows);
      expect(kept(stats)).toEqual(kept(itsStats));
      const few = dtype === 'bfloat16' && rows <= 8;
      expect([launchesOf(`add_norm_${dtype}`, run), launchesOf(kernelOf(rows), run)]).toEqual(few ? [0, 1] : [1, 0]);
    }),
  );
});
