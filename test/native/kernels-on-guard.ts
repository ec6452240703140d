import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addon } from '../../lib/addon.ts';
import { Tensor, torch } from '../../lib/tensor/index.ts';
import { makeRandom } from '../oracle/batches.ts';
import { relativeError } from '../oracle/differences.ts';
import { loadDriver, writeImages } from '../stand-ins/cuda-driver.ts';

/** What tests of the kernels for cards share: they run on the guarded device, launched by a driver that stands in for NVIDIA's. */

export type Dtype = 'float32' | 'bfloat16';
type Argument = Parameters<typeof torch.call>[1][number];
export const DTYPES: readonly Dtype[] = ['float32', 'bfloat16'];
/** Of a result that is rounded once. */
export const TOLERANCE = { float32: 3e-6, bfloat16: 2 ** -8 } as const;

const folder = mkdtempSync(join(tmpdir(), 'hyperfit-kernels-'));
export const driver = loadDriver();

/** For every test of the file that calls it. */
export function serveKernels(): void {
  beforeAll(() => driver.serve(writeImages(join(folder, 'images'))));
  afterAll(() => {
    driver.leave();
    rmSync(folder, { recursive: true });
  });
  // A launch that failed would have left libtorch to compute, and every test would pass without a kernel.
  afterEach(() => expect(addon().cudaKernels().failure).toBe(''));
}

export const call = (name: string, ...args: Argument[]): Tensor => torch.call(name, args) as Tensor;
export const callMany = (name: string, ...args: Argument[]): Tensor[] => torch.call(name, args) as Tensor[];
export const exact = (tensor: Tensor): Tensor => tensor.to({ device: 'cpu' }).to({ dtype: 'float64' });
export const numbers = (tensor: Tensor): Float64Array => Float64Array.from(exact(tensor).toTypedArray() as Float64Array);
export const ids = (values: readonly number[]): Tensor => Tensor.from(BigInt64Array.from(values.map(BigInt))).to({ device: 'guard' });

export function draw(seed: number, shape: number[], dtype: Dtype = 'float32', reach = 3): Tensor {
  const random = makeRandom(seed);
  const count = shape.reduce((product, size) => product * size, 1);
  return Tensor.from(
    Float64Array.from({ length: count }, () => reach * (2 * random() - 1)),
    { shape, dtype: 'float64' },
  )
    .to({ dtype })
    .to({ device: 'guard' });
}

export function close(actual: Tensor, expected: Tensor, tolerance: number): void {
  expect(relativeError(numbers(actual), numbers(expected))).toBeLessThan(tolerance);
}

/** How often a kernel ran while `body` did. */
export function launchesOf(name: string, body: () => void): number {
  const before = driver.counts().launches[name] ?? 0;
  body();
  return (driver.counts().launches[name] ?? 0) - before;
}
