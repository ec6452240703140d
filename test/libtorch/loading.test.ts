import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { DoctorReport } from '../../lib/doctor.ts';
import { findLibtorch } from '../../lib/libtorch/find.ts';
import { fakeTorch, makeTemporary, removeTemporaries } from './fake-torch.ts';

// Each case needs a process of its own, since libraries stay open for good.

afterAll(removeTemporaries);

const REPORT = `
  const { doctor } = require(process.argv[1]);
  process.stdout.write(JSON.stringify(doctor()));
`;

function doctorWith(libtorch: string, env: NodeJS.ProcessEnv = {}): DoctorReport {
  const dist = join(__dirname, '../../dist/index.cjs');
  const run = spawnSync(process.execPath, ['-e', REPORT, dist], { encoding: 'utf8', env: { ...process.env, LIBTORCH: libtorch, ...env } });
  if (run.status !== 0) throw new Error(`status ${run.status}, signal ${run.signal}: ${run.stderr}`);
  return JSON.parse(run.stdout) as DoctorReport;
}

const real = findLibtorch();

/** The real CPU libraries by links, without what stands beside them. */
function linkTorch(folder: string): string {
  mkdirSync(join(folder, 'lib'), { recursive: true });
  symlinkSync(join(real.path, 'version.py'), join(folder, 'version.py'));
  for (const name of ['libtorch_cpu.so', 'libc10.so', 'libgomp.so.1'].filter((library) => existsSync(join(real.libFolder, library)))) {
    symlinkSync(join(real.libFolder, name), join(folder, 'lib', name));
  }
  return folder;
}

test('a folder of another series is refused and the process lives', () => {
  const folder = fakeTorch(makeTemporary(), '2.15.0+cu132');
  const { ok, addon } = doctorWith(folder);
  expect(ok).toBe(false);
  expect(addon.error).toContain(`expected libtorch 2.11, got 2.15.0+cu132 in ${folder}`);
});

test('libraries that are none are refused with the words of the linker', () => {
  const { ok, addon } = doctorWith(fakeTorch(makeTemporary(), '2.11.0'));
  expect(ok).toBe(false);
  expect(addon.error).toMatch(/expected to open .*libc10\.so, got ".*(invalid ELF header|file too short)/);
});

test('a torch without its NVIDIA companions names the package that lacks', () => {
  const needsCompanions = real.cuda !== null;
  const { ok, addon } = doctorWith(linkTorch(join(makeTemporary(), 'torch')));
  expect(ok).toBe(!needsCompanions);
  if (needsCompanions) expect(addon.error).toMatch(/libcu\w+\.so\.\d+ is in another package: `pip install nvidia-cuda-\w+==/);
});

test('a flat folder, all libraries side by side, loads', () => {
  const folder = linkTorch(makeTemporary());
  const nvidia = join(real.path, '..', 'nvidia', 'cu13', 'lib');
  for (const name of existsSync(nvidia) ? readdirSync(nvidia).filter((file) => /cudart\.so|cupti\.so/.test(file)) : []) {
    symlinkSync(join(nvidia, name), join(folder, 'lib', name));
  }
  const report = doctorWith(folder);
  expect(report.addon.error).toBeNull();
  expect(report.runtime).toMatchObject({ torchVersion: expect.stringMatching(/^2\.11/) });
});

test('CUDA can be switched off', () => {
  const { ok, cuda } = doctorWith(real.path, { HYPERFIT_CUDA: '0' });
  expect(ok).toBe(true);
  expect(cuda).toMatchObject({ loaded: false, reason: 'switched off by HYPERFIT_CUDA=0', remedy: 'unset HYPERFIT_CUDA', cards: [] });
});

test('HYPERFIT_INSTRUCTION_SET takes bfloat16 products away, and must name a set', () => {
  expect(doctorWith(real.path, { HYPERFIT_INSTRUCTION_SET: 'plain' }).runtime).toMatchObject({
    bfloat16Kernels: false,
    bfloat16Products: false,
    tiles: false,
  });
  expect(doctorWith(real.path, { HYPERFIT_INSTRUCTION_SET: 'avx2' }).runtime).toMatchObject({ bfloat16Products: false, tiles: false });
  expect(doctorWith(real.path, { HYPERFIT_INSTRUCTION_SET: 'amx' }).runtime).toMatchObject({
    bfloat16Products: doctorWith(real.path, {}).runtime?.bfloat16Products,
  });
  expect(doctorWith(real.path, { HYPERFIT_INSTRUCTION_SET: 'sse9' }).addon.error).toContain('for `HYPERFIT_INSTRUCTION_SET`, got "sse9"');
});

test('HYPERFIT_NUM_THREADS decides how many threads compute, and must be a number', () => {
  expect(doctorWith(real.path, { HYPERFIT_NUM_THREADS: '1' }).runtime).toMatchObject({ numThreads: 1 });
  expect(doctorWith(real.path, { HYPERFIT_NUM_THREADS: 'many' }).addon.error).toContain('for `HYPERFIT_NUM_THREADS`, got "many"');
});
