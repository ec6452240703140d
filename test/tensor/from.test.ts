import fc from 'fast-check';
import { Tensor, torch, type DType } from '../../lib/tensor/tensor.ts';
import { describeOnEachDevice } from '../devices.ts';

describeOnEachDevice('Tensor.from', (device) => {
  const roundTrips: [DType, ArrayLike<number | bigint>, unknown][] = [
    ['uint8', new Uint8Array([0, 1, 255]), [0, 1, 255]],
    ['int32', new Int32Array([-(2 ** 31), 0, 2 ** 31 - 1]), [-(2 ** 31), 0, 2 ** 31 - 1]],
    ['int64', new BigInt64Array([-(2n ** 63n), -1n, 2n ** 63n - 1n]), [-(2n ** 63n), -1n, 2n ** 63n - 1n]],
    ['float32', new Float32Array([1.5, -0, 3e38]), [1.5, -0, Math.fround(3e38)]],
    ['float64', new Float64Array([Math.PI, 1e-300, Number.MAX_VALUE]), [Math.PI, 1e-300, Number.MAX_VALUE]],
  ];
  test.each(roundTrips)('takes and gives %s unchanged', (dtype, data, expected) => {
    const tensor = Tensor.from(data as Float32Array, { device });
    expect(tensor.dtype).toBe(dtype);
    expect(tensor.shape).toEqual([3]);
    expect(Array.from(tensor.toTypedArray() as Float32Array)).toEqual(expected);
  });

  test('keeps the special values of floats', () => {
    for (const dtype of ['float16', 'bfloat16', 'float32', 'float64'] as const) {
      const values = [Infinity, -Infinity, NaN, -0];
      expect(Array.from(Tensor.from(values, { dtype, device }).toTypedArray() as Float32Array)).toEqual(values);
    }
  });

  test('rounds to float16 and bfloat16, and widens them when read', () => {
    // float16 has 10 bits of fraction, bfloat16 has 7: 1 + 2^-8 is exact in the first, a tie to even in the second.
    const data = new Float32Array([1 + 2 ** -8, 1 + 3 * 2 ** -8, 65504]);
    const half = Tensor.from(data, { dtype: 'float16', device }).toTypedArray();
    expect(Array.from(half as Float32Array)).toEqual([1 + 2 ** -8, 1 + 3 * 2 ** -8, 65504]);
    const brain = Tensor.from(data, { dtype: 'bfloat16', device }).toTypedArray();
    expect(Array.from(brain as Float32Array)).toEqual([1, 1 + 2 ** -6, 65536]);
  });

  test('takes 16-bit floats as their bits', () => {
    const bits = new Uint16Array([0x3f80, 0xc000]);
    expect(Tensor.from(bits, { dtype: 'bfloat16', device }).toArray()).toEqual([1, -2]);
    expect(Tensor.from(new Uint16Array([0x3c00, 0xc000]), { dtype: 'float16', device }).toArray()).toEqual([1, -2]);
  });

  test('makes bool of booleans and of bytes', () => {
    const tensor = Tensor.from([[true, false]], { device });
    expect([tensor.dtype, tensor.shape]).toEqual(['bool', [1, 2]]);
    expect(tensor.toArray()).toEqual([[true, false]]);
    expect(Array.from(Tensor.from(new Uint8Array([0, 1, 7]), { dtype: 'bool', device }).toTypedArray() as Uint8Array)).toEqual([0, 1, 1]);
  });

  test('takes numbers, nested arrays and bigints', () => {
    expect(Tensor.from(2.5, { device })).toMatchObject({ shape: [], dtype: 'float32', numel: 1 });
    expect(
      Tensor.from(
        [
          [1, 2, 3],
          [4, 5, 6],
        ],
        { device },
      ),
    ).toMatchObject({ shape: [2, 3], dtype: 'float32', numel: 6 });
    expect(Tensor.from([[[1n]], [[2n]]], { device })).toMatchObject({ shape: [2, 1, 1], dtype: 'int64' });
    expect(Tensor.from([[], []], { device })).toMatchObject({ shape: [2, 0], numel: 0 });
  });

  test('converts to the dtype that is asked for', () => {
    expect(Tensor.from([1, 2], { dtype: 'int64', device }).toTypedArray()).toEqual(new BigInt64Array([1n, 2n]));
    expect(Tensor.from([0.1], { dtype: 'float64', device }).toArray()).toEqual([0.1]);
    expect(Tensor.from(new Int32Array([3]), { dtype: 'float64', device })).toMatchObject({ dtype: 'float64' });
    expect(Tensor.from(new Float64Array([0.5]), { dtype: 'bfloat16', device }).toArray()).toEqual([0.5]);
  });

  test('shapes a typed array row-major', () => {
    expect(Tensor.from(new Float32Array([1, 2, 3, 4, 5, 6]), { shape: [2, 3], device }).toArray()).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect(Tensor.from(new Float32Array([7]), { shape: [], device }).toArray()).toBe(7);
    expect(Tensor.from(new Float32Array(0), { shape: [0, 4], device }).toArray()).toEqual([]);
  });

  test('copies, so that later writes to the array do not show', () => {
    const data = new Float32Array([1, 2]);
    const tensor = Tensor.from(data, { device });
    data[0] = 9;
    (tensor.toTypedArray() as Float32Array)[1] = 9;
    expect(tensor.toArray()).toEqual([1, 2]);
  });

  test('reads any strides', () => {
    const tensor = Tensor.from(
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
      { device },
    );
    expect(tensor.t().toArray()).toEqual([
      [1, 4],
      [2, 5],
      [3, 6],
    ]);
    expect(tensor.slice(1, 0, 3, 2).toArray()).toEqual([
      [1, 3],
      [4, 6],
    ]);
    expect(tensor.select(0, 0).expand([2, 3]).toArray()).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ]);
  });

  test('reads a window into a larger buffer', () => {
    const window = new Float32Array(new Float32Array([0, 1, 2, 3]).buffer, 4, 2);
    expect(Tensor.from(window, { device }).toArray()).toEqual([1, 2]);
  });

  test('gives back whatever float32 values it got', () => {
    fc.assert(
      fc.property(fc.array(fc.float()), (values) => {
        const tensor = Tensor.from(Float32Array.from(values), { device });
        expect(Array.from(tensor.toTypedArray() as Float32Array)).toEqual(Array.from(Float32Array.from(values)));
        tensor.dispose();
      }),
    );
  });

  test('goes to a dtype and comes back', () => {
    const tensor = Tensor.from([1.75, -2.25], { device });
    expect(tensor.to('int32').toArray()).toEqual([1, -2]);
    expect(tensor.to({ dtype: 'float64' }).to('cpu')).toMatchObject({ dtype: 'float64', device: 'cpu' });
    expect(tensor.to({ device: 'cpu', dtype: 'float16' }).toArray()).toEqual([1.75, -2.25]);
  });

  test('is made by torch as well', () => {
    expect(torch.zeros([2, 2], { device }).toArray()).toEqual([
      [0, 0],
      [0, 0],
    ]);
    expect(torch.ones([2], { dtype: 'int64', device }).toTypedArray()).toEqual(new BigInt64Array([1n, 1n]));
    expect(torch.full([2], 1.5, { device }).toArray()).toEqual([1.5, 1.5]);
    expect(torch.full([1], 3, { device }).dtype).toBe('float32');
    expect(torch.arange(1, 7, 2, { dtype: 'int32', device }).toArray()).toEqual([1, 3, 5]);
    expect(torch.eye(2, { device }).toArray()).toEqual([
      [1, 0],
      [0, 1],
    ]);
    expect(torch.ones([1], { requiresGrad: true, device }).requiresGrad).toBe(true);
  });

  test('draws the same numbers from the same seed', () => {
    const draw = (seed: number): unknown => {
      torch.manualSeed(seed);
      return [torch.randn([3], { device }).toArray(), torch.rand([3], { device }).toArray()];
    };
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
    for (const value of torch.rand([100], { device }).toArray() as number[]) {
      expect(value >= 0 && value < 1).toBe(true);
    }
  });
});
