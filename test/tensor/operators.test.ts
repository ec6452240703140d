import { FUNCTIONS, METHODS } from '../../lib/tensor/operators.ts';
import { scope, Tensor, torch } from '../../lib/tensor/tensor.ts';
import { describeOnEachDevice } from '../devices.ts';

type Result = Tensor | Tensor[] | { values: Tensor; indices: Tensor } | boolean;
type Case = readonly [run: () => Result, expected: unknown];

/** Values worked out by hand: one case or more for every line of both tables. */
function methodCases(device: string): Record<keyof typeof METHODS, readonly Case[]> {
  const from = (data: Parameters<typeof Tensor.from>[0]): Tensor => Tensor.from(data, { device });
  const a = from([
    [1, 2],
    [3, 4],
  ]);
  const b = from([
    [4, 3],
    [2, 1],
  ]);
  const v = from([-1.5, 0, 2.5]);
  const yes = from([true, true, false]);
  const no = from([true, false, false]);
  const nan = from([NaN, Infinity, 1]);
  const cube = from([
    [
      [1, 2],
      [3, 4],
    ],
    [
      [5, 6],
      [7, 8],
    ],
  ]);
  const ids = Tensor.from([1n, 0n], { device });
  return {
    add: [
      [
        () => a.add(b),
        [
          [5, 5],
          [5, 5],
        ],
      ],
      [
        () => a.add(1),
        [
          [2, 3],
          [4, 5],
        ],
      ],
      [
        () => a.add(0.5),
        [
          [1.5, 2.5],
          [3.5, 4.5],
        ],
      ],
    ],
    sub: [
      [
        () => a.sub(b),
        [
          [-3, -1],
          [1, 3],
        ],
      ],
      [
        () => a.sub(1),
        [
          [0, 1],
          [2, 3],
        ],
      ],
    ],
    mul: [
      [
        () => a.mul(b),
        [
          [4, 6],
          [6, 4],
        ],
      ],
      [
        () => a.mul(-2),
        [
          [-2, -4],
          [-6, -8],
        ],
      ],
    ],
    div: [
      [
        () => a.div(b),
        [
          [0.25, Math.fround(2 / 3)],
          [1.5, 4],
        ],
      ],
      [
        () => a.div(4),
        [
          [0.25, 0.5],
          [0.75, 1],
        ],
      ],
    ],
    pow: [
      [
        () => a.pow(2),
        [
          [1, 4],
          [9, 16],
        ],
      ],
      [
        () => a.pow(b),
        [
          [1, 8],
          [9, 4],
        ],
      ],
      [() => a.pow(-1).select(0, 1), [Math.fround(1 / 3), 0.25]],
    ],
    remainder: [
      [
        () => a.remainder(3),
        [
          [1, 2],
          [0, 1],
        ],
      ],
      [() => v.remainder(from([2, 2, 2])), [0.5, 0, 0.5]],
    ],
    matmul: [
      [
        () => a.matmul(b),
        [
          [8, 5],
          [20, 13],
        ],
      ],
      [() => a.matmul(from([1, 1])), [3, 7]],
    ],
    maximum: [
      [
        () => a.maximum(b),
        [
          [4, 3],
          [3, 4],
        ],
      ],
    ],
    minimum: [
      [
        () => a.minimum(b),
        [
          [1, 2],
          [2, 1],
        ],
      ],
    ],
    eq: [
      [
        () => a.eq(2),
        [
          [false, true],
          [false, false],
        ],
      ],
      [
        () => a.eq(a),
        [
          [true, true],
          [true, true],
        ],
      ],
    ],
    ne: [
      [
        () => a.ne(2),
        [
          [true, false],
          [true, true],
        ],
      ],
    ],
    lt: [
      [
        () => a.lt(b),
        [
          [true, true],
          [false, false],
        ],
      ],
      [
        () => a.lt(2),
        [
          [true, false],
          [false, false],
        ],
      ],
    ],
    le: [
      [
        () => a.le(2),
        [
          [true, true],
          [false, false],
        ],
      ],
    ],
    gt: [
      [
        () => a.gt(2),
        [
          [false, false],
          [true, true],
        ],
      ],
    ],
    ge: [
      [
        () => a.ge(2),
        [
          [false, true],
          [true, true],
        ],
      ],
    ],
    logicalAnd: [[() => yes.logicalAnd(no), [true, false, false]]],
    logicalOr: [[() => yes.logicalOr(no), [true, true, false]]],
    logicalNot: [[() => yes.logicalNot(), [false, false, true]]],
    isnan: [[() => nan.isnan(), [true, false, false]]],
    isfinite: [[() => nan.isfinite(), [false, false, true]]],
    neg: [[() => v.neg(), [1.5, -0, -2.5]]],
    abs: [[() => v.abs(), [1.5, 0, 2.5]]],
    sign: [[() => v.sign(), [-1, 0, 1]]],
    exp: [[() => from([0, 1, -1]).exp(), [1, Math.E, 1 / Math.E]]],
    log: [[() => from([1, Math.E, 0.5]).log(), [0, 1, -Math.LN2]]],
    log1p: [[() => from([0, 1]).log1p(), [0, Math.LN2]]],
    sqrt: [[() => from([4, 2]).sqrt(), [2, Math.SQRT2]]],
    rsqrt: [[() => from([4, 0.25]).rsqrt(), [0.5, 2]]],
    square: [[() => v.square(), [2.25, 0, 6.25]]],
    reciprocal: [
      [
        () => a.reciprocal(),
        [
          [1, 0.5],
          [1 / 3, 0.25],
        ],
      ],
    ],
    sin: [[() => from([0, Math.PI / 2]).sin(), [0, 1]]],
    cos: [[() => from([0, Math.PI]).cos(), [1, -1]]],
    tanh: [[() => v.tanh(), [Math.tanh(-1.5), 0, Math.tanh(2.5)]]],
    erf: [[() => from([0, 1]).erf(), [0, 0.8427007929497149]]],
    sigmoid: [[() => v.sigmoid(), [1 / (1 + Math.exp(1.5)), 0.5, 1 / (1 + Math.exp(-2.5))]]],
    relu: [[() => v.relu(), [0, 0, 2.5]]],
    silu: [[() => v.silu(), [-1.5 / (1 + Math.exp(1.5)), 0, 2.5 / (1 + Math.exp(-2.5))]]],
    gelu: [[() => from([0, 1]).gelu(), [0, 0.8413447460685429]]],
    floor: [[() => v.floor(), [-2, 0, 2]]],
    ceil: [[() => v.ceil(), [-1, 0, 3]]],
    round: [[() => v.round(), [-2, 0, 2]]], // ties go to even
    clamp: [
      [() => v.clamp(-1, 1), [-1, 0, 1]],
      [() => v.clamp(undefined, 1), [-1.5, 0, 1]],
      [() => v.clamp(0), [0, 0, 2.5]],
    ],
    maskedFill: [
      [() => v.maskedFill(no, -9), [-9, 0, 2.5]],
      [() => v.maskedFill(no, from(7)), [7, 0, 2.5]],
    ],
    sum: [
      [() => a.sum(), 10],
      [() => a.sum(0), [4, 6]],
      [() => a.sum([0, 1]), 10],
      [() => a.sum(-1, true), [[3], [7]]],
      [() => a.sum(undefined, true), [[10]]],
    ],
    mean: [
      [() => a.mean(), 2.5],
      [() => a.mean([1]), [1.5, 3.5]],
    ],
    std: [
      [() => from([1, 3]).std(), Math.SQRT2],
      [() => a.std(1), [Math.SQRT1_2, Math.SQRT1_2]],
    ],
    var: [
      [() => from([1, 3]).var(), 2],
      [() => a.var([0]), [2, 2]],
    ],
    norm: [
      [() => from([3, 4]).norm(), 5],
      [() => from([3, -4]).norm(1), 7],
    ],
    prod: [
      [() => a.prod(), 24],
      [() => a.prod(0), [3, 8]],
      [() => a.prod(1, true), [[2], [12]]],
    ],
    max: [
      [() => a.max(), 4],
      [
        () => a.max(0),
        [
          [3, 4],
          [1, 1],
        ],
      ],
      [
        () => a.max(-1, true),
        [
          [[2], [4]],
          [[1], [1]],
        ],
      ],
    ],
    min: [
      [() => a.min(), 1],
      [
        () => b.min(1),
        [
          [3, 1],
          [1, 1],
        ],
      ],
    ],
    amax: [
      [() => a.amax(), 4],
      [() => a.amax(0), [3, 4]],
      [() => a.amax([1], true), [[2], [4]]],
    ],
    amin: [[() => a.amin(1), [1, 3]]],
    argmax: [
      [() => b.argmax(), 0],
      [() => a.argmax(1), [1, 1]],
      [() => a.argmax(0, true), [[1, 1]]],
    ],
    argmin: [
      [() => b.argmin(), 3],
      [() => from([5, 5, 6]).argmin(0), 0],
    ],
    all: [
      [() => yes.all(), false],
      [
        () =>
          from([
            [true, true],
            [true, false],
          ]).all(1),
        [true, false],
      ],
    ],
    any: [
      [() => yes.any(), true],
      [
        () =>
          from([
            [false, true],
            [false, false],
          ]).any(1),
        [true, false],
      ],
    ],
    cumsum: [
      [
        () => a.cumsum(1),
        [
          [1, 3],
          [3, 7],
        ],
      ],
    ],
    logsumexp: [
      [() => from([0, 0]).logsumexp(0), Math.LN2],
      [() => from([[0, 0]]).logsumexp([1], true), [[Math.LN2]]],
    ],
    softmax: [[() => from([0, Math.log(3)]).softmax(-1), [0.25, 0.75]]],
    logSoftmax: [[() => from([0, Math.log(3)]).logSoftmax(0), [Math.log(0.25), Math.log(0.75)]]],
    reshape: [
      [() => a.reshape([4]), [1, 2, 3, 4]],
      [() => a.reshape([-1, 1]), [[1], [2], [3], [4]]],
    ],
    view: [[() => a.view([4]), [1, 2, 3, 4]]],
    expand: [
      [
        () => from([[1], [2]]).expand([-1, 2]),
        [
          [1, 1],
          [2, 2],
        ],
      ],
    ],
    repeat: [[() => from([1, 2]).repeat([2]), [1, 2, 1, 2]]],
    permute: [
      [
        () => cube.permute([2, 0, 1]),
        [
          [
            [1, 3],
            [5, 7],
          ],
          [
            [2, 4],
            [6, 8],
          ],
        ],
      ],
    ],
    transpose: [
      [
        () => a.transpose(0, -1),
        [
          [1, 3],
          [2, 4],
        ],
      ],
    ],
    t: [
      [
        () => a.t(),
        [
          [1, 3],
          [2, 4],
        ],
      ],
    ],
    flatten: [
      [() => cube.flatten(), [1, 2, 3, 4, 5, 6, 7, 8]],
      [
        () => cube.flatten(1),
        [
          [1, 2, 3, 4],
          [5, 6, 7, 8],
        ],
      ],
    ],
    squeeze: [
      [() => from([[[1, 2]]]).squeeze(), [1, 2]],
      [() => from([[[1, 2]]]).squeeze(0), [[1, 2]]],
    ],
    unsqueeze: [[() => v.unsqueeze(1), [[-1.5], [0], [2.5]]]],
    contiguous: [[() => a.t().contiguous().view([4]), [1, 3, 2, 4]]],
    tril: [
      [
        () => a.tril(),
        [
          [1, 0],
          [3, 4],
        ],
      ],
      [
        () => a.tril(-1),
        [
          [0, 0],
          [3, 0],
        ],
      ],
    ],
    triu: [
      [
        () => a.triu(),
        [
          [1, 2],
          [0, 4],
        ],
      ],
      [
        () => a.triu(1),
        [
          [0, 2],
          [0, 0],
        ],
      ],
    ],
    select: [
      [() => a.select(0, 1), [3, 4]],
      [() => a.select(1, -1), [2, 4]],
    ],
    narrow: [[() => v.narrow(0, 1, 2), [0, 2.5]]],
    slice: [
      [
        () => a.slice(),
        [
          [1, 2],
          [3, 4],
        ],
      ],
      [() => v.slice(0, 1), [0, 2.5]],
      [() => v.slice(0, undefined, -1), [-1.5, 0]],
      [() => v.slice(0, 0, 3, 2), [-1.5, 2.5]],
    ],
    indexSelect: [
      [
        () => a.indexSelect(0, ids),
        [
          [3, 4],
          [1, 2],
        ],
      ],
    ],
    gather: [[() => a.gather(1, ids.unsqueeze(1)), [[2], [3]]]],
    split: [
      [() => v.split(2), [[-1.5, 0], [2.5]]],
      [
        () => a.split(1, 1),
        [
          [[1], [3]],
          [[2], [4]],
        ],
      ],
    ],
    chunk: [[() => a.chunk(2), [[[1, 2]], [[3, 4]]]]],
    unbind: [
      [
        () => a.unbind(),
        [
          [1, 2],
          [3, 4],
        ],
      ],
      [
        () => a.unbind(1),
        [
          [1, 3],
          [2, 4],
        ],
      ],
    ],
    sort: [
      [
        () => b.select(0, 1).sort(),
        [
          [1, 2],
          [1, 0],
        ],
      ],
      [
        () => v.sort(0, true),
        [
          [2.5, 0, -1.5],
          [2, 1, 0],
        ],
      ],
    ],
    topk: [
      [
        () => v.topk(2),
        [
          [2.5, 0],
          [2, 1],
        ],
      ],
      [() => v.topk(1, 0, false), [[-1.5], [0]]],
    ],
    clone: [
      [
        () => a.clone(),
        [
          [1, 2],
          [3, 4],
        ],
      ],
    ],
    detach: [
      [
        () => a.detach(),
        [
          [1, 2],
          [3, 4],
        ],
      ],
    ],
    equal: [
      [() => a.equal(a.clone()), true],
      [() => a.equal(b), false],
    ],
    allclose: [
      [() => a.allclose(a.add(1e-9)), true],
      [() => a.allclose(a.add(0.1)), false],
      [() => a.allclose(a.add(0.1), 0, 0.2), true],
    ],
    add_: [
      [
        () => a.clone().add_(b),
        [
          [5, 5],
          [5, 5],
        ],
      ],
      [
        () => a.clone().add_(1),
        [
          [2, 3],
          [4, 5],
        ],
      ],
    ],
    sub_: [
      [
        () => a.clone().sub_(1),
        [
          [0, 1],
          [2, 3],
        ],
      ],
    ],
    mul_: [
      [
        () => a.clone().mul_(b),
        [
          [4, 6],
          [6, 4],
        ],
      ],
    ],
    div_: [
      [
        () => a.clone().div_(2),
        [
          [0.5, 1],
          [1.5, 2],
        ],
      ],
    ],
    copy_: [
      [
        () => a.clone().copy_(b),
        [
          [4, 3],
          [2, 1],
        ],
      ],
    ],
    fill_: [
      [
        () => a.clone().fill_(7),
        [
          [7, 7],
          [7, 7],
        ],
      ],
    ],
    zero_: [
      [
        () => a.clone().zero_(),
        [
          [0, 0],
          [0, 0],
        ],
      ],
    ],
  };
}

