import { join } from 'node:path';
import { findLibtorch } from '../../lib/libtorch/find.ts';
import { hiddenCudaLibtorch, hiddenCudaWarning } from '../../lib/libtorch/hidden-cuda.ts';
import { libtorchInfo, renderLibtorchInfo } from '../../lib/libtorch/info.ts';
import type { CudaMachine } from '../../lib/libtorch/cuda-driver.ts';
import { fakePython, fakeTorch, makeTemporary, removeTemporaries } from './fake-torch.ts';

afterAll(removeTemporaries);

/** A cache with installations, and a python3 with a torch that has CUDA or not. */
function place(installs: Record<string, Record<string, string>>, ofPython: Record<string, string>) {
  const root = makeTemporary();
  for (const [name, files] of Object.entries(installs)) fakeTorch(join(root, 'libtorch', name, 'torch'), '2.11.0+cu130', files);
  const python = fakeTorch(join(makeTemporary(), 'torch'), '2.11.0+cu130', ofPython);
  const env: NodeJS.ProcessEnv = { HYPERFIT_CACHE: root, HYPERFIT_PYTHON: fakePython(makeTemporary(), { torch: [python], nvidia: [] }) };
  return { options: { env, series: ['2.11'] }, python };
}

const CUDA = { 'lib/libtorch_cuda.so': '' };
const machine = (env: NodeJS.ProcessEnv, nodes: readonly string[] = ['nvidia0', 'nvidiactl']): CudaMachine => ({
  env,
  nodes,
  closed: [],
  moduleVersion: null,
  hasWindowsDriver: false,
});

test('a CPU libtorch in the cache that goes before a CUDA one of python3 is told of where there is a card', () => {
  const { options, python } = place({ '2.11.0-cpu': {} }, CUDA);
  const used = findLibtorch(options);
  expect(used.place).toBe('cache');
  expect(hiddenCudaLibtorch(used, options)?.path).toBe(python);
  expect(hiddenCudaWarning(used, options, machine(options.env))).toMatch(
    new RegExp(`goes before the CUDA one of python3; set LIBTORCH=${python} .*libtorch install --cuda`),
  );
  expect(hiddenCudaWarning(used, options, machine(options.env, []))).toBeUndefined();
  expect(hiddenCudaWarning(used, options, machine({ ...options.env, HYPERFIT_CUDA: '0' }))).toBeUndefined();
  const info = libtorchInfo(options);
  expect(info.hiddenCuda?.path).toBe(python);
  expect(renderLibtorchInfo(info)).toContain(`LIBTORCH=${python}`);
});

test('nothing is hidden by a CUDA libtorch, by one the user named, or from a python3 without CUDA', () => {
  const withCuda = place({ '2.11.0-cpu': {}, '2.11.0-cuda': CUDA }, CUDA);
  expect(hiddenCudaLibtorch(findLibtorch(withCuda.options), withCuda.options)).toBeUndefined();
  const plain = place({ '2.11.0-cpu': {} }, {});
  expect(hiddenCudaLibtorch(findLibtorch(plain.options), plain.options)).toBeUndefined();
  const { options } = place({ '2.11.0-cpu': {} }, CUDA);
  const named = findLibtorch({ ...options, libtorch: findLibtorch(options).path });
  expect(hiddenCudaLibtorch(named, options)).toBeUndefined();
  expect(hiddenCudaLibtorch(findLibtorch(options), { ...options, python: false })).toBeUndefined();
});
