import { noGrad, Tensor, torch } from '../../lib/tensor/tensor.ts';
import { describeOnEachDevice } from '../devices.ts';

type Scalarise = (x: Tensor) => Tensor;

const FUNCTIONS: Record<string, Scalarise> = {
  'a polynomial': (x) => x.pow(3).add(x.mul(2)).sum(),
  'softmax and log': (x) => x.softmax(-1).log().mul(x).sum(),
  'a product of matrices': (x) => x.matmul(x.t()).tanh().sum(),
  'silu of a slice': (x) => x.narrow(1, 1, 2).silu().mean(),
  'cross entropy': (x) => torch.crossEntropy(x, Tensor.from([2n, 0n], { device: x.device })),
};
const POINT = [
  [0.3, -0.7, 1.1],
  [0.9, 0.2, -1.3],
];

/** Central differences in float64: the error of the method is about 1e-9 at this step. */
function numericGradient(fn: Scalarise, device: string): number[][] {
  const step = 1e-5;
  const valueAt = (i: number, j: number, delta: number): number => {
    const point = POINT.map((row, r) => row.map((value, c) => (r === i && c === j ? value + delta : value)));
    return fn(Tensor.from(point, { dtype: 'float64', device })).item();
  };
  return POINT.map((row, i) => row.map((_, j) => (valueAt(i, j, step) - valueAt(i, j, -step)) / (2 * step)));
}

describeOnEachDevice('autograd', (device) => {
  const leaf = (data: number[]): Tensor => Tensor.from(data, { device, requiresGrad: true });

  test.each(Object.keys(FUNCTIONS))('the gradient of %s agrees with finite differences', (name) => {
    const x = Tensor.from(POINT, { dtype: 'float64', device, requiresGrad: true });
    FUNCTIONS[name]!(x).backward();
    const expected = numericGradient(FUNCTIONS[name]!, device);
    (x.grad!.toArray() as number[][]).forEach((row, i) => row.forEach((value, j) => expect(value).toBeCloseTo(expected[i]![j]!, 7)));
  });

  test('gradients add up until zeroGrad', () => {
    const x = leaf([1, 2]);
    expect(x.grad).toBeNull();
    x.square().sum().backward();
    x.square().sum().backward();
    expect(x.grad!.toArray()).toEqual([4, 8]);
    x.zeroGrad();
    expect(x.grad).toBeNull();
  });

  test('takes the gradient of an output that has several elements', () => {
    const x = leaf([1, 2]);
    x.mul(3).backward({ gradient: Tensor.from([1, 10], { device }) });
    expect(x.grad!.toArray()).toEqual([3, 30]);
  });

  test('goes backward twice only when asked to keep the graph', () => {
    const x = leaf([2]);
    const y = x.square().sum();
    y.backward({ retainGraph: true });
    y.backward();
    expect(x.grad!.toArray()).toEqual([8]);
    expect(() => y.backward()).toThrow(expect.objectContaining({ code: 'ERR_TORCH' }));
  });

  test('gives gradients of gradients', () => {
    const x = leaf([3]);
    x.pow(3).sum().backward({ createGraph: true });
    const first = x.grad!;
    x.zeroGrad();
    first.sum().backward();
    expect(x.grad!.toArray()).toEqual([18]);
  });

  test('records nothing inside noGrad, and restores the mode after a throw', () => {
    const x = leaf([1]);
    expect(noGrad(() => x.mul(2)).requiresGrad).toBe(false);
    expect(() =>
      noGrad(() => {
        throw new Error('inside');
      }),
    ).toThrow('inside');
    expect(x.mul(2).requiresGrad).toBe(true);
    expect(noGrad(() => noGrad(() => x.mul(2)) && x.mul(2)).requiresGrad).toBe(false);
  });

  test('noGrad refuses an asynchronous function', () => {
    expect(() => noGrad(async () => 1)).toThrow(TypeError);
  });

  test('detach cuts, requiresGrad starts and stops', () => {
    const x = leaf([1, 2]);
    expect(x.mul(2).detach().requiresGrad).toBe(false);
    x.requiresGrad = false;
    expect(x.mul(2).requiresGrad).toBe(false);
    x.requiresGrad = true;
    expect(x.mul(2).requiresGrad).toBe(true);
  });

  test('a result between leaf and loss has no gradient, and asking is no error', () => {
    const x = leaf([1]);
    const y = x.mul(2);
    y.sum().backward();
    expect(y.grad).toBeNull();
  });

  test('refuses what PyTorch refuses', () => {
    const x = leaf([1, 2]);
    const refusal = expect.objectContaining({ code: 'ERR_TORCH' });
    expect(() => x.add_(1)).toThrow(refusal);
    expect(() => x.mul(2).backward()).toThrow(refusal);
    expect(() => Tensor.from([1], { device }).backward()).toThrow(refusal);
    expect(() => Tensor.from([1n], { device, requiresGrad: true })).toThrow(refusal);
    expect(() => {
      x.mul(2).requiresGrad = false;
    }).toThrow(refusal);
  });

  test('a value changed in place after it was recorded is noticed', () => {
    const x = leaf([2]);
    const y = x.mul(1);
    const z = y.square();
    y.add_(1);
    expect(() => z.sum().backward()).toThrow(/modified by an inplace operation/);
  });

  test('descends a gradient: enough steps find the least squares line', () => {
    const x = Tensor.from(
      [
        [0, 1],
        [1, 1],
        [2, 1],
      ],
      { device },
    );
    const y = Tensor.from([1, 3, 5], { device });
    const w = leaf([0, 0]);
    for (let step = 0; step < 200; step++) {
      x.matmul(w).sub(y).square().mean().backward();
      noGrad(() => w.sub_(w.grad!.mul(0.2)));
      w.zeroGrad();
    }
    const [slope, offset] = w.toArray() as [number, number];
    expect(slope).toBeCloseTo(2, 3);
    expect(offset).toBeCloseTo(1, 3);
  });
});