function functionCases(device: string): Record<keyof typeof FUNCTIONS, readonly Case[]> {
  const from = (data: Parameters<typeof Tensor.from>[0]): Tensor => Tensor.from(data, { device });
  const a = from([
    [1, 2],
    [3, 4],
  ]);
  const one = from([[1, 1]]);
  return {
    cat: [
      [
        () => torch.cat([a, one]),
        [
          [1, 2],
          [3, 4],
          [1, 1],
        ],
      ],
      [
        () => torch.cat([a, a], 1),
        [
          [1, 2, 1, 2],
          [3, 4, 3, 4],
        ],
      ],
    ],
    stack: [
      [
        () => torch.stack([from([1, 2]), from([3, 4])], 1),
        [
          [1, 3],
          [2, 4],
        ],
      ],
    ],
    where: [
      [
        () => torch.where(a.gt(2), a, 0),
        [
          [0, 0],
          [3, 4],
        ],
      ],
      [
        () => torch.where(a.gt(2), -1, a),
        [
          [1, 2],
          [-1, -1],
        ],
      ],
      [
        () => torch.where(a.gt(2), 1.5, 0.5),
        [
          [0.5, 0.5],
          [1.5, 1.5],
        ],
      ],
    ],
    einsum: [
      [
        () => torch.einsum('ij,ik->jk', [a, one.expand([2, 2])]),
        [
          [4, 4],
          [6, 6],
        ],
      ],
    ],
    outer: [
      [
        () => torch.outer(from([1, 2]), from([3, 4])),
        [
          [3, 4],
          [6, 8],
        ],
      ],
    ],
    embedding: [
      [
        () => torch.embedding(a, from([1n, 1n, 0n])),
        [
          [3, 4],
          [3, 4],
          [1, 2],
        ],
      ],
    ],
    linear: [
      [() => torch.linear(one, a), [[3, 7]]],
      [() => torch.linear(one, a, from([10, 20])), [[13, 27]]],
    ],
    layerNorm: [
      [() => torch.layerNorm(from([[1, 3]]), [2], undefined, undefined, 0), [[-1, 1]]],
      [() => torch.layerNorm(from([1, 3]), [2], from([2, 2]), from([5, 5]), 0), [3, 7]],
    ],
    mseLoss: [[() => torch.mseLoss(from([1, 2]), from([3, 2])), 2]],
    scaledDotProductAttention: [
      [
        () =>
          torch.scaledDotProductAttention(
            from([[[0, 0]]]),
            from([
              [
                [1, 2],
                [3, 4],
              ],
            ]),
            from([
              [
                [1, 2],
                [3, 4],
              ],
            ]),
          ),
        [[[2, 3]]],
      ],
    ],
  };
}

