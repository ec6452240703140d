import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { addon } from '../../lib/addon.ts';
import type { ComputeDType } from '../../lib/addon-types.ts';
import { Model } from '../../lib/model/model.ts';
import { Optimizer } from '../../lib/model/optimizer.ts';
import { Tensor, torch } from '../../lib/tensor/index.ts';
import { ROOT, startProgram } from '../cli/cli-process.ts';
import { standIn } from '../devices.ts';
import { makeBatch } from '../oracle/batches.ts';
import {
  DRIVER_MODULE,
  type DriverSettings,
  hashOfKernels,
  kernelSources,
  loadDriver,
  REAL_IMAGES,
  writeImages,
} from '../stand-ins/cuda-driver.ts';
import { GUARD_MODULE, loadGuard } from '../stand-ins/guard.ts';

/** How kernels for cards are found, launched and gone without, by a driver that stands in for NVIDIA's. */

const MODELS = join(__dirname, '../fixtures/models');
const folder = mkdtempSync(join(tmpdir(), 'hyperfit-launches-'));
const images = writeImages(join(folder, 'images'));
const driver = loadDriver();
afterAll(() => {
  driver.leave();
  rmSync(folder, { recursive: true });
});

const INPUT = [-2, -1, 0, 1, 2];
const EXPECTED = INPUT.map((x) => expect.closeTo(x / (1 + Math.exp(-x)), 5));
const onDevice = (device = 'guard:0'): Tensor => Tensor.from(INPUT).to({ device });
/** Of one kernel. */
function activate(device = 'guard:0'): number[] {
  return (torch.call('hyperfit::activate', [onDevice(device), 'silu']) as Tensor).toArray() as number[];
}
const launches = (): Record<string, number> => driver.counts().launches;

async function train(name: string, computeDtype: ComputeDType, device: string): Promise<{ losses: number[]; ids: number[] }> {
  const model = await Model.load(join(MODELS, name), { device: standIn(device), computeDtype });
  const optimizer = new Optimizer(model, { weightDecay: 0.01 });
  const losses: number[] = [];
  for (let step = 0; step < 3; step++) {
    const { lossSum, tokenCount } = await model.forwardBackward(
      makeBatch([
        [1, 2, 3, 4, 5, 6, 7],
        [9, 8, 7, 6, 5, 4, 3],
      ]),
    );
    losses.push(lossSum / tokenCount);
    await optimizer.step({ learningRate: 1e-3, gradScale: 1 / tokenCount, maxGradNorm: 1 });
  }
  await model.tokenStats(makeBatch([[1, 2, 3, 4]]));
  const [row] = await model.generate([[1, 2, 3]], { maxNewTokens: 8, stopIds: [] });
  optimizer.dispose();
  model.dispose();
  return { losses, ids: [...row!.ids] };
}

describe('a whole model', () => {
  const FAMILIES = [
    'cross_entropy',
    'token_stats',
    'activate_gated',
    'activate_gated_backward',
    'rotate',
    'rotate_token',
    'attend',
    'attend_parts',
    'norm',
    'norm_backward',
    'norm_chunks',
    'norm_gradients',
    'embedding_backward',
    'vector_norm_parts',
    'vector_norm',
    'adamw',
  ];

  test.each([
    ['llama-tied-gqa', 'float32', [...FAMILIES, 'add_norm']],
    ['llama-tied-gqa', 'bfloat16', [...FAMILIES, 'skinny_gemm', 'add_norm']],
    ['gemma3-tied-gqa', 'bfloat16', FAMILIES],
    ['gpt2-tied', 'float32', ['cross_entropy', 'activate', 'activate_backward', 'norm', 'norm_backward', 'norm_gradients']],
    ['qwen3-tied-gqa', 'float32', FAMILIES],
  ] as const)(
    '%s in %s trains and writes as by the operators of libtorch, with its kernels launched',
    async (name, computeDtype, families) => {
      driver.leave();
      const expected = await train(name, computeDtype, 'guard:1');
      driver.serve(images);
      const found = await train(name, computeDtype, 'guard:1');
      expect(found.losses).toEqual(expected.losses.map((loss) => expect.closeTo(loss, computeDtype === 'float32' ? 4 : 1.5)));
      if (computeDtype === 'float32') expect(found.ids).toEqual(expected.ids);
      expect(addon().cudaKernels().failure).toBe('');
      const launched = Object.keys(launches());
      for (const family of families) expect(launched.filter((kernel) => kernel.startsWith(family))).not.toEqual([]);
    },
  );
});

