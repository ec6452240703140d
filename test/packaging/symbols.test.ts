import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { addonFiles } from '../../lib/libtorch/series.ts';
import {
  aboveFloor,
  askedOfKernels,
  askedOfNode,
  dynamicSection,
  exportedFunctions,
  isStripped,
  neededLibraries,
  newestSymbols,
} from './binary.ts';

const { version } = JSON.parse(readFileSync(join(__dirname, '../../package.json'), 'utf8')) as { version: string };
const { preloader, addons } = addonFiles();
const kernelsOf = (addon: string): string => join(dirname(addon), `cpu-kernels-${version}.so`);
const modules = [preloader!, ...addons.values()];
const binaries = [...modules, ...[...addons.values()].map(kernelsOf)];

test('there is a preloader and at least one addon', () => {
  expect(modules.length).toBeGreaterThanOrEqual(2);
});

describe.each(binaries)('%s', (path) => {
  test('runs on the systems libtorch runs on', () => {
    expect(aboveFloor(path)).toEqual([]);
    expect(newestSymbols(path).GLIBC).not.toEqual([0]);
  });

  test('stays mapped, carries no search path of the machine that built it, and nothing for debuggers', () => {
    const dynamic = dynamicSection(path);
    expect(dynamic).toMatch(/NODELETE/);
    const searched = [...dynamic.matchAll(/R(?:UN)?PATH.*\[(.*)\]/g)].map((match) => match[1]);
    expect(searched).toEqual([...addons.values()].includes(path) ? ['$ORIGIN'] : []);
    expect(isStripped(path)).toBe(true);
  });
});

test('of Node they ask for Node-API 8 and nothing else, so that one binary serves every Node from 20.19 on, and Electron', () => {
  const { symbols } = require('node-api-headers') as {
    symbols: Record<'v8', { js_native_api_symbols: string[]; node_api_symbols: string[] }>;
  };
  const known = new Set([...symbols.v8.js_native_api_symbols, ...symbols.v8.node_api_symbols]);
  for (const path of modules) {
    const asked = askedOfNode(path);
    expect(asked.length).toBeGreaterThan(10);
    expect(asked.filter((name) => !known.has(name))).toEqual([]);
  }
});

test('the preloader needs no torch; the addon needs the CPU libraries alone', () => {
  expect(neededLibraries(preloader!).filter((name) => /torch|c10/.test(name))).toEqual([]);
  for (const path of addons.values()) {
    expect(
      neededLibraries(path)
        .filter((name) => /torch|c10|cuda|nv/.test(name))
        .sort(),
    ).toEqual(['libc10.so', 'libtorch_cpu.so']);
  }
});

test("the CPU's kernels need no torch, no OpenMP and no Node, so that one library serves every addon, and have all that each asks for", () => {
  for (const addon of addons.values()) {
    const kernels = kernelsOf(addon);
    expect(neededLibraries(kernels).filter((name) => !/^(libstdc\+\+|libm|libgcc_s|libc|ld-linux-x86-64)\.so/.test(name))).toEqual([]);
    expect(askedOfNode(kernels)).toEqual([]);
    const [asked, exported] = [askedOfKernels(addon), exportedFunctions(kernels)];
    expect(asked.length).toBeGreaterThan(30);
    expect(asked.filter((name) => !exported.includes(name))).toEqual([]);
    expect(exported.filter((name) => !name.includes('8hyperfit'))).toEqual([]);
  }
});