function read(result: Result): unknown {
  if (typeof result === 'boolean') return result;
  if (result instanceof Tensor) return result.toArray();
  return (Array.isArray(result) ? result : [result.values, result.indices]).map((tensor) => tensor.toArray());
}

/** Nested arrays, numbers within 1e-6 (float32), anything else exactly. */
function expectClose(got: unknown, expected: unknown): void {
  if (typeof expected === 'number') expect(got).toBeCloseTo(expected, 6);
  else if (!Array.isArray(expected)) expect(got).toBe(expected);
  else {
    expect(got).toHaveLength(expected.length);
    expected.forEach((value, i) => expectClose((got as unknown[])[i], value));
  }
}

describeOnEachDevice('operators', (device) => {
  test.each(Object.keys(METHODS) as (keyof typeof METHODS)[])('method %s', (name) => {
    for (const [run, expected] of methodCases(device)[name]) expectClose(read(run()), expected);
  });

  test.each(Object.keys(FUNCTIONS) as (keyof typeof FUNCTIONS)[])('torch.%s', (name) => {
    for (const [run, expected] of functionCases(device)[name]) expectClose(read(run()), expected);
  });

  test('a method in place gives back its own tensor and keeps no second handle', () => {
    const tensor = Tensor.from([1, 2], { device });
    expect(tensor.add_(1).mul_(2)).toBe(tensor);
    expect(tensor.toArray()).toEqual([4, 6]);
  });

  test('views share memory with what they view', () => {
    const tensor = torch.zeros([2, 2], { device });
    tensor.select(0, 1).fill_(5);
    expect(tensor.toArray()).toEqual([
      [0, 0],
      [5, 5],
    ]);
    tensor.clone().fill_(9);
    expect(tensor.toArray()).toEqual([
      [0, 0],
      [5, 5],
    ]);
  });

  test('values and indices come by name, as tensors of a scope', () => {
    const a = Tensor.from(
      [
        [1, 5],
        [7, 3],
      ],
      { device },
    );
    expect(a.max(1, true).indices).toMatchObject({ dtype: 'int64', shape: [2, 1] });
    const survivors = scope(() => a.max(0));
    expect(survivors.values.toArray(1)).toEqual([7, 5]);
    expect(survivors.indices.toArray(1)).toEqual([1, 0]);
  });

  test('torch.crossEntropy', () => {
    const logits = Tensor.from(
      [
        [0, Math.log(3)],
        [0, 0],
        [5, 5],
      ],
      { device },
    );
    const targets = Tensor.from([1n, 0n, -100n], { device });
    const [a, b] = [-Math.log(0.75), Math.LN2];
    expectClose(read(torch.crossEntropy(logits, targets)), (a + b) / 2);
    expectClose(read(torch.crossEntropy(logits, targets, { reduction: 'sum' })), a + b);
    expectClose(read(torch.crossEntropy(logits, targets, { reduction: 'none' })), [a, b, 0]);
    expectClose(read(torch.crossEntropy(logits.narrow(0, 0, 2), targets.narrow(0, 0, 2), { reduction: 'sum', ignoreIndex: 1 })), b);
    expectClose(
      read(torch.crossEntropy(logits, targets, { reduction: 'sum', labelSmoothing: 0.5 })),
      0.75 * a + 0.25 * -Math.log(0.25) + b,
    );
    expectClose(read(torch.crossEntropy(logits, targets, { reduction: 'sum', weight: Tensor.from([2, 1], { device }) })), a + 2 * b);
    expect(() => torch.crossEntropy(logits, targets, { reduction: 'total' as 'sum' })).toThrow('got "total"');
    expect(() => torch.crossEntropy(logits, targets, { smoothing: 1 } as object)).toThrow('smoothing');
  });

  test('T and mT are views', () => {
    const a = Tensor.from(
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
      { device },
    );
    expect(a.T.toArray(2)).toEqual([
      [1, 4],
      [2, 5],
      [3, 6],
    ]);
    expect(a.mT.toArray(2)).toEqual(a.T.toArray(2));
    expect(Tensor.from([1, 2], { device }).T.toArray(1)).toEqual([1, 2]);
    a.T.fill_(0);
    expect(a.toArray(2)).toEqual([
      [0, 0, 0],
      [0, 0, 0],
    ]);
    const cube = torch.arange(0, 8, 1, { device }).reshape([2, 2, 2]);
    expect(cube.mT.toArray(3)).toEqual([
      [
        [0, 2],
        [1, 3],
      ],
      [
        [4, 6],
        [5, 7],
      ],
    ]);
    expect(() => cube.T).toThrow(
      expect.objectContaining({ code: 'ERR_SHAPE', message: expect.stringContaining('use mT') as string }) as Error,
    );
  });

  test('whole numbers keep integer tensors integer, fractions do not', () => {
    const tensor = Tensor.from(new Int32Array([1, 2]), { device });
    expect(tensor.add(1)).toMatchObject({ dtype: 'int32' });
    expect(tensor.add(0.5)).toMatchObject({ dtype: 'float32' });
    expect(tensor.div(2).toArray()).toEqual([0.5, 1]);
  });
});
