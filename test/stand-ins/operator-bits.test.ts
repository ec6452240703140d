import { Tensor, torch, type TorchArgument } from '../../lib/tensor/tensor.ts';
import { loadGuard } from './guard.ts';

// Operator by operator, in the forms in which a fallback could go wrong: outputs that are written, views, lists, layouts with gaps. Each is
// run on the CPU and on the guarded device; whatever it returns and whatever it wrote must be the same to the bit.

const guard = loadGuard();

/** What a case may make its operands of, on the device it runs on. */
interface Maker {
  device: string;
  /** Float32, as irregular numbers as any. */
  floats(...shape: number[]): Tensor;
  integers(values: number[]): Tensor;
  booleans(values: number[]): Tensor;
}

function maker(device: string): Maker {
  let seed = 1;
  const draw = (): number => {
    seed = (seed * 16807) % 2147483647;
    return (seed / 2147483647 - 0.5) * 4;
  };
  return {
    device,
    floats: (...shape) => Tensor.from(Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, draw), { shape, device }),
    integers: (values) => Tensor.from(BigInt64Array.from(values, BigInt), { device }),
    booleans: (values) => Tensor.from(Uint8Array.from(values), { dtype: 'bool', device }),
  };
}

const bits = (tensor: Tensor): unknown[] => [
  tensor.shape,
  tensor.dtype,
  Buffer.from(
    tensor
      .contiguous()
      .to(tensor.dtype === 'bfloat16' ? 'float32' : tensor.dtype)
      .toTypedArray()
      .slice().buffer,
  ).toString('hex'),
];

function flatten(value: unknown): unknown[] {
  if (value instanceof Tensor) return bits(value);
  return Array.isArray(value) ? value.flatMap(flatten) : [value];
}

/** Calls an operator with operands of which some are written; gives its results and the operands. */
function call(name: string, args: TorchArgument[], kwargs: Record<string, TorchArgument> = {}): unknown[] {
  const result = torch.call(name, args, kwargs);
  return [...flatten(result), ...flatten(args), ...flatten(Object.values(kwargs))];
}

type Case = (m: Maker) => unknown[];

