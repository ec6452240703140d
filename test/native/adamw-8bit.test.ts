import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { addon } from '../../lib/addon.ts';
import { Tensor, torch } from '../../lib/tensor/index.ts';
import { scope } from '../../lib/tensor/scope.ts';
import { describeOnEachDevice } from '../devices.ts';
import { makeRandom } from '../oracle/batches.ts';
import { relativeError } from '../oracle/differences.ts';
import { byInstructionSet, labelOf, testBy } from './instruction-sets.ts';
import { launchesOf, serveKernels } from './kernels-on-guard.ts';

/** AdamW whose moments are codes of dynamic maps: against float64, with the maps of bitsandbytes (scripts/fixtures/dynamic_map.py). */

type Map256 = readonly number[];
const MAPS = JSON.parse(readFileSync(join(__dirname, '../fixtures/dynamic-map.json'), 'utf8')) as { signed: Map256; unsigned: Map256 };
const BLOCK = 256;
const SETTINGS = { step: 3, rate: 0.01, beta1: 0.9, beta2: 0.95, eps: 1e-8, decay: 0.1, scale: 0.5 };

interface Moments {
  codes: [Uint8Array, Uint8Array];
  absmax: [Float32Array, Float32Array];
}

interface Update extends Moments {
  values: Float32Array;
  rounded: Tensor;
}

function update(device: string, values: Float32Array, gradients: Float32Array, { codes, absmax }: Moments, settings = SETTINGS): Update {
  const { step, rate, beta1, beta2, eps, decay, scale } = settings;
  const tensors = [values, gradients, ...codes, ...absmax].map((array) => Tensor.from(array).to({ device }));
  const results = torch.call('hyperfit::adamw_8bit', [...tensors, step, rate, beta1, beta2, eps, decay, scale]) as Tensor[];
  const [moved, ...rest] = results.slice(0, 5).map((tensor) => tensor.to({ device: 'cpu' }).toTypedArray());
  return {
    values: moved as Float32Array,
    codes: [rest[0] as Uint8Array, rest[1] as Uint8Array],
    absmax: [rest[2] as Float32Array, rest[3] as Float32Array],
    rounded: results[5]!,
  };
}

/** Blocks of all sizes of numbers, one of zeros, one of a single number that is not. */
function drawn(blocks: number): { values: Float32Array; gradients: Float32Array; moments: Moments } {
  const random = makeRandom(5);
  const draw = (reach: (block: number) => number): Float32Array =>
    Float32Array.from({ length: BLOCK * blocks }, (_, i) => reach(Math.floor(i / BLOCK)) * (2 * random() - 1) * 10 ** (-8 * random()));
  const gradients = draw((block) => (block < 2 ? 0 : 10 ** (block - 6)));
  gradients[BLOCK + 3] = 1e-20;
  const code = (): Uint8Array => Uint8Array.from({ length: BLOCK * blocks }, () => Math.floor(256 * random()));
  const absmax = (reach: number): Float32Array =>
    Float32Array.from({ length: blocks }, (_, block) => (block < 2 ? 0 : reach ** (block - 6)));
  return { values: draw(() => 1), gradients, moments: { codes: [code(), code()], absmax: [absmax(10), absmax(100)] } };
}

const decode = (map: Map256, codes: Uint8Array, absmax: Float32Array): Float64Array =>
  Float64Array.from(codes, (code, i) => map[code]! * absmax[Math.floor(i / BLOCK)]!);

/** What the moments and values are before anything is written in 8 bits. */
function exactly(
  values: Float32Array,
  gradients: Float32Array,
  { codes, absmax }: Moments,
): { values: Float64Array; mean: Float64Array; square: Float64Array } {
  const { step, rate, beta1, beta2, eps, decay, scale } = SETTINGS;
  const g = Float64Array.from(gradients, (gradient) => gradient * scale);
  const mean = decode(MAPS.signed, codes[0], absmax[0]).map((m, i) => beta1 * m + (1 - beta1) * g[i]!);
  const square = decode(MAPS.unsigned, codes[1], absmax[1]).map((v, i) => beta2 * v + (1 - beta2) * g[i]! ** 2);
  const moved = Float64Array.from(
    values,
    (w, i) => w * (1 - rate * decay) - ((rate / (1 - beta1 ** step)) * mean[i]!) / (Math.sqrt(square[i]! / (1 - beta2 ** step)) + eps),
  );
  return { values: moved, mean, square };
}

/** How far each is from what its code stands for, beside the nearest that the map has; shares of the block's largest. */
function excess(map: Map256, exact: Float64Array, codes: Uint8Array, absmax: Float32Array, leastCode: (value: number) => number): number {
  return Math.max(
    ...codes
      .map((code, i) => {
        const largest = absmax[Math.floor(i / BLOCK)]! || 1;
        const share = exact[i]! / largest;
        const nearest = Math.min(...map.slice(leastCode(exact[i]!)).map((value) => Math.abs(value - share)));
        return Math.abs(map[code]! - share) - nearest;
      })
      .map(Number),
  );
}

