import { Tensor, torch } from '../../lib/tensor/tensor.ts';
import { describeOnEachDevice } from '../devices.ts';

describeOnEachDevice('torch.call', (device) => {
  const x = (): Tensor =>
    Tensor.from(
      [
        [1, 2],
        [3, 4],
      ],
      { device },
    );
  const values = (result: unknown): unknown => (result as Tensor).toArray();

  test('finds the overload by the arguments', () => {
    expect(values(torch.call('aten::add', [x(), x()]))).toEqual([
      [2, 4],
      [6, 8],
    ]);
    expect(values(torch.call('aten::add', [x(), 1]))).toEqual([
      [2, 3],
      [4, 5],
    ]);
    expect(values(torch.call('aten::pow', [2, x()]))).toEqual([
      [2, 4],
      [8, 16],
    ]);
    expect(values(torch.call('aten::max', [x()]))).toBe(4);
    expect((torch.call('aten::max', [x(), 1]) as Tensor[]).map(values)).toEqual([
      [2, 4],
      [1, 1],
    ]);
    expect(values(torch.call('aten::arange', [3]))).toEqual([0, 1, 2]);
    expect(values(torch.call('aten::arange', [1, 3]))).toEqual([1, 2]);
  });

  test('takes an overload by its name', () => {
    expect(values(torch.call('aten::add.Tensor', [x(), x()]))).toEqual([
      [2, 4],
      [6, 8],
    ]);
    expect(() => torch.call('aten::add.Tensor', [x(), 1])).toThrow('aten::add() expected a Tensor for `other`, got 1');
  });

  test('takes arguments by name, and leaves undefined ones to their defaults', () => {
    expect(values(torch.call('aten::add', [x(), x()], { alpha: 10 }))).toEqual([
      [11, 22],
      [33, 44],
    ]);
    expect(values(torch.call('aten::add', [x()], { other: 1, alpha: undefined }))).toEqual([
      [2, 3],
      [4, 5],
    ]);
    expect(values(torch.call('aten::gelu', [Tensor.from([0], { device })], { approximate: 'tanh' }))).toEqual([0]);
  });

  test('takes dtypes, devices, layouts and memory formats by name', () => {
    const made = torch.call('aten::empty', [[2, 3]], {
      dtype: 'bfloat16',
      device,
      layout: 'strided',
      memory_format: 'contiguous_format',
    }) as Tensor;
    expect(made).toMatchObject({ dtype: 'bfloat16', shape: [2, 3] });
    expect(torch.call('aten::zeros', [[1]], { dtype: 7, device })).toMatchObject({ dtype: 'float64' });
  });

  test('lets one number stand for both sizes of an int[2]', () => {
    const image = torch.ones([1, 1, 4, 4], { device });
    expect((torch.call('aten::avg_pool2d', [image, 2]) as Tensor).shape).toEqual([1, 1, 2, 2]);
  });

  test('takes lists: tensors, optional tensors, ints, numbers and booleans', () => {
    const rows = Tensor.from([1n, 0n], { device });
    expect(values(torch.call('aten::index', [x(), [null, rows]]))).toEqual([
      [2, 1],
      [4, 3],
    ]);
    expect(values(torch.call('aten::cat', [[x(), x()], 1]))).toEqual([
      [1, 2, 1, 2],
      [3, 4, 3, 4],
    ]);
    expect(values(torch.call('aten::roll', [x(), [1], [0]]))).toEqual([
      [3, 4],
      [1, 2],
    ]);
    expect((torch.call('aten::upsample_nearest2d.vec', [torch.ones([1, 1, 2, 2], { device }), null, [2, 1.5]]) as Tensor).shape).toEqual([
      1, 1, 4, 3,
    ]);
  });

  test('writes into `out`', () => {
    const out = torch.zeros([2, 2], { device });
    torch.call('aten::add', [x(), x()], { out });
    expect(out.toArray()).toEqual([
      [2, 4],
      [6, 8],
    ]);
  });

  test('gives numbers, booleans, lists and nothing as they are', () => {
    expect(torch.call('aten::item', [Tensor.from(2.5, { device })])).toBe(2.5);
    expect(torch.call('aten::equal', [x(), x()])).toBe(true);
    expect((torch.call('aten::split', [x(), 1]) as Tensor[]).map(values)).toEqual([[[1, 2]], [[3, 4]]]);
    expect(torch.call('aten::_backward', [Tensor.from(1, { device, requiresGrad: true }).mul(2), []])).toBeNull();
  });

  test('refuses an integer result that a number cannot hold', () => {
    expect(() => torch.call('aten::item', [Tensor.from(2n ** 60n, { device })])).toThrow(
      'expected an integer that a JavaScript number can hold',
    );
    expect(() => Tensor.from(2n ** 60n, { device }).item()).toThrow('read int64 tensors with toTypedArray()');
  });

  test('keeps the sign of zero', () => {
    expect(values(torch.call('aten::full', [[1], -0], { dtype: 'float32', device }))).toEqual([-0]);
  });
});
