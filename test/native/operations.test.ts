import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addon } from '../../lib/addon.ts';
import { Tensor, torch } from '../../lib/tensor/index.ts';
import { scope } from '../../lib/tensor/scope.ts';
import { describeOnEachDevice } from '../devices.ts';
import { makeRandom } from '../oracle/batches.ts';
import { relativeError } from '../oracle/differences.ts';
import { loadDriver, writeImages } from '../stand-ins/cuda-driver.ts';

/**
 * Every operation of the engine (native/ops/ops.h) that no other test holds by itself, on every device and by both of the CPU's backends,
 * against libtorch in float64.
 */

type Dtype = 'float32' | 'bfloat16';
type Argument = Parameters<typeof torch.call>[1][number];
const DTYPES: readonly Dtype[] = ['float32', 'bfloat16'];
/** Of a result that is rounded once or twice. */
const TOLERANCE = { float32: 3e-6, bfloat16: 2 ** -7 } as const;
/** libtorch's operators round probabilities and gradients of attention between their steps. */
const ATTENTION = { float32: 1e-5, bfloat16: 2 ** -5 } as const;

const call = (name: string, ...args: Argument[]): Tensor => torch.call(name, args) as Tensor;
const callMany = (name: string, ...args: Argument[]): Tensor[] => torch.call(name, args) as Tensor[];
const exact = (tensor: Tensor): Tensor => tensor.to({ device: 'cpu' }).to({ dtype: 'float64' });
const numbers = (tensor: Tensor): Float64Array => Float64Array.from(exact(tensor).toTypedArray() as Float64Array);
const t = (tensor: Tensor): Tensor => call('aten::t', tensor);

/** Draws for one device. */
function drawer(device: string) {
  return {
    draw(seed: number, shape: number[], dtype: Dtype = 'float32', reach = 1): Tensor {
      const random = makeRandom(seed);
      const count = shape.reduce((product, size) => product * size, 1);
      return Tensor.from(
        Float64Array.from({ length: count }, () => reach * (2 * random() - 1)),
        { shape, dtype: 'float64' },
      )
        .to({ dtype })
        .to({ device });
    },
    integers: (values: readonly number[]): Tensor => Tensor.from(BigInt64Array.from(values.map(BigInt))).to({ device }),
  };
}

function close(actual: Tensor, expected: Tensor, tolerance: number): void {
  expect(relativeError(numbers(actual), numbers(expected))).toBeLessThan(tolerance);
}

function withGradient(tensor: Tensor): Tensor {
  const copy = exact(tensor).clone();
  copy.requiresGrad = true;
  return copy;
}

/** softmax(softcap(scale q k^T) where allowed) v in float64 with autograd, heads of one group sharing keys: [B*T, H*D]. */
function attend(q: Tensor, k: Tensor, v: Tensor, scale: number, cap: number, window: number): Tensor {
  const [[batch, heads, length, size], kv] = [q.shape as [number, number, number, number], k.shape[1]!];
  const expand = (tensor: Tensor): Tensor => call('aten::repeat_interleave', tensor, heads / kv, 1);
  let scores = call('aten::matmul', q, call('aten::transpose', expand(k), 2, 3)).mul(scale);
  if (cap > 0) scores = call('aten::tanh', scores.mul(1 / cap)).mul(cap);
  const mask = Float64Array.from({ length: length * length }, (_, i) => {
    const [row, column] = [Math.floor(i / length), i % length];
    return column <= row && (window === 0 || column > row - window) ? 0 : -1e30;
  });
  const p = call('aten::softmax', scores.add(Tensor.from(mask, { shape: [length, length], dtype: 'float64' })), -1);
  return call('aten::reshape', call('aten::transpose', call('aten::matmul', p, expand(v)), 1, 2), [batch * length, heads * size]);
}

