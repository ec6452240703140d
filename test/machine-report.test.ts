import { cpuFeatures, renderMachine, reportMachine, systemName } from '../lib/machine-report.ts';

test('of the flags of a processor only those are kept that kernels ask for', () => {
  const cpuinfo =
    'processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: fpu vme sse2 avx2 avx512f avx512_bf16 fma\n\nprocessor\t: 1\nflags\t\t: fpu amx_tile\n';
  expect(cpuFeatures(cpuinfo)).toEqual(['fma', 'avx2', 'avx512f', 'avx512_bf16']);
  expect(cpuFeatures('processor: 0\nFeatures: asimd\n')).toEqual([]);
});

test('a system is named as its vendor names it', () => {
  expect(systemName('NAME="Alpine Linux"\nPRETTY_NAME="Alpine Linux v3.22"\nID=alpine\n')).toBe('Alpine Linux v3.22');
  expect(systemName('PRETTY_NAME=Arch\n')).toBe('Arch');
  expect(systemName('')).toBeNull();
});

test('this machine', () => {
  const machine = reportMachine();
  expect(machine).toMatchObject({ node: process.version, platform: `${process.platform}-${process.arch}`, electron: null });
  expect(Number(machine.nodeApi)).toBeGreaterThanOrEqual(8);
  expect(JSON.parse(JSON.stringify(machine))).toEqual(machine);
});

test('a C library without a version of glibc is named, and so is Electron', () => {
  const rows = renderMachine({ ...reportMachine(), libc: 'musl', glibc: null, system: 'Alpine Linux v3.22', electron: '40.1.0' }).map(
    (row) => row.join(' '),
  );
  expect(rows).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^node v.* in Electron 40\.1\.0 on /),
      'system Alpine Linux v3.22, C library musl (glibc 2.28 or newer is needed)',
    ]),
  );
});
