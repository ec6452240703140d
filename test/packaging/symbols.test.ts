import { addonFiles } from '../../lib/libtorch/series.ts';
import { aboveFloor, askedOfNode, dynamicSection, isStripped, neededLibraries, newestSymbols } from './binary.ts';

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

test('of Node they ask for Node-API 8 and nothing else, so that one binary serves every Node from 20.19 on, and Electron', () => {
  const { symbols } = require('node-api-headers') as { symbols: Record<'v8', { js_native_api_symbols: string[]; node_api_symbols: string[] }> };
  const known = new Set([...symbols.v8.js_native_api_symbols, ...symbols.v8.node_api_symbols]);
  for (const path of binaries) {
    const asked = askedOfNode(path);
    expect(asked.length).toBeGreaterThan(10);
    expect(asked.filter((name) => !known.has(name))).toEqual([]);
  }
});

test('the preloader needs no torch; the addon needs the CPU libraries alone', () => {
  expect(neededLibraries(preloader!).filter((name) => /torch|c10/.test(name))).toEqual([]);
  for (const path of addons.values()) {
    expect(neededLibraries(path).filter((name) => /torch|c10|cuda|nv/.test(name)).sort()).toEqual(['libc10.so', 'libtorch_cpu.so']);
  }
});
