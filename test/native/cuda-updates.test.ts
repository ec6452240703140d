import { addon } from '../../lib/addon.ts';
import { Tensor, torch } from '../../lib/tensor/index.ts';
import { scope } from '../../lib/tensor/scope.ts';
import { relativeError } from '../oracle/differences.ts';
import { byInstructionSet } from './instruction-sets.ts';
import { call, callMany, close, draw, exact, launchesOf, numbers, serveKernels } from './kernels-on-guard.ts';

/** The kernels of a step's end: the norm of the gradients, and AdamW. Each against float64, and against the CPU's own kernel. */

serveKernels();

const onGuard = (value: number): Tensor => torch.full([], value).to({ device: 'guard' });
/** Multiples of four and not, some that begin where sixteen bytes do not, more than a block handles, and nothing. */
const SIZES = [1, 3, 255, 1000, 8193, 100_003];

describe('the norm', () => {
  const unaligned = (seed: number, size: number): Tensor => call('aten::slice', draw(seed, [size + 1]), 0, 1, size + 1);

  test.each(SIZES)('of %i numbers, aligned and not, the same bits twice', (size) =>
    scope(() => {
      for (const x of [draw(size, [size]), unaligned(size, size)]) {
        const norm = (): Float64Array => numbers(call('hyperfit::norm_of', [x]));
        expect(norm()[0]).toBeCloseTo(Math.sqrt(numbers(x).reduce((sum, value) => sum + value * value, 0)), 9);
        expect(norm()).toEqual(norm());
        expect(launchesOf('vector_norm_parts', norm)).toBe(1);
      }
    }),
  );

  test('of several tensors, one of them empty, in one more launch', () =>
    scope(() => {
      const tensors = [draw(1, [7]), draw(2, [0]), draw(3, [40_000])];
      const all = tensors.flatMap((tensor) => [...numbers(tensor)]);
      const found = (): number => numbers(call('hyperfit::norm_of', tensors))[0]!;
      expect(found()).toBeCloseTo(Math.sqrt(all.reduce((sum, value) => sum + value * value, 0)), 9);
      expect([launchesOf('vector_norm_parts', found), launchesOf('vector_norm', found)]).toEqual([2, 1]);
    }));

  test('of numbers whose squares float32 does not hold, and of NaN', () =>
    scope(() => {
      const norm = (values: number[]): number => numbers(call('hyperfit::norm_of', [Tensor.from(values).to({ device: 'guard' })]))[0]!;
      expect(norm([3e30, 4e30]) / 5e30).toBeCloseTo(1, 6);
      expect(norm([3e-30, 4e-30]) / 5e-30).toBeCloseTo(1, 6);
      expect([norm([1, Number.NaN, 2]), norm([1, -Infinity])]).toEqual([Number.NaN, Infinity]);
    }));
});

const SETTINGS = { step: 7, rate: 0.01, beta1: 0.9, beta2: 0.95, eps: 1e-8, decay: 0.1, scale: 0.5 };
const hostNumbers = ({ step, rate, beta1, beta2, eps, decay, scale } = SETTINGS): number[] => [step, rate, beta1, beta2, eps, decay, scale];

/** Values, gradients and both moments [size], second moments as squares. */
const drawn = (size: number): Tensor[] => {
  const [values, gradients, mean, root] = [1, 2, 3, 4].map((seed) => draw(seed, [size])) as [Tensor, Tensor, Tensor, Tensor];
  return [values, gradients, mean, root.mul(root)];
};

/** Values and moments after one update in float64, of gradients that are multiplied by `scale`. */
function expectedOf(tensors: readonly Tensor[], scale: number, { step, rate, beta1, beta2, eps, decay } = SETTINGS): Float64Array[] {
  const [w, g, m, v] = tensors.map(numbers) as [Float64Array, Float64Array, Float64Array, Float64Array];
  const mean = m.map((value, i) => beta1 * value + (1 - beta1) * scale * g[i]!);
  const square = v.map((value, i) => beta2 * value + (1 - beta2) * (scale * g[i]!) ** 2);
  const moved = w.map(
    (value, i) =>
      value * (1 - rate * decay) - ((rate / (1 - beta1 ** step)) * mean[i]!) / (Math.sqrt(square[i]! / (1 - beta2 ** step)) + eps),
  );
  return [moved, mean, square];
}