function declareOperations(device: string): void {
  const { draw, integers } = drawer(device);

  describe.each(DTYPES)('%s', (dtype) => {
    test.each([
      [3, 5, 7],
      [70, 33, 40],
      [65, 64, 129],
    ])('products of [%i, %i] and [%i columns]', (rows, inner, columns) =>
      scope(() => {
        const [a, b, y] = [draw(1, [rows, inner], dtype), draw(2, [inner, columns], dtype), draw(3, [rows, columns])];
        const product = call('aten::matmul', exact(a), exact(b));
        close(call('hyperfit::matmul', a, b, null, 0, dtype), product, TOLERANCE[dtype]);
        close(call('hyperfit::matmul', a, b, null, 0, 'float32'), product, TOLERANCE[dtype]);
        close(call('hyperfit::matmul', a, b, y, 2, 'float32'), product.add(exact(y).mul(2)), TOLERANCE[dtype]);
        close(
          call('hyperfit::matmul', t(call('aten::contiguous', t(a))), t(call('aten::contiguous', t(b))), null, 0, dtype),
          product,
          TOLERANCE[dtype],
        );
      }),
    );

    test('as many products as there are pairs', () =>
      scope(() => {
        const [a, b] = [draw(1, [3, 9, 10], dtype), draw(2, [3, 10, 4], dtype)];
        close(call('hyperfit::matmul', a, b, null, 0, dtype), call('aten::matmul', exact(a), exact(b)), TOLERANCE[dtype]);
      }));

    test.each([
      [1, false],
      [64, true],
      [80, false],
      [80, true],
    ] as const)('linear layers of %i rows, transposed %s', (rows, transposed) =>
      scope(() => {
        const [x, w] = [draw(1, [rows, 48], dtype), draw(2, transposed ? [48, 30] : [30, 48], dtype)];
        const [bias, residual] = [draw(3, [30]), draw(4, [rows, 30])];
        const product = call('aten::matmul', exact(x), transposed ? exact(w) : t(exact(w)));
        close(call('hyperfit::linear', x, w, null, transposed), product, TOLERANCE[dtype]);
        const rounded = bias.to({ dtype });
        close(call('hyperfit::linear', x, w, rounded, transposed), product.add(exact(rounded)), 2 * TOLERANCE[dtype]);
        close(
          call('hyperfit::linear_residual', residual, x, w, bias, transposed),
          product.add(exact(residual)).add(exact(bias)),
          TOLERANCE[dtype],
        );
        close(call('hyperfit::linear_float32', x, w, transposed), product, TOLERANCE.float32);
      }),
    );

    test('rounding, adding, accumulating, rows summed up', () =>
      scope(() => {
        const [x, addend, rows, row] = [draw(1, [6, 11]), draw(2, [6, 11], dtype), draw(3, [37, 11], dtype), draw(4, [11])];
        close(call('hyperfit::round', x, dtype), x, TOLERANCE[dtype]);
        close(call('hyperfit::add', x, addend), exact(x).add(exact(addend)), TOLERANCE.float32);
        close(call('hyperfit::accumulate', x, addend, 0.5), exact(x).mul(0.5).add(exact(addend)), TOLERANCE.float32);
        close(call('hyperfit::accumulate', draw(5, [6, 11]).mul(NaN), addend, 0), addend, TOLERANCE.float32);
        close(call('hyperfit::sum_rows', row, rows, 1), exact(row).add(call('aten::sum', exact(rows), [0])), TOLERANCE.float32);
      }));

    test('rotation there and back', () =>
      scope(() => {
        const [x, angles] = [draw(1, [2, 3, 5, 8], dtype), draw(2, [5, 4], 'float32', 3)];
        const [cos, sin] = [call('aten::cos', angles), call('aten::sin', angles)];
        const [first, second] = [0, 4].map((start) => call('aten::slice', exact(x), 3, start, start + 4)) as [Tensor, Tensor];
        const [c, s] = [exact(cos), exact(sin)];
        const expected = torch.cat([first.mul(c).sub(second.mul(s)), second.mul(c).add(first.mul(s))], 3);
        const turned = call('hyperfit::rotate', x, cos, sin, 1);
        close(turned, expected, TOLERANCE[dtype]);
        close(call('hyperfit::rotate', turned, cos, sin, -1), x, 2 * TOLERANCE[dtype]);
        const perRow = (table: Tensor): Tensor => call('aten::reshape', call('aten::slice', table, 0, 0, 2), [2, 1, 1, 4]).clone();
        const one = call('aten::slice', x, 2, 0, 1).clone();
        const alone = call(
          'hyperfit::rotate',
          call('aten::slice', one, 0, 1, 2).clone(),
          call('aten::slice', cos, 0, 1, 2).clone(),
          call('aten::slice', sin, 0, 1, 2).clone(),
          1,
        );
        expect(numbers(call('aten::slice', call('hyperfit::rotate', one, perRow(cos), perRow(sin), 1), 0, 1, 2))).toEqual(numbers(alone));
      }));

    test('a soft cap and its gradient', () =>
      scope(() => {
        const [x, dy] = [draw(1, [7, 9], dtype, 40), draw(2, [7, 9], dtype)];
        const input = withGradient(x);
        const expected = call('aten::tanh', input.mul(1 / 30)).mul(30);
        expected.backward({ gradient: exact(dy) });
        const [y, ratio] = callMany('hyperfit::softcap', x, 30);
        close(y!, expected.detach(), TOLERANCE[dtype]);
        close(call('hyperfit::softcap_backward', dy, ratio!), input.grad!, 2 * TOLERANCE[dtype]);
      }));

    test.each([
      [4, 2, 12, 0, 0],
      [3, 3, 10, 0, 4],
      [6, 1, 7, 5, 0],
      [4, 4, 16, 5, 3],
    ])('attention: %i heads on %i, size %i, cap %i, window %i', (heads, kv, size, cap, window) =>
      scope(() => {
        const [q, k, v] = [
          draw(1, [2, heads, 19, size], dtype, 2),
          draw(2, [2, kv, 19, size], dtype, 2),
          draw(3, [2, kv, 19, size], dtype),
        ];
        const dout = draw(4, [38, heads * size], dtype);
        const inputs = [withGradient(q), withGradient(k), withGradient(v)] as const;
        const expected = attend(...inputs, 0.31, cap, window);
        expected.backward({ gradient: exact(dout) });
        close(call('hyperfit::attention', q, k, v, 0.31, cap, window), expected.detach(), ATTENTION[dtype]);
        for (const [index, gradient] of callMany('hyperfit::attention_backward', dout, q, k, v, 0.31, cap, window).entries())
          close(gradient, inputs[index]!.grad!, ATTENTION[dtype]);
        // The last position of a whole sequence is a decoding step; one that stands earlier does not look at what is cached behind it.
        for (const position of [18, 11]) {
          const one = call('aten::slice', q, 2, position, position + 1).clone();
          const step = call('hyperfit::attention_decode', one, k, v, integers([position, 18]), 0.31, cap, window);
          close(call('aten::select', step, 0, 0), call('aten::select', expected.detach(), 0, position), ATTENTION[dtype]);
        }
      }),
    );

    test('loss, its gradient, and statistics of tokens', () =>
      scope(() => {
        const [logits, targets] = [draw(1, [6, 131], dtype, 9), [0, 130, -100, 7, 64, -100]];
        const input = withGradient(logits);
        const losses = call('aten::cross_entropy_loss', input, Tensor.from(BigInt64Array.from(targets.map(BigInt))), null, 0, -100, 0);
        losses.sum().backward();
        const [gradient, sum] = callMany('hyperfit::cross_entropy', logits, integers(targets));
        close(sum!, losses.detach().sum(), 1e-5);
        close(gradient!, input.grad!, 2 * TOLERANCE[dtype]);
        const p = call('aten::softmax', exact(logits), -1);
        const [loss, entropy, mass, ids] = callMany('hyperfit::token_stats', logits, integers(targets));
        close(loss!, losses.detach(), 1e-5);
        close(entropy!, call('aten::sum', p.mul(call('aten::log', p)), [1]).mul(-1), 1e-5);
        const [top, best] = callMany('aten::topk', p, 5, -1);
        close(call('aten::select', mass!, 1, 2), call('aten::sum', top!, [1]), 1e-5);
        expect([...(ids!.to({ device: 'cpu' }).toTypedArray() as BigInt64Array)]).toEqual([
          ...(call('aten::select', best!, 1, 0).toTypedArray() as BigInt64Array),
        ]);
      }));
  });

  test('rows of an embedding, and their gradient in one order on every run; the row of padding gets nothing', () =>
    scope(() => {
      const [weight, gradient] = [draw(1, [11, 6]), draw(2, [11, 6])];
      const ids = Array.from({ length: 60 }, (_, index) => [3, 3, 9, 0, 3, 10][index % 6]!);
      const dx = draw(3, [60, 6]);
      close(
        call('hyperfit::embedding', weight, integers(ids), 2.5),
        call('aten::index_select', exact(weight), 0, integers(ids).to({ device: 'cpu' })).mul(2.5),
        TOLERANCE.float32,
      );
      for (const padding of [-1, 3]) {
        const [base, rows] = [numbers(gradient), numbers(dx)];
        ids.forEach((id, row) => {
          if (id !== padding) for (let i = 0; i < 6; i++) base[id * 6 + i]! += 2.5 * rows[row * 6 + i]!;
        });
        const run = (): Float64Array => numbers(call('hyperfit::embedding_backward', gradient, dx, integers(ids), 2.5, padding));
        expect(relativeError(run(), base)).toBeLessThan(TOLERANCE.float32);
        expect(run()).toEqual(run());
      }
      close(
        call('hyperfit::embedding_backward', gradient, call('aten::slice', dx, 0, 0, 1).clone(), integers([5]), 1, -1),
        exact(gradient).add(
          torch.cat([exact(torch.zeros([5, 6])), exact(call('aten::slice', dx, 0, 0, 1)), exact(torch.zeros([5, 6]))], 0),
        ),
        TOLERANCE.float32,
      );
    }));

  test('the norm of all gradients, and an update', () =>
    scope(() => {
      const [a, b] = [draw(1, [5, 7]), draw(2, [9])];
      close(
        call('hyperfit::norm_of', [a, b]),
        call('aten::sqrt', call('aten::sum', exact(a).mul(exact(a))).add(call('aten::sum', exact(b).mul(exact(b))))),
        1e-6,
      );
      const [w, g, m, square] = [draw(3, [100]), draw(4, [100]), draw(5, [100]), draw(6, [100])];
      const v = square.mul(square);
      const [rate, beta1, beta2, eps, decay, scale, step] = [0.01, 0.9, 0.95, 1e-8, 0.1, 0.5, 3];
      const [values, first, second, rounded] = callMany('hyperfit::adamw', w, g, m, v, step, rate, beta1, beta2, eps, decay, scale);
      const gradient = exact(g).mul(scale);
      const [m1, v1] = [
        exact(m)
          .mul(beta1)
          .add(gradient.mul(1 - beta1)),
        exact(v)
          .mul(beta2)
          .add(gradient.mul(gradient).mul(1 - beta2)),
      ];
      const root = call('aten::sqrt', v1.mul(1 / (1 - beta2 ** step))).add(eps);
      const expected = exact(w)
        .mul(1 - rate * decay)
        .sub(call('aten::div', m1.mul(rate / (1 - beta1 ** step)), root));
      close(first!, m1, 1e-6);
      close(second!, v1, 1e-6);
      close(values!, expected, 1e-6);
      expect(numbers(rounded!)).toEqual(numbers(values!.to({ dtype: 'bfloat16' })));
    }));
}

describeOnEachDevice('operations of the engine', declareOperations);

describe('operations of the engine by the operators of libtorch (cpu)', () => {
  beforeAll(() => addon().setKernels(false));
  afterAll(() => addon().setKernels(true));
  declareOperations('cpu');
});

describe('operations of the engine by the kernels for cards (guard)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hyperfit-operations-'));
  const driver = loadDriver();
  beforeAll(() => driver.serve(writeImages(join(folder, 'images'))));
  afterAll(() => {
    driver.leave();
    rmSync(folder, { recursive: true });
  });
  declareOperations('guard');
  test('none was left to libtorch', () => {
    expect(addon().cudaKernels().failure).toBe('');
    expect(Object.keys(driver.counts().launches)).toEqual(
      expect.arrayContaining(['cross_entropy_bfloat16', 'rotate_float32', 'token_stats_bfloat16']),
    );
  });
});
