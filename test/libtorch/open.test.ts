import { basename, join } from 'node:path';
import { errorCodeOf } from '../../lib/errors.ts';
import { findLibtorch, type Libtorch } from '../../lib/libtorch/find.ts';
import type { CudaDriver } from '../../lib/libtorch/cuda-driver.ts';
import { openLibtorch, type Preloader } from '../../lib/libtorch/open.ts';
import { packageOfLibrary } from '../../lib/libtorch/pins.ts';
import { settleOpenMP } from '../../lib/libtorch/openmp.ts';
import { fakeTorch, makeTemporary, removeTemporaries, writeFiles } from './fake-torch.ts';

afterAll(removeTemporaries);

const CARD = { name: 'NVIDIA H200', capability: '9.0', totalBytes: 1, freeBytes: null, error: null };
const driver: CudaDriver = { linker: null, version: 13000, error: null, devices: [CARD] };
const noDriver: CudaDriver = {
  linker: 'libcuda.so.1: cannot open shared object file: No such file or directory',
  version: null,
  error: null,
  devices: [],
};

/** Notes what is opened; `refuse` gives the linker's words for a path. */
function recorder(
  refuse: (path: string) => string | null = () => null,
  version: [number, number, number] | null = [2, 11, 0],
  cuda = driver,
) {
  const opened: string[] = [];
  const preloader: Preloader = {
    open: (path) => {
      const reason = refuse(path);
      if (reason === null) opened.push(basename(path));
      return reason;
    },
    abiVersion: () => version,
    cudaDriver: () => cuda,
  };
  return { preloader, opened };
}

function makeTorch(files: Record<string, string> = {}): Libtorch {
  return findLibtorch({ libtorch: fakeTorch(join(makeTemporary(), 'torch'), '2.11.0+cu130', files), series: ['2.11'] });
}

function codeOf(action: () => unknown): { code: string | undefined; message: string } {
  try {
    action();
  } catch (error) {
    return { code: errorCodeOf(error), message: (error as Error).message };
  }
  return { code: undefined, message: '' };
}

test('libgomp, libc10 and libtorch_cpu are opened in this order, by absolute path', () => {
  const { preloader, opened } = recorder();
  const status = openLibtorch(preloader, makeTorch({ 'lib/libgomp.so.1': '' }), ['2.11']);
  expect(opened).toEqual(['libgomp.so.1', 'libc10.so', 'libtorch_cpu.so']);
  expect(status.loaded).toBe(false);
  expect(status.reason).toContain('this libtorch has no CUDA');
});

test('without a driver CUDA libraries stay closed, and the reason is kept', () => {
  const { preloader, opened } = recorder(undefined, undefined, noDriver);
  const status = openLibtorch(preloader, makeTorch({ 'lib/libtorch_cuda.so': '' }), ['2.11']);
  expect(status).toMatchObject({
    loaded: false,
    reason: expect.stringContaining('(libcuda.so.1: cannot open shared object file: No such file or directory)'),
    driver: noDriver,
  });
  expect(status.remedy).toMatch(/driver|Container Toolkit/);
  expect(opened).not.toContain('libtorch_cuda.so');
});

test('with a driver libtorch_cuda is opened last', () => {
  const { preloader, opened } = recorder();
  expect(openLibtorch(preloader, makeTorch({ 'lib/libtorch_cuda.so': '' }), ['2.11'])).toEqual({
    loaded: true,
    reason: 'loaded',
    remedy: null,
    driver,
    notes: [],
  });
  expect(opened).toEqual(['libc10.so', 'libtorch_cpu.so', 'libc10_cuda.so', 'libtorch_cuda.so']);
});

test('nvidia libraries in another place are opened before what needs them', () => {
  const nvidia = writeFiles(makeTemporary(), {
    'cu13/lib/libcupti.so.13': '',
    'cu13/lib/libcudart.so.13': '',
    'cu13/lib/libcublas.so.13': '',
    'cu13/lib/libcublasLt.so.13': '',
    'cudnn/lib/libcudnn.so.9': '',
  });
  const { preloader, opened } = recorder();
  openLibtorch(preloader, { ...makeTorch({ 'lib/libtorch_cuda.so': '' }), nvidiaFolders: [nvidia] }, ['2.11']);
  expect(opened).toEqual([
    'libcudart.so.13',
    'libcupti.so.13',
    'libc10.so',
    'libtorch_cpu.so',
    'libcublasLt.so.13',
    'libcublas.so.13',
    'libcudnn.so.9',
    'libc10_cuda.so',
    'libtorch_cuda.so',
  ]);
});

test('a driver that is too old, or has no card, keeps the CUDA libraries closed', () => {
  const torch = makeTorch({ 'lib/libtorch_cuda.so': '' });
  for (const cuda of [
    { ...driver, version: 12040 },
    { ...driver, devices: [] },
  ]) {
    const { preloader, opened } = recorder(undefined, undefined, cuda);
    expect(openLibtorch(preloader, torch, ['2.11']).loaded).toBe(false);
    expect(opened).not.toContain('libtorch_cuda.so');
  }
});