describe('AdamW', () => {
  test.each(SIZES)("of %i weights: float64's, and the bits of the CPU's kernel without fused additions", (size) =>
    scope(() => {
      const tensors = drawn(size);
      const update = (...more: (Tensor | null)[]): Tensor[] => callMany('hyperfit::adamw', ...tensors, ...hostNumbers(), ...more);
      const found = update();
      for (const [index, expected] of expectedOf(tensors, 0.5).entries())
        expect(relativeError(numbers(found[index]!), expected)).toBeLessThan(2e-7);
      expect(numbers(found[3]!)).toEqual(numbers(found[0]!.to({ dtype: 'bfloat16' })));
      expect(launchesOf('adamw', update)).toBe(1);
      const onCpu = byInstructionSet('plain', () =>
        callMany('hyperfit::adamw', ...tensors.map((tensor) => tensor.to({ device: 'cpu' })), ...hostNumbers()),
      );
      expect(found.map(numbers)).toEqual(onCpu.map(numbers));
    }),
  );

  test('by numbers of the device: a divisor, a learning rate and a step', () =>
    scope(() => {
      const tensors = drawn(1001);
      const found = callMany(
        'hyperfit::adamw',
        ...tensors,
        ...hostNumbers({ ...SETTINGS, rate: 1, step: 1 }),
        onGuard(8),
        onGuard(0),
        onGuard(SETTINGS.rate),
        onGuard(SETTINGS.step),
      );
      for (const [index, expected] of expectedOf(tensors, 1 / 8).entries())
        expect(relativeError(numbers(found[index]!), expected)).toBeLessThan(2e-7);
      const byOperators = (): Tensor[] =>
        callMany(
          'hyperfit::adamw',
          ...tensors,
          ...hostNumbers({ ...SETTINGS, rate: 1, step: 1 }),
          onGuard(8),
          onGuard(0),
          onGuard(SETTINGS.rate),
          onGuard(SETTINGS.step),
        );
      addon().setKernels(false);
      try {
        for (const [index, expected] of byOperators().slice(0, 3).entries())
          expect(relativeError(numbers(expected), numbers(found[index]!))).toBeLessThan(1e-6);
      } finally {
        addon().setKernels(true);
      }
    }));

  test('that the device forbids: every bit stays, and the rounded weights are those of the weights', () =>
    scope(() => {
      const tensors = drawn(1003);
      const found = callMany(
        'hyperfit::adamw',
        tensors[0]!,
        torch.full([1003], Number.NaN).to({ device: 'guard' }),
        tensors[2]!,
        tensors[3]!,
        ...hostNumbers(),
        onGuard(Number.NaN),
        onGuard(1),
      );
      expect(found.slice(0, 3).map(numbers)).toEqual([tensors[0]!, tensors[2]!, tensors[3]!].map(numbers));
      expect(numbers(found[3]!)).toEqual(numbers(tensors[0]!.to({ dtype: 'bfloat16' })));
    }));

  test('at step 100,000, at which corrections are nothing', () =>
    scope(() => {
      const settings = { ...SETTINGS, step: 100_000, beta2: 0.999 };
      const tensors = drawn(64);
      const found = callMany('hyperfit::adamw', ...tensors, ...hostNumbers(settings));
      for (const [index, expected] of expectedOf(tensors, 0.5, settings).entries())
        expect(relativeError(numbers(found[index]!), expected)).toBeLessThan(2e-7);
    }));
});

describe('AdamW of moments in 8 bits', () => {
  const codes = (seed: number, count: number): Tensor => {
    const random = draw(seed, [count], 'float32', 0.5).add(0.5).mul(255.99);
    return random.to({ dtype: 'uint8' });
  };
  const absmax = (seed: number, blocks: number): Tensor => call('aten::abs', draw(seed, [blocks])).clone();
  const drawn8 = (blocks: number): Tensor[] => [
    draw(1, [256 * blocks]),
    draw(2, [256 * blocks]),
    codes(3, 256 * blocks),
    codes(4, 256 * blocks),
    absmax(5, blocks),
    absmax(6, blocks),
  ];

  // test/native/adamw-8bit.test.ts holds this kernel against float64 and bitsandbytes' maps.
  test.each([1, 3, 33])("of %i blocks: as libtorch's operators, by numbers of the host and of the device", (blocks) =>
    scope(() => {
      const tensors = drawn8(blocks);
      const ways: (() => Tensor[])[] = [
        () => callMany('hyperfit::adamw_8bit', ...tensors, ...hostNumbers()),
        () =>
          callMany(
            'hyperfit::adamw_8bit',
            ...tensors,
            ...hostNumbers({ ...SETTINGS, rate: 1, step: 1 }),
            onGuard(2),
            onGuard(0),
            onGuard(SETTINGS.rate),
            onGuard(SETTINGS.step),
          ),
      ];
      const byKernel = ways.map((way) => way());
      expect(launchesOf('adamw_8bit', ways[0]!)).toBe(1);
      addon().setKernels(false);
      try {
        for (const [index, way] of ways.entries()) {
          const [expected, found] = [way(), byKernel[index]!];
          for (const place of [0, 3, 4]) close(found[place]!, exact(expected[place]!), 1e-6);
          for (const place of [1, 2])
            expect(numbers(found[place]!).filter((code, i) => code !== numbers(expected[place]!)[i]).length).toBeLessThanOrEqual(blocks);
        }
      } finally {
        addon().setKernels(true);
      }
    }),
  );

  test('that the device forbids: every bit stays', () =>
    scope(() => {
      const tensors = drawn8(5);
      const found = callMany('hyperfit::adamw_8bit', ...tensors, ...hostNumbers(), onGuard(1), onGuard(1));
      expect(found.slice(0, 5).map(numbers)).toEqual([0, 2, 3, 4, 5].map((place) => numbers(tensors[place]!)));
      expect(numbers(found[5]!)).toEqual(numbers(tensors[0]!.to({ dtype: 'bfloat16' })));
    }));
});