test.each(['float32', 'bfloat16'] as const)('beside the operators that libtorch has on cards alone, in %s', async (computeDtype) => {
  driver.leave();
  const expected = await train('llama-tied-gqa', computeDtype, 'cpu');
  const guard = loadGuard();
  guard.becomeCard();
  try {
    driver.serve(images);
    const found = await train('llama-tied-gqa', computeDtype, 'guard:1');
    expect(found.losses).toEqual(expected.losses.map((loss) => expect.closeTo(loss, computeDtype === 'float32' ? 4 : 1.5)));
    expect(addon().cudaKernels().failure).toBe('');
    expect(Object.keys(launches())).toEqual(
      expect.arrayContaining([`cross_entropy_${computeDtype}`, `attend_${computeDtype}`, 'norm_gradients']),
    );
    driver.serve(images, { failures: { cuLaunchKernel: 701 } });
    expect((await train('llama-tied-gqa', computeDtype, 'guard:1')).losses).toEqual(
      expected.losses.map((loss) => expect.closeTo(loss, computeDtype === 'float32' ? 4 : 1.5)),
    );
  } finally {
    guard.beNoCard();
  }
});

describe('a launch', () => {
  beforeEach(() => driver.serve(images));

  test('is counted, and asks for as many blocks as there are four elements a thread', () => {
    const before = addon().cudaKernels().launches;
    expect(activate()).toEqual(EXPECTED);
    const large = torch.zeros([256 * 4 * 3 + 1]).to({ device: 'guard:0' });
    torch.call('hyperfit::activate', [large, 'silu']);
    expect(addon().cudaKernels().launches - before).toBe(2);
    expect(driver.counts()).toMatchObject({
      launches: { activate_float32: 2 },
      blocks: { activate_float32: 1 + 4 },
      modules: { PTX: 1 },
      lastStream: 0,
    });
  });

  test('runs on the device of its tensors, each with a context and modules of its own', () => {
    expect([activate('guard:0'), activate('guard:1'), activate('guard:0')]).toEqual([EXPECTED, EXPECTED, EXPECTED]);
    expect(driver.counts()).toMatchObject({ launches: { activate_float32: 3 }, modules: { PTX: 2 } });
    expect(addon().cudaKernels().failure).toBe('');
  });

  test('of nothing is none', () => {
    expect((torch.call('hyperfit::activate', [torch.zeros([0]).to({ device: 'guard' }), 'silu']) as Tensor).shape).toEqual([0]);
    expect(launches()).toEqual({});
  });

  test('is none where kernels are switched off, or the driver serves no such device', () => {
    addon().setKernels(false);
    try {
      expect(activate()).toEqual(EXPECTED);
    } finally {
      addon().setKernels(true);
    }
    driver.serve(images, { devices: 1 });
    expect(activate('guard:1')).toEqual(EXPECTED);
    driver.serve('');
    expect(activate()).toEqual(EXPECTED);
    expect(launches()).toEqual({});
    expect(addon().cudaKernels().failure).toBe('');
  });
});

test('what was in a packed file is launched without the file; packed bytes are not taken for it', () => {
  driver.serve(images);
  addon().setKernelImages(join(folder, 'nowhere.bin.br'), readFileSync(images));
  expect([activate(), activate('guard:1'), launches()]).toEqual([EXPECTED, EXPECTED, { activate_float32: 2 }]);
  addon().setKernelImages(join(folder, 'nowhere.bin.br'), brotliCompressSync(readFileSync(images)));
  expect([activate(), launches()]).toEqual([EXPECTED, { activate_float32: 2 }]);
  expect(addon().cudaKernels().failure).toContain('got another file');
});

