import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import type { DoctorReport } from '../../lib/doctor.ts';
import { cudaVersionText, explainDriver, moduleVersion, type CudaDriver, type CudaMachine } from '../../lib/libtorch/cuda-driver.ts';
import { bareDriver, compiler, cpuTorch, fakeDriver, torchWithEmptyCuda } from './fake-driver.ts';
import { makeTemporary, removeTemporaries } from './fake-torch.ts';

afterAll(removeTemporaries);

const CLI = join(__dirname, '../../dist/cli.mjs');
const TINY_MODEL = join(__dirname, '../fixtures/models/llama-tied-gqa');

const machine = (more: Partial<CudaMachine> = {}): CudaMachine => ({
  env: {},
  nodes: ['nvidia0', 'nvidiactl', 'nvidia-uvm'],
  closed: [],
  moduleVersion: '580.95.05',
  hasWindowsDriver: false,
  ...more,
});
const driver = (more: Partial<CudaDriver> = {}): CudaDriver => ({ linker: null, version: 13000, error: null, devices: [], ...more });
const failing = (name: string, code = 999): CudaDriver => driver({ error: { call: 'cuInit', code, name } });
const card = { name: 'NVIDIA H200', capability: '9.0', totalBytes: 1, freeBytes: null, error: null };

describe('why a driver serves no card', () => {
  test('one that does is not explained', () => {
    expect(explainDriver(driver({ devices: [card] }), '13.0', machine())).toBeNull();
    expect(explainDriver(driver({ version: 13010, devices: [card] }), '12.8', machine())).toBeNull();
    // Within a major version any driver serves
    expect(explainDriver(driver({ version: 13000, devices: [card] }), '13.2', machine())).toBeNull();
  });

  test.each([
    ['13.0', 12080, /driver 580\.95\.05 is too old for CUDA 13: at least 580\.65; it serves CUDA up to 12\.8/, /newer driver.*CUDA 12/],
    ['12.8', 11040, /too old for CUDA 12: at least 525\.60; it serves CUDA up to 11\.4/, /CUDA 11/],
    ['14.1', 13000, /too old for CUDA 14; it serves/, /newer driver/],
  ])('libtorch for CUDA %s and a driver for %i', (cuda, version, reason, remedy) => {
    const explained = explainDriver(driver({ version }), cuda, machine());
    expect(explained?.reason).toMatch(reason);
    expect(explained?.remedy).toMatch(remedy);
  });

  test.each<[string, CudaDriver, CudaMachine, RegExp, RegExp]>([
    [
      'no driver at all',
      driver({ linker: 'libcuda.so.1: cannot open shared object file: No such file or directory' }),
      machine({ nodes: [], moduleVersion: null }),
      /no NVIDIA driver \(libcuda.*No such file/,
      /install the driver/,
    ],
    [
      'a driver outside of the container',
      driver({ linker: 'libcuda.so.1: cannot open shared object file: No such file or directory' }),
      machine(),
      /its library is not/,
      /Container Toolkit.*--gpus all/,
    ],
    [
      'WSL',
      driver({ linker: 'libcuda.so.1: cannot open shared object file: No such file or directory' }),
      machine({ nodes: [], moduleVersion: null, hasWindowsDriver: true }),
      /no NVIDIA driver/,
      /LD_LIBRARY_PATH=\/usr\/lib\/wsl\/lib/,
    ],
    [
      'a broken library',
      driver({ linker: '/lib/libcuda.so.1: invalid ELF header' }),
      machine({ nodes: [], moduleVersion: null }),
      /invalid ELF header/,
      /reinstall/,
    ],
    [
      'all cards hidden',
      failing('CUDA_ERROR_NO_DEVICE'),
      machine({ env: { CUDA_VISIBLE_DEVICES: '' } }),
      /CUDA_VISIBLE_DEVICES="" hides all/,
      /unset it/,
    ],
    [
      'a hidden card of another name',
      failing('CUDA_ERROR_INVALID_DEVICE'),
      machine({ env: { CUDA_VISIBLE_DEVICES: '9' } }),
      /CUDA_VISIBLE_DEVICES="9"/,
      /nvidia-smi -L/,
    ],
    [
      'no permission',
      failing('CUDA_ERROR_NO_DEVICE'),
      machine({ closed: ['nvidia0', 'nvidiactl'] }),
      /no permission on \/dev\/nvidia0/,
      /\/dev\/nvidia0, \/dev\/nvidiactl.*group/,
    ],
    [
      'no permission, told otherwise',
      failing('CUDA_ERROR_OPERATING_SYSTEM', 304),
      machine({ closed: ['nvidia-uvm'] }),
      /CUDA_ERROR_OPERATING_SYSTEM/,
      /\/dev\/nvidia-uvm.*group/,
    ],
    ['a container without devices', failing('CUDA_ERROR_NO_DEVICE'), machine({ nodes: [] }), /no \/dev\/nvidia0/, /--gpus all/],
    ['a library of another version', failing('CUDA_ERROR_SYSTEM_DRIVER_MISMATCH', 803), machine(), /DRIVER_MISMATCH/, /restart/],
    ['the stub of the toolkit', failing('CUDA_ERROR_STUB_LIBRARY', 34), machine(), /STUB/, /stubs.*LD_LIBRARY_PATH/],
    ['no unified memory', failing('CUDA_ERROR_UNKNOWN'), machine({ nodes: ['nvidia0', 'nvidiactl'] }), /UNKNOWN/, /nvidia-modprobe -u/],
    ['what nobody knows', failing('CUDA_ERROR_UNKNOWN'), machine(), /cuInit says CUDA_ERROR_UNKNOWN/, /nvidia-smi/],
    ['a driver that counts none', driver(), machine(), /counts 0 cards/, /nvidia-smi/],
  ])('%s', (_, answer, of, reason, remedy) => {
    const explained = explainDriver(answer, '13.0', of);
    expect(explained?.reason).toMatch(reason);
    expect(explained?.remedy).toMatch(remedy);
  });

  test('versions are read as NVIDIA writes them', () => {
    expect(cudaVersionText(12080)).toBe('12.8');
    expect(
      moduleVersion('NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 19:39:15 UTC 2024\nGCC version:  gcc 12.3.0\n'),
    ).toBe('535.183.01');
    expect(moduleVersion('NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build  (root@x)  Tue Sep 23\n')).toBe(
      '580.95.05',
    );
    expect(moduleVersion('')).toBeNull();
  });
});

const describeWithCompiler = compiler === undefined ? describe.skip : describe;

describeWithCompiler(`a driver of our own${compiler === undefined ? ' (no C compiler here)' : ''}`, () => {
  const folder = compiler === undefined ? '' : fakeDriver();
  const libtorch = compiler === undefined ? '' : torchWithEmptyCuda();

  function hyperfit(args: readonly string[], env: NodeJS.ProcessEnv): { status: number | null; stdout: string; stderr: string } {
    const { CUDA_VISIBLE_DEVICES: _, HYPERFIT_CUDA: __, HYPERFIT_DEVICE: ___, ...inherited } = process.env;
    return spawnSync(process.execPath, [CLI, ...args], {
      encoding: 'utf8',
      env: { ...inherited, LIBTORCH: libtorch, LD_LIBRARY_PATH: folder, ...env },
    });
  }

  function cudaWith(env: NodeJS.ProcessEnv): DoctorReport['cuda'] {
    const { stdout, stderr } = hyperfit(['doctor', '--json'], env);
    if (stdout === '') throw new Error(stderr);
    const report = JSON.parse(stdout) as DoctorReport;
    expect(report.ok).toBe(true);
    return report.cuda;
  }

  test('two cards are described, and libtorch that sees none of them is not called ready', () => {
    const { loaded, reason, remedy, runtime, driver: found, cards } = cudaWith({ HYPERFIT_TEST_DRIVER: 'two' });
    expect({ loaded, runtime, cuda: found.cuda, error: found.error }).toEqual({ loaded: true, runtime: '13.0', cuda: '13.0', error: null });
    expect(reason).toMatch(/driver lists 2 cards, but libtorch sees none/);
    expect(remedy).toContain('nvidia-smi');
    expect(cards).toEqual([
      { name: 'NVIDIA H200', capability: '9.0', totalBytes: 140 * 2 ** 30, freeBytes: 70 * 2 ** 30, error: null },
      { name: 'NVIDIA GeForce GTX 1080', capability: '6.1', totalBytes: 8 * 2 ** 30, freeBytes: 4 * 2 ** 30, error: null },
    ]);
    const text = hyperfit(['doctor'], { HYPERFIT_TEST_DRIVER: 'two' }).stdout;
    expect(text).toMatch(/^cuda:0 +NVIDIA H200, compute capability 9\.0, 70\.0 of 140\.0 GiB free$/m);
    expect(text).toMatch(/^cuda:1 +NVIDIA GeForce GTX 1080.*too old for CUDA 13\.0, which wants 7\.5/m);
    expect(text).toMatch(/^driver .*serves CUDA up to 13\.0$/m);
  });

  test('a driver that is too old is named before libtorch_cuda is opened', () => {
    const { loaded, reason, driver: found } = cudaWith({ HYPERFIT_TEST_DRIVER: 'old' });
    expect(loaded).toBe(false);
    expect(reason).toMatch(/too old for CUDA 13: at least 580\.65; it serves CUDA up to 12\.4/);
    expect(found.cuda).toBe('12.4');
    const { status, stderr } = hyperfit(['generate', '--model', TINY_MODEL, '--prompt-ids', '5', '--device', 'cuda'], {
      HYPERFIT_TEST_DRIVER: 'old',
    });
    expect({ status, stderr }).toEqual({
      status: 3,
      stderr: expect.stringMatching(/ERR_DEVICE.*too old for CUDA 13: at least 580.*newer driver.*device "cpu"/),
    });
  });

  test('cards that are hidden, that are not there, and a driver between two versions', () => {
    expect(cudaWith({ HYPERFIT_TEST_DRIVER: 'two', CUDA_VISIBLE_DEVICES: '' }).reason).toMatch(/CUDA_VISIBLE_DEVICES="" hides all of them/);
    expect(cudaWith({ HYPERFIT_TEST_DRIVER: 'none' })).toMatchObject({
      loaded: false,
      reason: expect.stringMatching(/sees no card \(CUDA_ERROR_NO_DEVICE\)/),
      driver: { error: { call: 'cuInit', code: 100, name: 'CUDA_ERROR_NO_DEVICE' } },
    });
    expect(cudaWith({ HYPERFIT_TEST_DRIVER: 'empty' }).reason).toMatch(/counts 0 cards/);
    expect(cudaWith({ HYPERFIT_TEST_DRIVER: 'mismatch' })).toMatchObject({
      reason: expect.stringMatching(/cuInit says CUDA_ERROR_SYSTEM_DRIVER_MISMATCH/),
      remedy: expect.stringMatching(/restart/),
    });
  });

  test('a card that cannot be opened keeps its name, and says why', () => {
    const [first, second] = cudaWith({ HYPERFIT_TEST_DRIVER: 'busy' }).cards;
    expect(first).toMatchObject({ freeBytes: 70 * 2 ** 30, error: null });
    expect(second).toMatchObject({
      name: 'NVIDIA GeForce GTX 1080',
      freeBytes: null,
      error: { call: 'cuDevicePrimaryCtxRetain', code: 2, name: 'CUDA_ERROR_OUT_OF_MEMORY' },
    });
  });

  test('a library that is none, and one that lacks every function, end nothing', () => {
    const broken = makeTemporary();
    writeFileSync(join(broken, 'libcuda.so.1'), 'not a library, and long enough to be looked at as one'.repeat(10));
    expect(cudaWith({ LD_LIBRARY_PATH: broken }).reason).toMatch(/no NVIDIA driver \(.*invalid ELF header/);
    expect(cudaWith({ LD_LIBRARY_PATH: bareDriver() })).toMatchObject({
      driver: { error: { call: 'cuDriverGetVersion', code: -1, name: 'a function that this library does not have' } },
    });
  });

  test('a libtorch without CUDA still says which cards are here', () => {
    const { runtime, cards, reason, remedy } = cudaWith({ HYPERFIT_TEST_DRIVER: 'two', LIBTORCH: cpuTorch() });
    expect({ runtime, count: cards.length }).toEqual({ runtime: null, count: 2 });
    expect(reason).toContain('this libtorch has no CUDA');
    expect(remedy).toContain('libtorch install --cuda');
  });
});
