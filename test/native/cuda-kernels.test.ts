import { Tensor, torch } from '../../lib/tensor/index.ts';
import { scope } from '../../lib/tensor/scope.ts';
import { relativeError } from '../oracle/differences.ts';
import {
  call,
  callMany,
  close,
  draw,
  driver,
  DTYPES,
  exact,
  ids,
  launchesOf,
  numbers,
  serveKernels,
  TOLERANCE,
} from './kernels-on-guard.ts';

/** The kernels for cards, compiled for the host and launched on the guarded device, against libtorch in float64. */

const ACTIVATIONS = ['silu', 'gelu', 'gelu_tanh', 'quick_gelu'] as const;
const EPS = 1e-5;

serveKernels();

function withGradient(tensor: Tensor): Tensor {
  const copy = exact(tensor).clone();
  copy.requiresGrad = true;
  return copy;
}

describe.each(DTYPES)('%s', (dtype) => {
  /** Losses in float64, their gradient, and what the tokens' statistics are by their definitions. */
  function expectedOf(logits: Tensor, targets: readonly number[]) {
    const input = withGradient(logits);
    const losses = call('aten::cross_entropy_loss', input, Tensor.from(BigInt64Array.from(targets.map(BigInt))), null, 0, -100, 0);
    losses.sum().backward();
    const p = call('aten::softmax', exact(logits), -1);
    const entropy = call('aten::sum', p.mul(call('aten::log', p.add(1e-300))), [1]).mul(-1);
    return { losses: losses.detach(), gradient: input.grad!, p, entropy };
  }

  // Rows of an odd size begin at every address modulo sixteen bytes; 262,144 is the largest vocabulary in use.
  test.each([
    [1, 1],
    [1, 3],
    [3, 5],
    [9, 131],
    [5, 1000],
    [1, 50257],
    [2, 262144],
  ])('%i rows of a vocabulary of %i: losses, gradients and statistics', (rows, size) =>
    scope(() => {
      const [logits, targets] = [
        draw(size, [rows, size], dtype, 9),
        Array.from({ length: rows }, (_, row) => (row % 4 === 3 ? -100 : (row * 7919 + size - 1) % size)),
      ];
      const { losses, gradient, p, entropy } = expectedOf(logits, targets);
      const [found, sum] = callMany('hyperfit::cross_entropy', logits, ids(targets));
      close(sum!, losses.sum(), 1e-5);
      if (size > 1) close(found!, gradient, 2 * TOLERANCE[dtype]);
      const [loss, itsEntropy, mass, best] = callMany('hyperfit::token_stats', logits, ids(targets));
      close(loss!, losses, 1e-5);
      if (size > 1) close(itsEntropy!, entropy, 1e-5);
      for (const [index, k] of [1, 3, 5].entries()) {
        const top = callMany('aten::topk', p, Math.min(k, size), -1)[0]!;
        close(call('aten::select', mass!, 1, index), call('aten::sum', top, [1]), 1e-5);
      }
      expect(numbers(best!)).toEqual(numbers(call('aten::argmax', exact(logits), -1)));
      expect(launchesOf(`cross_entropy_${dtype}`, () => callMany('hyperfit::cross_entropy', logits, ids(targets)))).toBe(1);
    }),
  );

  test('minus infinity, ties, a row that is ignored, and NaN', () =>
    scope(() => {
      const rows = [
        [-Infinity, 2, -Infinity, 2, 1, 0],
        [-Infinity, -Infinity, -Infinity, 3, -Infinity, -Infinity],
        [5, 5, 5, 5, 5, 5],
        [NaN, 1, 2, 3, 4, 5],
      ];
      const logits = Tensor.from(rows).to({ dtype }).to({ device: 'guard' });
      const [gradient] = callMany('hyperfit::cross_entropy', logits, ids([3, 3, -100, 1]));
      const [loss, entropy, mass, best] = callMany('hyperfit::token_stats', logits, ids([3, 3, -100, 1])).map((tensor) => [
        ...numbers(tensor),
      ]);
      const total = 2 + Math.exp(-1) + Math.exp(-2);
      expect(loss).toEqual([expect.closeTo(Math.log(total), 5), 0, 0, NaN]);
      expect(entropy).toEqual([
        expect.closeTo(Math.log(total) + (Math.exp(-1) + 2 * Math.exp(-2)) / total, 5),
        0,
        expect.closeTo(Math.log(6), 5),
        NaN,
      ]);
      expect(mass!.slice(0, 9)).toEqual(
        [1 / total, (2 + Math.exp(-1)) / total, 1, 1, 1, 1, 1 / 6, 1 / 2, 5 / 6].map((value) => expect.closeTo(value, 5)),
      );
      expect(best!.slice(0, 3)).toEqual([1, 3, 0]);
      const values = [...numbers(gradient!)];
      expect(values.slice(6, 18)).toEqual(new Array(12).fill(0));
      expect([values[0], values[2]]).toEqual([0, 0]);
      expect(values.slice(18).every(Number.isNaN)).toBe(true);
    }));

  describe.each(ACTIVATIONS)('%s', (name) => {
    const formula = (x: Tensor): Tensor => {
      if (name === 'silu') return call('aten::silu', x);
      if (name === 'quick_gelu') return x.mul(call('aten::sigmoid', x.mul(1.702)));
      return torch.call('aten::gelu', [x], { approximate: name === 'gelu' ? 'none' : 'tanh' }) as Tensor;
    };

    test.each([[[1]], [[7]], [[3, 129]], [[2, 4096]]])('of %j, alone and with a gate', (shape) =>
      scope(() => {
        const [x, up, dy] = [draw(1, shape, dtype), draw(2, shape, dtype), draw(3, shape, dtype)];
        const [input, inputs] = [withGradient(x), [withGradient(x), withGradient(up)] as const];
        const [alone, gated] = [formula(input), formula(inputs[0]).mul(inputs[1])];
        alone.backward({ gradient: exact(dy) });
        gated.backward({ gradient: exact(dy) });
        close(call('hyperfit::activate', x, name), alone.detach(), TOLERANCE[dtype]);
        close(call('hyperfit::activate_backward', dy, x, name), input.grad!, TOLERANCE[dtype]);
        close(call('hyperfit::activate_gated', x, up, name), gated.detach(), TOLERANCE[dtype]);
        const [dgate, dup, y] = callMany('hyperfit::activate_gated_backward', dy, x, up, name);
        close(dgate!, inputs[0].grad!, TOLERANCE[dtype]);
        close(dup!, inputs[1].grad!, TOLERANCE[dtype]);
        close(y!, gated.detach(), TOLERANCE[dtype]);
        expect(launchesOf(`activate_gated_${dtype}`, () => call('hyperfit::activate_gated', x, up, name))).toBe(1);
      }),
    );

    test('far from zero, and NaN', () =>
      scope(() => {
        const x = Tensor.from([-1e4, -100, -30, 0, 30, 100, 1e4, NaN]).to({ device: 'guard' });
        const [y, dx] = [
          call('hyperfit::activate', x, name),
          call('hyperfit::activate_backward', torch.ones([8]).to({ device: 'guard' }), x, name),
        ].map((t) => [...numbers(t)]);
        expect(y).toEqual([...[0, 0, 0, 0, 30, 100, 1e4].map((value) => expect.closeTo(value, 8)), NaN]);
        expect(dx).toEqual([...[0, 0, 0, 0.5, 1, 1, 1].map((value) => expect.closeTo(value, 8)), NaN]);
      }));
  });

  test.each([
    [1, 1, 1, 2],
    [2, 3, 5, 6],
    [1, 2, 33, 64],
    [3, 4, 1, 256],
  ])('rotation of [%i, %i, %i, %i]', (batch, heads, length, size) =>
    scope(() => {
      const half = size / 2;
      const [x, angles] = [draw(1, [batch, heads, length, size], dtype), draw(2, length === 1 ? [batch, 1, 1, half] : [length, half])];
      const [cos, sin] = [call('aten::cos', angles), call('aten::sin', angles)];
      const [first, second] = [0, half].map((start) => call('aten::slice', exact(x), 3, start, start + half)) as [Tensor, Tensor];
      const [c, s] = [exact(cos), exact(sin)];
      const turned = call('hyperfit::rotate', x, cos, sin, 1);
      close(turned, torch.cat([first.mul(c).sub(second.mul(s)), second.mul(c).add(first.mul(s))], 3), TOLERANCE[dtype]);
      close(call('hyperfit::rotate', turned, cos, sin, -1), x, 2 * TOLERANCE[dtype]);
      expect(launchesOf(`rotate_${dtype}`, () => call('hyperfit::rotate', x, cos, sin, 1))).toBe(1);
    }),
  );

  test.each([
    [1, 1, 1, 2, 1],
    [2, 4, 2, 6, 5],
    [3, 9, 3, 64, 40],
    [1, 2, 2, 130, 3],
  ])('a token: %i rows, %i heads on %i, size %i, into a cache of %i', (batch, heads, kv, size, cached) =>
    scope(() => {
      const [q, k, v] = [
        draw(1, [batch, heads, 1, size], dtype),
        draw(2, [batch, kv, 1, size], dtype),
        draw(3, [batch, kv, 1, size], dtype),
      ];
      const [keys, values] = [draw(4, [batch, kv, cached, size], dtype), draw(5, [batch, kv, cached, size], dtype)];
      const angles = draw(6, [batch, 1, 1, size / 2]);
      const [cos, sin] = [call('aten::cos', angles), call('aten::sin', angles)];
      const positions = Array.from({ length: batch }, (_, row) => (row * 17 + cached - 1) % cached);
      const put = (cache: Tensor, token: Tensor): Float64Array => {
        const [all, one] = [numbers(cache), numbers(token)];
        for (let row = 0; row < batch * kv; row++)
          all.set(one.subarray(row * size, (row + 1) * size), (row * cached + positions[Math.floor(row / kv)]!) * size);
        return all;
      };
      for (const turns of [true, false]) {
        const run = (): Tensor[] =>
          callMany('hyperfit::rotate_token', q, k, v, turns ? cos : null, turns ? sin : null, keys, values, ids(positions));
        const turned = (x: Tensor): Tensor => (turns ? call('hyperfit::rotate', x, cos, sin, 1) : x);
        expect(run().map(numbers)).toEqual([numbers(turned(q)), put(keys, turned(k)), put(values, v)]);
        expect(launchesOf(`rotate_token_${dtype}`, run)).toBe(1);
      }
    }),
  );

  // Heads that share keys, parts of 256 positions, windows that begin within one, rows that stand earlier than what is cached.
  test.each([
    [1, 1, 1, 2, 1, 0, 0],
    [3, 4, 2, 6, 5, 0, 0],
    [2, 6, 1, 64, 256, 0, 0],
    [2, 3, 3, 64, 257, 5, 0],
    [3, 4, 2, 128, 700, 0, 300],
    [1, 2, 1, 256, 300, 7, 1],
  ])(
    'attention of a new position: %i rows, %i heads on %i, size %i, over %i cached, cap %d, window %i',
    (batch, heads, kv, size, cached, cap, window) =>
      scope(() => {
        const [q, k, v] = [
          draw(1, [batch, heads, 1, size], dtype),
          draw(2, [batch, kv, cached, size], dtype),
          draw(3, [batch, kv, cached, size], dtype),
        ];
        const positions = Array.from({ length: batch }, (_, row) => Math.max(0, cached - 1 - row * 290));
        const all = (tensor: Tensor): Tensor => call('aten::repeat_interleave', exact(tensor), heads / kv, 1);
        let scores = call('aten::matmul', exact(q), call('aten::transpose', all(k), 2, 3)).mul(0.2);
        if (cap > 0) scores = call('aten::tanh', scores.mul(1 / cap)).mul(cap);
        const mask = positions.flatMap((position) =>
          Array.from({ length: cached }, (_, at) => (at <= position && (window === 0 || at > position - window) ? 0 : -1e30)),
        );
        const p = call(
          'aten::softmax',
          scores.add(Tensor.from(Float64Array.from(mask), { shape: [batch, 1, 1, cached], dtype: 'float64' })),
          -1,
        );
        const expected = call('aten::reshape', call('aten::matmul', p, all(v)), [batch, heads * size]);
        const attend = (): Tensor => call('hyperfit::attention_decode', q, k, v, ids(positions), 0.2, cap, window);
        close(attend(), expected, TOLERANCE[dtype]);
        expect(launchesOf(`attend_parts_${dtype}`, attend)).toBe(1);
      }),
  );

  const NORMS = [
    [1, 1, false, 0],
    [3, 7, true, 0],
    [33, 64, false, 1],
    [100, 577, true, 0],
    [65, 576, false, 0],
  ] as const;
  test.each(NORMS)('norms of [%i, %i], layer %s, offset %d, and their gradients', (rows, size, layer, offset) =>
    scope(() => {
      for (const from of DTYPES) {
        const [x, w, b] = [draw(1, [rows, size], from), draw(2, [size]), layer ? draw(3, [size]) : null];
        const inputs = { x: withGradient(x), w: withGradient(w), b: withGradient(b ?? w) };
        const centered = layer ? inputs.x.sub(call('aten::mean', inputs.x, [-1], true)) : inputs.x;
        const scaled = centered.mul(call('aten::rsqrt', call('aten::mean', centered.mul(centered), [-1], true).add(EPS)));
        const expected = layer ? scaled.mul(inputs.w).add(inputs.b) : scaled.mul(inputs.w.add(offset));
        const [y, stats] = callMany('hyperfit::norm', x, w, b, EPS, offset, dtype);
        close(y!, expected.detach(), 2 * TOLERANCE[dtype]);
        expect(numbers(call('hyperfit::norm_again', x, stats!, w, b, EPS, offset, dtype))).toEqual(numbers(y!));
        expect(launchesOf(`norm_${dtype}_${from}`, () => callMany('hyperfit::norm', x, w, b, EPS, offset, dtype))).toBe(1);
        // The operator has dx in the type of x; models that have it in float32 launch norm_backward_float32_bfloat16
        if (from === 'bfloat16' && dtype === 'float32') continue;
        const [dy, dx, dw, db] = [draw(4, [rows, size], dtype), draw(5, [rows, size], from), draw(6, [size]), draw(7, [size])];
        expected.backward({ gradient: exact(dy) });
        const run = (beta: number): Tensor[] => callMany('hyperfit::norm_backward', dx, dy, x, stats!, w, b, offset, dw, db, beta);
        const found = run(0.5);
        close(found[0]!, exact(dx).add(inputs.x.grad!), from === 'float32' ? 1e-5 : TOLERANCE.bfloat16);
        close(found[1]!, exact(dw).mul(0.5).add(inputs.w.grad!), 1e-5);
        if (layer) close(found[2]!, exact(db).mul(0.5).add(inputs.b.grad!), 1e-5);
        expect(run(0.5).map(numbers)).toEqual(found.map(numbers));
        expect(launchesOf(from === 'float32' ? `norm_backward_${dtype}_float32` : 'norm_backward_rounded', () => run(0.5))).toBe(1);
        const nothing = torch.full([size], NaN).to({ device: 'guard' });
        close(callMany('hyperfit::norm_backward', dx, dy, x, stats!, w, b, offset, nothing, nothing, 0)[1]!, inputs.w.grad!, 1e-5);
      }
    }),
  );
});

test.each([
  [1, 3, 1, -1],
  [60, 6, 11, -1],
  [60, 6, 11, 3],
  [300, 577, 5, 0],
])('%i rows of size %i of an embedding of %i tokens: their gradient, but for %i', (rows, size, vocabulary, padding) =>
  scope(() => {
    const tokens = Array.from({ length: rows }, (_, row) => (row * row) % vocabulary);
    const [gradient, dx] = [draw(1, [vocabulary, size]), draw(2, [rows, size])];
    const [expected, values] = [numbers(gradient), numbers(dx)];
    for (const [row, token] of tokens.entries()) {
      if (token !== padding) for (let i = 0; i < size; i++) expected[token * size + i]! += 2.5 * values[row * size + i]!;
    }
    const run = (): Float64Array => numbers(call('hyperfit::embedding_backward', gradient, dx, ids(tokens), 2.5, padding));
    expect(relativeError(run(), expected)).toBeLessThan(TOLERANCE.float32);
    expect(run()).toEqual(run());
    expect(launchesOf('embedding_backward', run)).toBe(1);
  }),
);

test('beyond 2^31 elements the last ones are found, without memory for the others', () => {
  expect(driver.farElements()).toBe('');
});