describe('what cannot be launched is computed by libtorch, with one note', () => {
  const failing: [string, Partial<DriverSettings>, string][] = [
    ['a driver that does not begin', { failures: { cuInit: 100 } }, ''],
    ['a card that cannot be opened', { failures: { cuDevicePrimaryCtxRetain: 2 } }, 'cuDevicePrimaryCtxRetain: CUDA_ERROR_OUT_OF_MEMORY'],
    ['an image for another card', { failures: { cuModuleLoadData: 209 } }, 'cuModuleLoadData: CUDA_ERROR_NO_BINARY_FOR_GPU'],
    ['an image without the kernel', { failures: { cuModuleGetFunction: 500 } }, 'cuModuleGetFunction: CUDA_ERROR_NOT_FOUND'],
    ['a context that is refused', { failures: { cuCtxPushCurrent: 201 } }, 'cuCtxPushCurrent: CUDA_ERROR_INVALID_CONTEXT'],
    ['a launch that is refused', { failures: { cuLaunchKernel: 701 } }, 'cuLaunchKernel: CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES'],
    ['an error without a name', { failures: { cuLaunchKernel: 12345 } }, 'cuLaunchKernel: error 12345'],
    ['a card older than Turing', { major: 7, minor: 0 }, 'expected a card of compute capability 7.5 or newer, got 7.0'],
  ];

  test.each(failing)('%s', (_, settings, reason) => {
    driver.serve(images, settings);
    expect([activate(), activate()]).toEqual([EXPECTED, EXPECTED]);
    expect(launches()).toEqual({});
    expect(addon().cudaKernels().failure).toContain(reason);
  });

  // In a process of its own, as a test runner has a `process` of its own.
  test.each([
    ['cuLaunchKernel', 701],
    ['cuModuleLoadData', 209],
    ['', 0],
  ])('a model trains on, and warns once: %s', async (call, code) => {
    const program = `
      const { doctor, Model, Tensor } = await import('${ROOT}/dist/index.mjs');
      await import('${ROOT}/test/stand-ins/preload.mjs');
      const require = process.getBuiltinModule('node:module').createRequire('${ROOT}/package.json');
      const [driver, native] = [require('${DRIVER_MODULE}'), require(doctor().addon.path)];
      driver.attach('${GUARD_MODULE}');
      driver.serve({ devices: 2, major: 9, minor: 0, failures: ${JSON.stringify(call === '' ? {} : { [call]: code })}, unloadableCode: 0 });
      native.setKernelImages('${images}');
      const model = await Model.load('${join(MODELS, 'llama-tied-gqa')}', { device: 'guard:0', computeDtype: 'float32' });
      const batch = { tokens: Int32Array.from([1, 2, 3, 4]), targets: Int32Array.from([2, 3, 4, -100]), batchSize: 1, sequenceLength: 4 };
      const losses = [];
      for (let step = 0; step < 3; step++) losses.push((await model.forwardBackward(batch)).lossSum.toFixed(3));
      console.log(JSON.stringify([new Set(losses).size, Object.keys(driver.counts().launches).length > 0]));
    `;
    const ended = await startProgram(process.execPath, ['--input-type=module', '-e', program]).finished;
    expect(ended.stdout.trim()).toBe(JSON.stringify([1, call === '']));
    expect(ended.stderr.match(/HyperfitWarning: expected to run the kernel .*/g)).toEqual(
      call === '' ? null : [expect.stringContaining(`${call}: CUDA_ERROR`)],
    );
  });

  test.each<[string, (path: string) => void, string]>([
    ['is not there', (path) => rmSync(path), 'got no such file'],
    ['is something else', (path) => writeFileSync(path, 'GGUF'), 'got another file'],
    ['ends early', (path) => truncateSync(path, readFileSync(path).indexOf('.version') + 40), 'got a file that ends early'],
    ['is of other sources', (path) => writeImages(path, { hash: '0'.repeat(64) }), "expected kernels compiled from this version's sources"],
  ])('a file of images that %s', (_, spoil, reason) => {
    const path = writeImages(join(folder, 'spoilt'));
    spoil(path);
    driver.serve(path);
    expect(activate()).toEqual(EXPECTED);
    expect(addon().cudaKernels().failure).toContain(reason);
    expect(launches()).toEqual({});
  });

  test('one kernel that fails takes none of another file with it', () => {
    driver.serve(images);
    expect(activate()).toEqual(EXPECTED);
    const strided = torch.call('hyperfit::norm', [
      torch.ones([2, 3]).to({ device: 'guard' }),
      torch.ones([3]).to({ device: 'guard' }),
      null,
      1e-5,
      0,
      'float32',
    ]);
    expect(strided).toHaveLength(2);
    expect(launches()).toEqual({ activate_float32: 1, norm_float32_float32: 1 });
  });
});

const isCompiled = existsSync(REAL_IMAGES) && readFileSync(REAL_IMAGES).subarray(0, 200).includes(hashOfKernels());
describe(`images as they are shipped${isCompiled ? '' : ' (not compiled here from these sources: npm run kernels)'}`, () => {
  const testReal = isCompiled ? test : test.skip;

  testReal.each([
    [8, 0],
    [8, 6],
    [8, 7],
    [8, 9],
    [9, 0],
    [10, 0],
    [10, 3],
    [12, 0],
    [12, 1],
  ])('a card of %i.%i finds machine code', (major, minor) => {
    driver.serve(REAL_IMAGES, { major, minor });
    expect(activate()).toEqual(EXPECTED);
    expect(driver.counts()).toMatchObject({ launches: { activate_float32: 1 }, modules: { 'machine code': 1 } });
  });

  testReal.each([
    [7, 5],
    [11, 0],
    [13, 0],
  ])('a card of %i.%i has PTX translated', (major, minor) => {
    driver.serve(REAL_IMAGES, { major, minor });
    expect(activate()).toEqual(EXPECTED);
    expect(driver.counts().modules).toEqual({ PTX: 1 });
  });

  testReal('so has one whose driver is too old for the code', () => {
    driver.serve(REAL_IMAGES, { unloadableCode: 209 });
    expect(activate()).toEqual(EXPECTED);
    expect(driver.counts().modules).toEqual({ PTX: 1 });
    expect(addon().cudaKernels().failure).toBe('');
  });

  testReal('every source has an image for every architecture', () => {
    const [header, ...rows] = readFileSync(REAL_IMAGES).subarray(0, 8192).toString('latin1').split('\n');
    const count = Number(header!.split(' ')[4]);
    const found = rows.slice(0, count).map((row) => row.split(' ').slice(0, 2).join(' '));
    const architectures = ['sm_80', 'sm_86', 'sm_89', 'sm_90a', 'sm_100', 'sm_120', 'compute_75'];
    expect(found).toEqual(kernelSources().flatMap((source) => architectures.map((architecture) => `${source} ${architecture}`)));
  });
});