const CASES: Record<string, Case> = {
  'mm.out into a column of a larger matrix': (m) => {
    const whole = m.floats(4, 6);
    return [...call('aten::mm', [m.floats(4, 3), m.floats(3, 2)], { out: whole.narrow(1, 2, 2) }), ...bits(whole)];
  },
  'mm.out into a transposed output': (m) => call('aten::mm', [m.floats(4, 3).t(), m.floats(5, 4).t()], { out: m.floats(5, 3).t() }),
  'addmm.out with beta': (m) =>
    call('aten::addmm', [m.floats(4), m.floats(3, 5), m.floats(5, 4)], { beta: 0.5, alpha: 2, out: m.floats(3, 4) }),
  'addmm.out over its own addend': (m) => {
    const sum = m.floats(3, 4);
    return call('aten::addmm', [sum, m.floats(3, 5), m.floats(5, 4)], { out: sum });
  },
  'addmm over memory nobody wrote, beta 0': (m) => {
    const fresh = torch.call('aten::empty', [[3, 4]], { device: m.device }) as Tensor;
    return flatten(torch.call('aten::addmm', [fresh, m.floats(3, 5), m.floats(5, 4)], { beta: 0 }));
  },
  'bmm.out': (m) => call('aten::bmm', [m.floats(2, 3, 4), m.floats(2, 4, 5)], { out: m.floats(2, 3, 5) }),
  'baddbmm_ on a slice': (m) => {
    const whole = m.floats(3, 2, 2);
    return [...call('aten::baddbmm_', [whole.narrow(0, 1, 2), m.floats(2, 2, 3), m.floats(2, 3, 2)]), ...bits(whole)];
  },
  'mm in bfloat16': (m) => call('aten::mm', [m.floats(7, 9).to('bfloat16'), m.floats(9, 5).to('bfloat16')]),
  'mul.out between overlapping halves': (m) => {
    const whole = m.floats(3, 8);
    return [...call('aten::mul', [whole.narrow(1, 0, 4), whole.narrow(1, 4, 4)], { out: whole.narrow(1, 0, 4) }), ...bits(whole)];
  },
  'addcmul_ on a view': (m) => {
    const whole = m.floats(4, 4);
    return [...call('aten::addcmul_', [whole.t(), m.floats(4, 4), m.floats(4, 1)], { value: -1 }), ...bits(whole)];
  },
  'add_ with a number of no dimension from the CPU': (m) => call('aten::add_', [m.floats(3), Tensor.from(2.5)]),
  'an empty out is resized': (m) =>
    call('aten::add', [m.floats(2, 3), m.floats(3)], { out: torch.call('aten::empty', [[0]], { device: m.device }) as Tensor }),
  'index_select into an empty out': (m) =>
    call('aten::index_select', [m.floats(4, 3), 0, m.integers([2])], {
      out: torch.call('aten::empty', [[0]], { device: m.device }) as Tensor,
    }),
  'resize_ keeps what was there': (m) => {
    const x = m.floats(2, 3);
    torch.call('aten::resize_', [x, [1, 3]]);
    torch.call('aten::resize_', [x, [4, 3]]);
    return bits(x.narrow(0, 0, 2));
  },
  'set_ of another tensor': (m) => {
    const x = m.floats(2),
      y = m.floats(2, 3).t();
    torch.call('aten::set_', [x, y]);
    x.add_(1);
    return [...bits(x), ...bits(y)];
  },
  'as_strided with gaps': (m) => {
    const x = m.floats(20);
    (torch.call('aten::as_strided', [x, [3, 2], [5, 2], 1]) as Tensor).mul_(2);
    return bits(x);
  },
  'view, transpose, select, expand, unfold': (m) => {
    const x = m.floats(4, 6);
    const unfolded = torch.call('aten::unfold', [x, 1, 3, 2]) as Tensor;
    return [
      unfolded,
      x.reshape([2, 12]),
      x.t().reshape([4, 6]),
      x.select(0, 2),
      torch.call('aten::expand', [x.select(0, 1), [3, 6]]),
    ].flatMap(flatten);
  },
  'index_put_, adding up doubles': (m) => call('aten::index_put_', [m.floats(4, 3), [m.integers([1, 1, 3])], m.floats(3, 3), true]),
  'index_put_ into a view, by indices of the CPU': (m) => {
    const whole = m.floats(4, 4);
    const index = Tensor.from(BigInt64Array.from([0n, 2n]));
    return [...call('aten::index_put_', [whole.t(), [index, m.integers([3, 1])], m.floats(2)]), ...bits(whole)];
  },
  'index by a mask': (m) => call('aten::index', [m.floats(4, 2), [m.booleans([1, 0, 1, 1])]]),
  index_add_: (m) => call('aten::index_add_', [m.floats(4, 3), 0, m.integers([2, 2, 0]), m.floats(3, 3)]),
  'gather and scatter_': (m) => [
    ...call('aten::gather', [m.floats(3, 4), 1, m.integers([0, 3, 1]).reshape([3, 1])]),
    ...call('aten::scatter_', [m.floats(3, 4), 1, m.integers([0, 3, 1]).reshape([3, 1]), 7]),
  ],
  'masked_fill_ and where': (m) => [
    ...call('aten::masked_fill_', [m.floats(2, 3), m.booleans([1, 0, 1]), -Infinity]),
    ...call('aten::where', [m.booleans([1, 0, 1]), m.floats(3), m.floats(3)]),
  ],
  'sort, topk, argmax, cumsum': (m) => {
    const x = m.floats(3, 9);
    return [torch.call('aten::sort', [x, 1]), torch.call('aten::topk', [x, 4]), x.argmax(1), x.cumsum(1)].flatMap(flatten);
  },
  'softmax and its backward, log_softmax': (m) => {
    const p = torch.call('aten::_softmax', [m.floats(3, 5), 1, false]) as Tensor;
    return [
      p,
      torch.call('aten::_softmax_backward_data', [m.floats(3, 5), p, 1, 6]),
      torch.call('aten::_log_softmax', [m.floats(3, 5), 1, false]),
    ].flatMap(flatten);
  },
  'silu, gelu and their backwards by out': (m) => [
    ...call('aten::silu', [m.floats(7)], { out: m.floats(7) }),
    ...call('aten::silu_backward', [m.floats(7), m.floats(7)], { grad_input: m.floats(7) }),
    ...call('aten::gelu', [m.floats(7)], { approximate: 'tanh', out: m.floats(7) }),
    ...call('aten::gelu_backward', [m.floats(7), m.floats(7)], { approximate: 'tanh', grad_input: m.floats(7) }),
  ],
  'native_layer_norm, its out form and its backward': (m) => {
    const x = m.floats(5, 7),
      w = m.floats(7),
      b = m.floats(7);
    const [y, mean, rstd] = torch.call('aten::native_layer_norm', [x, [7], w, b, 1e-5]) as Tensor[];
    const outs = { out0: m.floats(5, 7), out1: m.floats(5, 1), out2: m.floats(5, 1) };
    const backward = torch.call('aten::native_layer_norm_backward', [m.floats(5, 7), x, [7], mean!, rstd!, w, b, [true, false, true]]);
    return [...flatten([y, mean, rstd]), ...flatten(backward), ...call('aten::native_layer_norm', [x, [7], w, b, 1e-5], outs)];
  },
  '_foreach_mul_ and _foreach_norm': (m) => [
    ...call('aten::_foreach_mul_', [[m.floats(3), m.floats(2, 2)], 3]),
    ...call('aten::_foreach_norm', [[m.floats(3), m.floats(2, 2)]]),
  ],
  '_fused_adamw_ on views of one buffer': (m) => {
    const flat = m.floats(10),
      step = Tensor.from(new Float32Array([1]), { device: m.device });
    const options = { lr: 1e-2, beta1: 0.9, beta2: 0.999, weight_decay: 0.1, eps: 1e-8, amsgrad: false, maximize: false };
    const lists = [
      [flat.narrow(0, 0, 4), flat.narrow(0, 5, 5)],
      [m.floats(4), m.floats(5)],
      [m.floats(4), m.floats(5)],
      [m.floats(4).abs(), m.floats(5).abs()],
      [],
      [step, step],
    ];
    return [...call('aten::_fused_adamw_', lists, options), ...bits(flat)];
  },
  'linalg_vector_norm, sum and mean to other types': (m) => [
    ...call('aten::linalg_vector_norm', [m.floats(3, 4)]),
    ...call('aten::sum', [m.floats(3, 4), [1], true], { dtype: 'float64' }),
    ...call('aten::mean', [m.floats(3, 4).to('bfloat16'), [0]]),
  ],
  'stack and cat into an out': (m) => [
    ...call('aten::stack', [[m.floats(3), m.floats(3)]], { out: m.floats(2, 3) }),
    ...call('aten::cat', [[m.floats(2, 3), m.floats(1, 3)]], { out: m.floats(3, 3) }),
  ],
  'copy_ that converts, broadcasts and leaves gaps': (m) => {
    const whole = m.floats(3, 6);
    return [...call('aten::copy_', [whole.narrow(1, 1, 4), m.floats(4).to('bfloat16')]), ...bits(whole)];
  },
  'copy_ from the CPU and to it': (m) => {
    const there = m.floats(3, 4).t(),
      here = Tensor.from(new Float32Array(12), { shape: [3, 4] });
    torch.call('aten::copy_', [
      there,
      Tensor.from(
        Float32Array.from({ length: 12 }, (_, i) => i / 7),
        { shape: [4, 3] },
      ),
    ]);
    torch.call('aten::copy_', [here.t(), there]);
    return [...bits(there), ...bits(here)];
  },
  'clone, to and contiguous of a view with gaps': (m) =>
    [m.floats(4, 6).t().narrow(0, 1, 3)].flatMap((x) => [x.clone(), x.to('float64'), x.to('bfloat16'), x.contiguous()].flatMap(bits)),
  'factories: arange, zeros, full, eye, tril': (m) =>
    [
      torch.call('aten::arange', [2, 9, 3], { device: m.device }),
      torch.call('aten::zeros', [[2, 2]], { device: m.device }),
      torch.call('aten::full', [[2], 1.5], { device: m.device }),
      torch.call('aten::eye', [3], { device: m.device }),
      torch.call('aten::tril', [m.floats(3, 3)]),
    ].flatMap(flatten),
  'random numbers by seed': (m) => {
    torch.manualSeed(7);
    return [
      torch.call('aten::randn', [[5]], { device: m.device }),
      torch.call('aten::bernoulli', [m.floats(6).sigmoid()]),
      torch.call('aten::randperm', [9], { device: m.device }),
    ].flatMap(flatten);
  },
  'complex numbers, conjugated and not': (m) => {
    const x = torch.call('aten::complex', [m.floats(3), m.floats(3)]) as Tensor,
      y = torch.call('aten::conj', [x]) as Tensor;
    return [
      torch.call('aten::view_as_real', [torch.call('aten::mul', [x, y])]),
      torch.call('aten::real', [y]),
      torch.call('aten::imag', [torch.call('aten::clone', [y])]),
    ].flatMap(flatten);
  },
  'no elements at all': (m) => [
    ...call('aten::mm', [m.floats(0, 3), m.floats(3, 2)]),
    ...call('aten::sum', [m.floats(0, 2)]),
    ...call('aten::cat', [[m.floats(0, 2), m.floats(1, 2)]]),
  ],
};

