import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { addon } from '../../lib/addon.ts';

/** The functions that lib/addon-types.ts and lib/addon-batch-types.ts promise, in their order. */
function promisedFunctions(): string[] {
  const promised = [
    ['addon-types', 'NativeAddon'],
    ['addon-batch-types', 'NativeBatches'],
    ['addon-pass-types', 'NativePasses'],
  ] as const;
  return promised.flatMap(([file, name]) => {
    const text = readFileSync(join(__dirname, `../../lib/${file}.ts`), 'utf8');
    const body = new RegExp(`export interface ${name} \\{\\n([^]*?)\\n\\}`).exec(text)![1]!;
    return [...body.matchAll(/^ {2}(\w+)\(/gm)].map((match) => match[1]!);
  });
}

test('the addon has every function that its types promise, and no other', () => {
  expect(promisedFunctions().length).toBeGreaterThan(30);
  expect(Object.keys(addon()).sort()).toEqual(promisedFunctions().sort());
});

test('libraryInfo tells the loaded version, which belongs to the series it was built for', () => {
  const { otherBackend: _, ...info } = addon().libraryInfo(); // a stand-in's, which another test may have loaded into the process
  expect(info).toEqual({
    torchVersion: expect.stringMatching(/^\d+\.\d+\.\d+/) as string,
    builtFor: expect.stringMatching(/^\d+\.\d+$/) as string,
    cpuCapability: expect.stringMatching(/^[A-Z0-9 ]+$/i) as string,
    bfloat16Kernels: expect.any(Boolean) as boolean,
    bfloat16Products: expect.any(Boolean) as boolean,
    tiles: expect.any(Boolean) as boolean,
    numThreads: expect.any(Number) as number,
    cudaAvailable: expect.any(Boolean) as boolean,
    cudaDeviceCount: expect.any(Number) as number,
  });
  expect(info.torchVersion.startsWith(`${info.builtFor}.`)).toBe(true);
  expect(info.cudaDeviceCount > 0).toBe(info.cudaAvailable);
});

test('setNumThreads is what libraryInfo then tells', () => {
  const { numThreads } = addon().libraryInfo();
  addon().setNumThreads(1);
  expect(addon().libraryInfo().numThreads).toBe(1);
  addon().setNumThreads(numThreads);
  expect(addon().libraryInfo().numThreads).toBe(numThreads);
  for (const threads of [0, -1, 1.5, NaN, 1e9]) expect(() => addon().setNumThreads(threads)).toThrow(TypeError);
});

test('every argument of an operator converts: a call of each kind', () => {
  const native = addon();
  const tensor = { handle: native.tensorFrom(new Float32Array([1, 2]), [2], 6, 'cpu') };
  const make = (
    name: string,
    args: Parameters<typeof native.tensorCall>[1],
    kwargs: Parameters<typeof native.tensorCall>[2] = {},
  ): number => (native.tensorCall(name, args, kwargs) as { handle: number }).handle;
  const info = (handle: number): unknown => native.tensorInfo(handle);
  expect(info(make('aten::zeros', [[3]], { dtype: 7, device: 'cpu' }))).toEqual({
    shape: [3],
    dtype: 7,
    device: 'cpu',
    requiresGrad: false,
  });
  expect(native.tensorCall('aten::sort', [tensor, -1, true], {})).toEqual([
    { handle: expect.any(Number) as number },
    { handle: expect.any(Number) as number },
  ]);
  expect(native.tensorCall('aten::is_floating_point', [tensor], {})).toBe(true);
  expect(native.tensorCall('aten::size.int', [tensor, 0], {})).toBe(2);
});