test('what the linker says of a library that is opened ahead is kept, and told where something then fails', () => {
  const nvidia = writeFiles(makeTemporary(), { 'cu13/lib/libcublas.so.13': '', 'cudnn/lib/libcudnn.so.9': '' });
  const torch = { ...makeTorch({ 'lib/libtorch_cuda.so': '' }), nvidiaFolders: [nvidia] };
  const broken = (...names: string[]) =>
    recorder((path) => (names.some((name) => path.endsWith(name)) ? `${path}: file too short` : null)).preloader;
  const noted = openLibtorch(broken('libcudnn.so.9'), torch, ['2.11']);
  expect(noted).toMatchObject({ loaded: true, notes: [expect.stringMatching(/libcudnn\.so\.9: file too short/)] });
  const failed = openLibtorch(broken('libcudnn.so.9', 'libtorch_cuda.so'), torch, ['2.11']);
  expect(failed).toMatchObject({
    loaded: false,
    reason: expect.stringMatching(/libtorch_cuda\.so: file too short"; before it ".*libcudnn\.so\.9: file too short/),
    remedy: expect.stringContaining('libtorch install --cuda'),
  });
});

test('of NVIDIA libraries for two CUDAs, those of the one libtorch was built for are opened', () => {
  const nvidia = writeFiles(makeTemporary(), {
    'cu13/lib/libcublas.so.13': '',
    'cublas/lib/libcublas.so.12': '',
    'cu12/lib/libcublas.so.12': '',
  });
  const openedFor = (cuda: string) => {
    const { preloader, opened } = recorder();
    openLibtorch(preloader, { ...makeTorch({ 'lib/libtorch_cuda.so': '' }), cuda, nvidiaFolders: [nvidia] }, ['2.11']);
    return opened.filter((name) => name.startsWith('libcublas'));
  };
  expect(openedFor('13.0')).toEqual(['libcublas.so.13']);
  expect(openedFor('12.8')).toEqual(['libcublas.so.12']);
});

test('a library that is missing is named with the package that has it', () => {
  const { preloader } = recorder((path) =>
    path.endsWith('libtorch_cpu.so') ? 'libcupti.so.13: cannot open shared object file: No such file or directory' : null,
  );
  const { code, message } = codeOf(() => openLibtorch(preloader, makeTorch(), ['2.11']));
  expect(code).toBe('ERR_LIBTORCH_LOAD');
  expect(message).toMatch(
    /expected to open .*libtorch_cpu\.so, got "libcupti\.so\.13: cannot open .*"; .*pip install nvidia-cuda-cupti==13\.0\.85/,
  );
});

test('every NVIDIA library that the CUDA half of libtorch 2.11 asks for is of a package that `install --cuda` fetches', () => {
  const needed = [
    'cudart.so.13',
    'cusparse.so.12',
    'cufft.so.12',
    'cufile.so.0',
    'cusparseLt.so.0',
    'nccl.so.2',
    'curand.so.10',
    'cublas.so.13',
    'cublasLt.so.13',
    'cudnn.so.9',
  ];
  const later = ['cusolver.so.12', 'cupti.so.13', 'nvrtc.so.13', 'nvshmem_host.so.3', 'nvJitLink.so.13'];
  for (const name of [...needed, ...later]) expect(packageOfLibrary(`lib${name}`)).toMatch(/^nvidia-[a-z0-9-]+==\d/);
});

test('a broken library is an error with the words of the linker', () => {
  const { preloader } = recorder((path) => (path.endsWith('libc10.so') ? `${path}: invalid ELF header` : null));
  const { code, message } = codeOf(() => openLibtorch(preloader, makeTorch(), ['2.11']));
  expect(code).toBe('ERR_LIBTORCH_LOAD');
  expect(message).toMatch(/invalid ELF header"; run `npx hyperfit libtorch install`/);
});

test('a folder that does not state its version is asked after it is opened', () => {
  const unknown = { ...makeTorch(), version: null, series: null };
  openLibtorch(recorder().preloader, unknown, ['2.11']);
  expect(unknown).toMatchObject({ series: '2.11', version: '2.11.0' });
  const other = codeOf(() => openLibtorch(recorder(undefined, [2, 15, 0]).preloader, { ...unknown, series: null }, ['2.11']));
  expect(other).toMatchObject({ code: 'ERR_LIBTORCH_VERSION' });
  expect(other.message).toContain('expected libtorch 2.11, got 2.15.0');
  const silent = codeOf(() => openLibtorch(recorder(undefined, null).preloader, { ...unknown, series: null }, ['2.11']));
  expect(silent.message).toContain('got a library that does not tell its version');
});

test('OpenMP waiting is settled only where the user did not', () => {
  const env: NodeJS.ProcessEnv = {};
  settleOpenMP(env);
  expect(env).toEqual({ GOMP_SPINCOUNT: '2000' });
  const own = { OMP_WAIT_POLICY: 'ACTIVE' };
  settleOpenMP(own);
  expect(own).toEqual({ OMP_WAIT_POLICY: 'ACTIVE' });
});
