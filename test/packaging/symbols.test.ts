import { spawnSync } from 'node:child_process';
import { addonFiles } from '../../lib/libtorch/series.ts';

// What libtorch 2.11 itself asks of a system: a binary of ours must not ask for more.
const FLOOR = { GLIBC: [2, 28], GLIBCXX: [3, 4, 22] };

const { preloader, addons } = addonFiles();
const binaries = [preloader!, ...addons.values()];

function read(program: string, ...args: string[]): string {
  const run = spawnSync(program, args, { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(`${program}: ${run.error?.message ?? run.stderr}; install binutils`);
  return run.stdout;
}

function newest(text: string, family: string): number[] {
  const versions = [...text.matchAll(new RegExp(`\\b${family}_(\\d+(?:\\.\\d+)*)`, 'g'))].map((match) => match[1]!.split('.').map(Number));
  return versions.reduce((a, b) => (compare(a, b) >= 0 ? a : b), [0]);
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = [0, 1, 2].find((i) => (a[i] ?? 0) !== (b[i] ?? 0));
  return at === undefined ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}

test('there is a preloader and at least one addon', () => {
  expect(binaries.length).toBeGreaterThanOrEqual(2);
});

describe.each(binaries)('%s', (path) => {
  test('runs on the systems libtorch runs on', () => {
    const symbols = read('objdump', '-T', path);
    for (const [family, floor] of Object.entries(FLOOR)) {
      expect([family, Math.sign(compare(newest(symbols, family), floor)) <= 0 ? 'low enough' : newest(symbols, family)]).toEqual([family, 'low enough']);
    }
    expect(newest(symbols, 'GLIBC')).not.toEqual([0]);
  });

  test('stays mapped, and carries no search path of the machine that built it', () => {
    const dynamic = read('readelf', '-d', path);
    expect(dynamic).toMatch(/NODELETE/);
    expect(dynamic).not.toMatch(/RPATH|RUNPATH/);
  });
});

test('the preloader needs no torch; the addon needs the CPU libraries alone', () => {
  const needed = (path: string): string[] => [...read('readelf', '-d', path).matchAll(/NEEDED.*\[(.*)\]/g)].map((match) => match[1]!);
  expect(needed(preloader!).filter((name) => /torch|c10/.test(name))).toEqual([]);
  for (const path of addons.values()) {
    expect(needed(path).filter((name) => /torch|c10|cuda|nv/.test(name)).sort()).toEqual(['libc10.so', 'libtorch_cpu.so']);
  }
});
