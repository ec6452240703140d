import { addon } from '../../lib/addon.ts';
import { HyperfitError } from '../../lib/errors.ts';
import { Tensor, torch, type DType } from '../../lib/tensor/tensor.ts';
import { describeOnEachDevice } from '../devices.ts';

function errorOf(fn: () => unknown): Error & { code?: string } {
  try {
    fn();
  } catch (error) {
    return error as Error;
  }
  throw new Error('expected an error, got none');
}

const withCode = (code: string): Error => expect.objectContaining({ code, name: 'HyperfitError' }) as Error;

describeOnEachDevice('bad input', (device) => {
  const x = (): Tensor =>
    Tensor.from(
      [
        [1, 2],
        [3, 4],
      ],
      { device },
    );

  describe('wrong types are TypeErrors that name the argument', () => {
    const wrong = (value: unknown): never => value as never;
    test.each<[string, () => unknown, string]>([
      ['a string for an operand', () => x().add(wrong('1')), '`other`, got string'],
      ['an object without a handle', () => x().matmul(wrong({})), 'expected a Tensor for `other`, got object'],
      ['nothing where a tensor is due', () => x().matmul(wrong(undefined)), 'matmul() is missing value for argument'],
      ['a fraction for an int', () => x().select(0, 0.5), 'aten::select() expected an int for `index`, got 0.5'],
      ['a huge int', () => x().select(0, 1e300), 'expected an int for `index`, got 1e+300'],
      ['NaN for an int', () => x().cumsum(NaN), 'expected an int for `dim`, got NaN'],
      ['a bigint', () => x().select(0, wrong(1n)), 'got bigint'],
      ['a number for a boolean', () => x().sum(0, wrong(1)), 'expected a boolean for `keepdim`, got 1'],
      ['a number for a list', () => x().reshape(wrong(4)), 'expected an array (SymInt[]) for `shape`, got 4'],
      ['a string in a list', () => x().reshape([2, wrong('2')]), 'expected an int for `shape`, got string'],
      ['null for what must be there', () => x().select(wrong(null), 0), 'expected an int for `dim`, got null'],
      ['too many arguments', () => (x().neg as (extra: number) => Tensor)(1), 'expected at most 0 arguments for aten::neg, got 1'],
      [
        'too many arguments of an operator',
        () => torch.call('aten::neg', [x(), 1]),
        'aten::neg() expected at most 1 positional arguments, got 2',
      ],
      [
        'a keyword-only argument by position',
        () => torch.call('aten::add.Tensor', [x(), x(), 2]),
        'expected at most 2 positional arguments, got 3',
      ],
      ['an unknown keyword', () => torch.call('aten::neg', [x()], { inplace: true }), 'expected no argument named `inplace`'],
      ['an unknown dtype', () => x().to({ dtype: 'float99' as DType }), 'got "float99"'],
      ['an unknown dtype in options', () => torch.zeros([1], { dtype: 'float99' as DType }), 'got "float99"'],
      ['a generator', () => torch.call('aten::randn', [[1]], { generator: 1 }), '`generator`'],
      ['an unknown typed array', () => Tensor.from(wrong(new Float32Array(1).map(() => 0) && new Int16Array(1))), 'got Int16Array'],
      ['bits without a dtype', () => Tensor.from(new Uint16Array(1)), 'a Uint16Array needs `dtype` float16 or bfloat16'],
      ['mixed elements', () => Tensor.from(wrong([1, true])), 'expected a number for element 1 of `data`, got boolean'],
      ['strings as data', () => Tensor.from(wrong(['a'])), 'expected a number for element 0 of `data`, got string'],
      ['null as data', () => Tensor.from(wrong(null)), 'got null'],
      ['fractions as integers', () => Tensor.from([1.5], { dtype: 'int64' }), 'expected an integer from'],
      ['integers out of range', () => Tensor.from([256], { dtype: 'uint8' }), 'expected an integer from 0 to 255 for element 0'],
      ['a negative size', () => Tensor.from(new Float32Array(1), { shape: [-1] }), 'expected an integer from 0'],
      ['a seed that is none', () => torch.manualSeed(-1), '`seed`, got -1'],
    ])('%s', (_, fn, message) => {
      const error = errorOf(fn);
      expect(error).toBeInstanceOf(TypeError);
      expect(error.message).toContain(message);
    });
  });

  test('says what each overload wanted when none fits', () => {
    const { message } = errorOf(() => x().add('1' as unknown as number));
    expect(message).toContain('expected arguments that fit an overload of aten::add');
    expect(message).toContain('aten::add.Tensor: aten::add() expected a Tensor for `other`, got string');
    expect(message).toContain('aten::add.Scalar: aten::add() expected a number for `other`, got string');
  });

  test('shapes that do not fit are ERR_SHAPE', () => {
    const refusal = withCode('ERR_SHAPE');
    expect(() => Tensor.from(new Float32Array(5), { shape: [2, 3], device })).toThrow(refusal);
    expect(() => Tensor.from(new Float32Array(1), { shape: [0], device })).toThrow(refusal);
    expect(() => Tensor.from(new Float32Array(0), { shape: [], device })).toThrow(refusal);
    expect(() => Tensor.from(new Float32Array(4), { shape: [2 ** 32, 2 ** 32], device })).toThrow(refusal);
    expect(() => Tensor.from([[1, 2], [3]], { device })).toThrow(refusal);
    expect(() => Tensor.from([1, [2]] as number[][], { device })).toThrow(refusal);
    expect(() => Tensor.from([[1], 2] as number[][], { device })).toThrow(refusal);
    expect(() => x().item()).toThrow(refusal);
    expect(() => torch.zeros([0], { device }).item()).toThrow(refusal);
    expect(errorOf(() => Tensor.from(new Float32Array(5), { shape: [2, 3] })).message).toBe(
      'expected data for `shape` [2, 3], got 5 elements',
    );
  });

  test('what libtorch refuses is ERR_TORCH, in its words, without its C++ backtrace', () => {
    expect(() => x().matmul(torch.ones([3, 3], { device }))).toThrow(withCode('ERR_TORCH'));
    expect(() => x().reshape([3])).toThrow(withCode('ERR_TORCH'));
    expect(() => x().select(5, 0)).toThrow(withCode('ERR_TORCH'));
    const error = errorOf(() => x().reshape([3]));
    expect(error.message).toContain("shape '[3]' is invalid for input of size 4");
    expect(error.message).not.toMatch(/frame #|Exception raised from/);
  });

  test('an operator that does not exist is ERR_TORCH, with how names read', () => {
    for (const name of ['aten::nope', 'aten::add.nope', 'add', '', '::', 'a.b', 'aten::']) {
      expect(() => torch.call(name, [x()])).toThrow(withCode('ERR_TORCH'));
    }
    expect(errorOf(() => torch.call('aten::nope', [])).message).toContain('such as "aten::add" or "aten::add.Tensor"');
  });

  test('a device that does not exist is ERR_DEVICE', () => {
    for (const name of ['gpu', '', 'cuda:x', 'cuda:-2', 'CPU']) {
      expect(() => Tensor.from([1], { device: name })).toThrow(withCode('ERR_DEVICE'));
      expect(() => torch.zeros([1], { device: name })).toThrow(withCode('ERR_DEVICE'));
    }
    for (const name of ['mps', 'cpu:0', 'meta'])
      expect(() => Tensor.from([1], { device: name })).toThrow(/"cpu", "cuda" or "cuda:<index>".*use one of these/);
    expect(() => Tensor.from([1], { device: 'cuda:99' })).toThrow(withCode('ERR_DEVICE'));
    expect(() => x().to('cuda:99')).toThrow(withCode('ERR_DEVICE'));
    expect(() => x().to('float99')).toThrow('got "float99"');
  });

  test('a dtype that JavaScript cannot hold says how to convert it', () => {
    const tensor = torch.call('aten::to.dtype', [x(), 'int8']) as Tensor;
    expect(() => tensor.dtype).toThrow(withCode('ERR_TORCH'));
    expect(() => tensor.toTypedArray()).toThrow("convert it with to('float32')");
    expect(tensor.to('float32').toArray()).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  test('every use after dispose is ERR_DISPOSED', () => {
    const dead = x();
    dead.dispose();
    const uses: (() => unknown)[] = [
      () => dead.shape,
      () => dead.dtype,
      () => dead.device,
      () => dead.numel,
      () => dead.requiresGrad,
      () => dead.grad,
      () => dead.item(),
      () => dead.toArray(),
      () => dead.toTypedArray(),
      () => dead.to('float64'),
      () => dead.backward(),
      () => dead.zeroGrad(),
      () => dead.add(1),
      () => x().add(dead),
      () => torch.cat([x(), dead]),
      () => torch.call('aten::neg', [dead]),
      () => {
        dead.requiresGrad = true;
      },
    ];
    for (const use of uses) expect(use).toThrow(withCode('ERR_DISPOSED'));
    expect(errorOf(() => x().add(dead)).message).toContain('argument `other`');
  });

  test('errors carry the stack of the caller', () => {
    const error = errorOf(function wrongShape() {
      x().reshape([3]);
    });
    expect(error).toBeInstanceOf(HyperfitError);
    expect(error.stack).toContain('errors.test.ts');
  });

  test('reading needs an array of the right class and length', () => {
    const tensor = x();
    expect(() => addon().tensorRead(tensor.handle, new Float32Array(3))).toThrow(withCode('ERR_SHAPE'));
    expect(() => addon().tensorRead(tensor.handle, new Float64Array(4))).toThrow('expected a Float32Array for `out`, got Float64Array');
    expect(() => addon().tensorRead(tensor.handle, [] as unknown as Float32Array)).toThrow('expected a typed array for `out`, got array');
  });
});

if (!addon().libraryInfo().cudaAvailable) {
  test('cuda without a GPU is ERR_DEVICE with the remedy', () => {
    for (const fn of [
      () => Tensor.from([1], { device: 'cuda' }),
      () => torch.zeros([1], { device: 'cuda:0' }),
      () => Tensor.from([1]).to('cuda'),
    ]) {
      const error = errorOf(fn);
      expect(error.code).toBe('ERR_DEVICE');
      expect(error.message).toContain('use device "cpu"');
      expect(error.message.length).toBeLessThan(400);
    }
  });
}

test('new Tensor, which JavaScript does not forbid, says how one is made', () => {
  const Made = Tensor as unknown as new (...args: unknown[]) => Tensor;
  for (const args of [[[1]], [], [1048576], [1, 'cpu']]) expect(() => new Made(...args)).toThrow(/Tensor\.from\(data\)/);
});
