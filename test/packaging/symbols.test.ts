import { addonFiles } from '../../lib/libtorch/series.ts';
import { aboveFloor, dynamicSection, isStripped, neededLibraries, newestSymbols } from './binary.ts';

const { preloader, addons } = addonFiles();
const binaries = [preloader!, ...addons.values()];

test('there is a preloader and at least one addon', () => {
  expect(binaries.length).toBeGreaterThanOrEqual(2);
});

describe.each(binaries)('%s', (path) => {
  test('runs on the systems libtorch runs on', () => {
    expect(aboveFloor(path)).toEqual([]);
    expect(newestSymbols(path).GLIBC).not.toEqual([0]);
  });

  test('stays mapped, carries no search path of the machine that built it, and nothing for debuggers', () => {
    const dynamic = dynamicSection(path);
    expect(dynamic).toMatch(/NODELETE/);
    expect(dynamic).not.toMatch(/RPATH|RUNPATH/);
    expect(isStripped(path)).toBe(true);
  });
});

test('the preloader needs no torch; the addon needs the CPU libraries alone', () => {
  expect(neededLibraries(preloader!).filter((name) => /torch|c10/.test(name))).toEqual([]);
  for (const path of addons.values()) {
    expect(neededLibraries(path).filter((name) => /torch|c10|cuda|nv/.test(name)).sort()).toEqual(['libc10.so', 'libtorch_cpu.so']);
  }
});