test.each(Object.keys(CASES))('%s', (name) => {
  const expected = CASES[name]!(maker('cpu'));
  expect(expected.length).toBeGreaterThan(0);
  for (const device of ['guard:0', 'guard:1']) {
    guard.resetCounts();
    expect(CASES[name]!(maker(device))).toEqual(expected);
    expect(guard.counts().operators).toBeGreaterThan(0);
  }
});

test('results lie on the device of the operands', () => {
  for (const device of ['guard:0', 'guard:1']) {
    const m = maker(device);
    const results = [
      m.floats(2, 2).matmul(m.floats(2, 2)),
      ...(torch.call('aten::sort', [m.floats(3)]) as Tensor[]),
      torch.call('aten::nonzero', [m.integers([0, 1])]) as Tensor,
    ];
    expect(results.map((tensor) => tensor.device)).toEqual(results.map(() => device));
  }
});

test('an operator that waits for the device is counted as a wait', () => {
  const x = maker('guard').integers([0, 1, 2]);
  guard.resetCounts();
  torch.call('aten::nonzero', [x]);
  expect(guard.counts()).toMatchObject({ synchronisations: 1, scalarReads: 0 });
});

// The kernels for the CPU take plain pointers: on another device the same operator computes by libtorch's operators.
test.each<[string, (m: Maker) => TorchArgument[]]>([
  ['activate', (m) => [m.floats(3, 8), 'silu']],
  ['activate_gated', (m) => [m.floats(3, 8), m.floats(3, 8), 'gelu_tanh']],
  ['norm', (m) => [m.floats(3, 8), m.floats(8), null, 1e-6, 0, 'float32']],
  ['linear', (m) => [m.floats(3, 8), m.floats(4, 8), null, false]],
  ['linear_float32', (m) => [m.floats(3, 8), m.floats(4, 8), false]],
  ['cross_entropy', (m) => [m.floats(3, 8), m.integers([1, 2, 3])]],
  ['causal_softmax', (m) => [m.floats(2, 4, 4), 1, 0, 0]],
  ['attention_decode', (m) => [m.floats(1, 2, 1, 4), m.floats(1, 1, 3, 4), m.floats(1, 1, 3, 4), m.integers([2]), 1, 0, 0]],
])('hyperfit::%s never reads guarded memory by a kernel for the CPU', (name, args) => {
  const run = (device: string): Tensor[] => [torch.call(`hyperfit::${name}`, args(maker(device)))].flat() as Tensor[];
  const [result] = run('guard:1'),
    [expected] = run('cpu'); // the first: a norm's statistics hold room that only layer norm writes
  expect(result!.device).toBe('guard:1');
  const numbers = expected!.toTypedArray() as Float32Array;
  [...(result!.toTypedArray() as Float32Array)].forEach((value, i) => expect(value).toBeCloseTo(numbers[i]!, 5));
});
