import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { PACKED_SUFFIX } from './kernel-images.ts';
import { packageRoot } from './package-root.ts';
import { TORCH_SERIES } from './pins.ts';

const nodeGypBuild = createRequire(import.meta.url)('node-gyp-build') as { resolve(folder: string): string };

/** Where the compiled halves lie: a build from source wins over the prebuilt files of the package. */
export interface AddonFiles {
  preloader: string | null;
  /** Path by libtorch series. */
  addons: ReadonlyMap<string, string>;
  /** The kernels that were compiled for cards; without them libtorch's operators compute there. */
  kernels: string | null;
  origin: 'build' | 'prebuild' | 'none';
}

/**
 * Lists the compiled files; opens none. What was built here goes before the prebuilt file of its series; `HYPERFIT_BUILD` names another
 * build folder, such as one with sanitizers.
 */
export function addonFiles(root: string = packageRoot()): AddonFiles {
  const build = join(process.env['HYPERFIT_BUILD'] ?? join(root, 'build-cmake'), 'Release');
  const built = listAddons(build);
  const prebuilt = prebuiltPreloader(root);
  const fromPackage = prebuilt === null ? new Map<string, string>() : listAddons(join(dirname(prebuilt), 'series'));
  const kernels = findKernels([dirname(build), ...(prebuilt === null ? [] : [dirname(prebuilt)])]);
  if (built.size > 0)
    return { preloader: join(build, 'preload.node'), addons: inOrder(new Map([...fromPackage, ...built])), kernels, origin: 'build' };
  return prebuilt === null
    ? { preloader: null, addons: new Map(), kernels, origin: 'none' }
    : { preloader: prebuilt, addons: inOrder(fromPackage), kernels, origin: 'prebuild' };
}

const KERNELS = 'cuda-kernels.bin';

/** An addon that was built from other sources than they were refuses them by their hash. */
function findKernels(folders: readonly string[]): string | null {
  const paths = folders.flatMap((folder) => [join(folder, KERNELS), join(folder, KERNELS + PACKED_SUFFIX)]);
  return paths.find((path) => existsSync(path)) ?? null;
}

/** 2.9 before 2.11. */
function inOrder(addons: ReadonlyMap<string, string>): Map<string, string> {
  const number = (series: string): number => Number(series.split('.')[0]) * 1000 + Number(series.split('.')[1]);
  return new Map([...addons].sort(([a], [b]) => number(a) - number(b)));
}

function prebuiltPreloader(root: string): string | null {
  try {
    return nodeGypBuild.resolve(root);
  } catch {
    return null; // it throws when there is nothing for this platform
  }
}

/** The libtorch series there is an addon for; before anything is built, the one a build aims at. */
export function addonSeries(root: string = packageRoot()): readonly string[] {
  const series = [...addonFiles(root).addons.keys()];
  return series.length > 0 ? series : [TORCH_SERIES];
}

function listAddons(folder: string): Map<string, string> {
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const matches = names.map((name) => /^torch-(\d+\.\d+)\.node$/.exec(name)).filter((match) => match !== null);
  return new Map(matches.map((match) => [match[1] ?? '', join(folder, match[0])]));
}
