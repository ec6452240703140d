import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import { hashOfKernels, REAL_IMAGES } from '../stand-ins/cuda-driver.ts';

/** What NVIDIA's compiler says of the kernels, where it can be had from its wheel. It takes no card. */

const root = join(__dirname, '../..');
const run = (...args: string[]) =>
  spawnSync(process.execPath, [join(root, 'scripts/kernels.mjs'), ...args], { cwd: root, encoding: 'utf8', timeout: 600_000 });
const canCompile = run('--fetch').status === 0;
const testCompiled = canCompile ? test : test.skip;
const suffix = canCompile ? '' : " (NVIDIA's compiler library cannot be fetched here)";

/** Bytes, by a quality that takes a second; that of the package takes half a minute and packs some percent better. */
const packed = (file: Buffer): number =>
  brotliCompressSync(file, { params: { [constants.BROTLI_PARAM_QUALITY]: 9, [constants.BROTLI_PARAM_LGWIN]: 24 } }).length;

testCompiled(
  `every kernel compiles for every architecture, without a warning, a spilled register or local memory${suffix}`,
  () => {
    const { status, stderr } = run();
    expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' });
    const file = readFileSync(REAL_IMAGES);
    expect(file.subarray(0, 200).toString('latin1')).toContain(`hyperfit kernels 1 ${hashOfKernels()} `);
    expect(packed(file)).toBeLessThan(0.95e6); // of the package
  },
  900_000,
);

describe(`a kernel that is refused${suffix}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'hyperfit-planted-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  function compile(name: string, source: string): { status: number | null; stderr: string } {
    const kernels = join(folder, name);
    mkdirSync(kernels);
    writeFileSync(join(kernels, `${name}.cu`), source);
    const version = /==([\d.]+)/.exec(readFileSync(join(root, 'scripts/kernels/requirements.txt'), 'utf8'))![1]!;
    const cache = process.env.HYPERFIT_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(process.env.HOME!, '.cache'), 'hyperfit');
    const nvrtc = join(cache, 'nvrtc', version, 'nvidia/cuda_nvrtc/lib');
    const args = [
      join(root, 'scripts/kernels/compile.py'),
      '--nvrtc',
      nvrtc,
      '--kernels',
      kernels,
      '--out',
      join(folder, 'out'),
      '--only',
      'sm_90a',
    ];
    return spawnSync(process.env.HYPERFIT_PYTHON ?? 'python3', args, { encoding: 'utf8' });
  }

  testCompiled.each([
    [
      'broken',
      'extern "C" __global__ void broken(float* x) { x[0] = y; }',
      /broken\.cu for sm_90a does not compile:[^]*identifier "y" is undefined/,
    ],
    ['warned', 'extern "C" __global__ void warned(float* x) { int unused = 1; x[0] = 1; }', /warned\.cu for sm_90a: .*warning.*unused/],
    [
      'local',
      'extern "C" __global__ void local(float* x, const int* i) { float a[200]; for (int j = 0; j < 200; ++j) a[i[j]] = x[j]; for (int j = 0; j < 200; ++j) x[j] = a[i[j + 1]]; }',
      /local\.cu for sm_90a: local keeps in memory what belongs in registers/,
    ],
    [
      'spilt',
      'extern "C" __global__ void __maxnreg__(24) spilt(float* x) { float a[64];\n#pragma unroll\nfor (int j = 0; j < 64; ++j) a[j] = x[j * 7];\n__syncthreads();\n#pragma unroll\nfor (int j = 0; j < 64; ++j) x[j * 5] = a[63 - j] * a[j]; }',
      /spilt keeps in memory/,
    ],
  ])('%s', (name, source, complaint) => {
    const { status, stderr } = compile(name, source);
    expect(stderr).toMatch(complaint);
    expect(status).toBe(1);
  });
});