function declareUpdates(device: string): void {
  test('values, moments and their largest magnitudes', () =>
    scope(() => {
      const { values, gradients, moments } = drawn(12);
      const exact = exactly(values, gradients, moments);
      const got = update(device, values, gradients, moments);
      expect(relativeError(Float64Array.from(got.values), exact.values)).toBeLessThan(1e-6);
      const largest = (of: Float64Array): Float64Array =>
        Float64Array.from({ length: of.length / BLOCK }, (_, block) =>
          Math.max(...of.subarray(BLOCK * block, BLOCK * (block + 1)).map(Math.abs)),
        );
      expect(relativeError(Float64Array.from(got.absmax[0]), largest(exact.mean))).toBeLessThan(1e-6);
      expect(relativeError(Float64Array.from(got.absmax[1]), largest(exact.square))).toBeLessThan(1e-6);
      expect(got.rounded.equal(Tensor.from(got.values).to({ dtype: 'bfloat16' }).to({ device }))).toBe(true);
    }));

  test('each code is the nearest; of squares none but zero itself becomes zero', () =>
    scope(() => {
      const { values, gradients, moments } = drawn(12);
      const exact = exactly(values, gradients, moments);
      const got = update(device, values, gradients, moments);
      expect(excess(MAPS.signed, exact.mean, got.codes[0], got.absmax[0], () => 0)).toBeLessThan(1e-6);
      expect(excess(MAPS.unsigned, exact.square, got.codes[1], got.absmax[1], (value) => (value > 0 ? 1 : 0))).toBeLessThan(1e-6);
      got.codes[1].forEach((code, i) => expect(code > 0).toBe(Math.fround(exact.square[i]!) > 0));
      expect([...got.codes[0].subarray(0, BLOCK)]).toEqual(new Array(BLOCK).fill(MAPS.signed.indexOf(0)));
    }));

  test("every value of both maps is bitsandbytes' to a part in a million, and is written back as the code it came from", () =>
    scope(() => {
      const every = Uint8Array.from({ length: BLOCK }, (_, code) => code);
      const one = Float32Array.of(1);
      const settings = { step: 1, rate: 1, beta1: 0.5, beta2: 0.5, eps: 0, decay: 0, scale: 1 };
      const zeros = new Float32Array(BLOCK);
      const most = new Uint8Array(BLOCK).fill(255);
      // Means over a root of 1, and a mean of 1 over each root.
      const means = update(device, zeros, zeros, { codes: [every, most], absmax: [one, one] }, settings);
      means.values.forEach((value, code) =>
        expect(Math.abs(-value - MAPS.signed[code]!)).toBeLessThanOrEqual(1e-6 * Math.abs(MAPS.signed[code]!)),
      );
      expect(means.codes[0]).toEqual(every);
      const squares = update(device, zeros, zeros, { codes: [most, every], absmax: [one, one] }, settings);
      squares.values.forEach((value, code) =>
        expect(Math.abs(1 / value ** 2 - MAPS.unsigned[code]!)).toBeLessThanOrEqual(2e-6 * MAPS.unsigned[code]!),
      );
      expect(squares.codes[1]).toEqual(every);
    }));
}

describeOnEachDevice('an update of moments in 8 bits', declareUpdates);

describe('an update of moments in 8 bits by the operators of libtorch (cpu)', () => {
  beforeAll(() => addon().setKernels(false));
  afterAll(() => addon().setKernels(true));
  declareUpdates('cpu');
});

describe('an update of moments in 8 bits by the kernel for cards (guard)', () => {
  serveKernels();
  declareUpdates('guard');
  test('which was launched', () =>
    scope(() => {
      const { values, gradients, moments } = drawn(12);
      expect(launchesOf('adamw_8bit', () => void update('guard', values, gradients, moments))).toBe(1);
    }));
});

describe('an update of moments in 8 bits by instruction set', () => {
  const { values, gradients, moments } = drawn(40);
  const run = (): unknown =>
    scope(() => {
      const { rounded, ...rest } = update('cpu', values, gradients, moments);
      return { ...rest, rounded: rounded.to({ dtype: 'float32' }).toTypedArray() };
    });
  for (const set of ['avx512', 'avx2'] as const) {
    testBy(set)(`${labelOf(set)} gives the bits of the newest`, () => expect(byInstructionSet(set, run)).toEqual(run()));
  }
});

test('what is no block is refused', () => {
  const of = (size: number): Moments => ({
    codes: [new Uint8Array(size), new Uint8Array(size)],
    absmax: [new Float32Array(1), new Float32Array(1)],
  });
  scope(() => {
    expect(() => update('cpu', new Float32Array(255), new Float32Array(255), of(255))).toThrow('whole blocks of 256');
    expect(() => update('cpu', new Float32Array(512), new Float32Array(512), of(512))).toThrow();
    expect(() =>
      update('cpu', new Float32Array(256), new Float32Array(256), { ...of(256), codes: [new Uint8Array(255), new Uint8Array(256)] }),
    ).toThrow('uint8');
  });
});
