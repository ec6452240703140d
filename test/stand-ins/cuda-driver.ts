import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { addon } from '../../lib/addon.ts';
import { GUARD_MODULE, loadGuard } from './guard.ts';

const ROOT = join(__dirname, '../..');
export const DRIVER_MODULE = join(ROOT, 'build-cmake/Release/cuda-driver.node');
const KERNELS = join(ROOT, 'native/ops/cuda/kernels');
/** What `npm run kernels` compiles, where it has been run. */
export const REAL_IMAGES = join(ROOT, 'build-cmake/cuda-kernels.bin');

export interface DriverSettings {
  /** How many of the guarded devices it serves; 0: none, and libtorch's operators compute there, as without it. */
  devices: number;
  /** The cards' compute capability. */
  major: number;
  minor: number;
  /** CUresult by the name of a call that fails with it. */
  failures: Record<string, number>;
  /** The CUresult of loading machine code, where PTX would load; 0: it loads. */
  unloadableCode: number;
}

export interface DriverCounts {
  /** By kernel. */
  launches: Record<string, number>;
  blocks: Record<string, number>;
  /** How many modules were loaded, by 'machine code' and 'PTX'. */
  modules: Record<string, number>;
  lastStream: number;
  graphs: GraphCounts;
}

/** Captures begun, graphs made of them, launched and destroyed. */
export interface GraphCounts {
  captures: number;
  made: number;
  launches: number;
  destroyed: number;
}

interface DriverModule {
  attach(guardModule: string): void;
  serve(settings: DriverSettings): void;
  counts(): DriverCounts;
  farElements(): string;
  beginCapture(device: string): void;
  endCapture(): number;
  launchGraph(graph: number, device: number): void;
  forgetGraph(graph: number): void;
}

export interface CudaDriver {
  /** From now on; sets the counts to nothing, and takes failures back of which the package has a note, by choosing `images` anew. */
  serve(images: string, settings?: Partial<DriverSettings>): void;
  /** As if it had never been loaded. */
  leave(): void;
  counts(): DriverCounts;
  /** Records what `work` asks of a guarded device on this thread, as a graph. Throws where something was refused. */
  capture(device: string, work: () => void): Graph;
  /** What is wrong with kernels beyond 2^31 elements, or "". */
  farElements(): string;
}

export interface Graph {
  launch(): void;
  forget(): void;
}

function capture(driver: DriverModule, device: string, work: () => void): Graph {
  driver.beginCapture(device);
  let failure: unknown;
  try {
    work();
  } catch (error) {
    failure = error;
  }
  let graph: number;
  try {
    graph = driver.endCapture();
  } catch (error) {
    throw failure ?? error;
  }
  if (failure !== undefined) throw failure;
  return { launch: () => driver.launchGraph(graph, Number(device.at(-1))), forget: () => driver.forgetGraph(graph) };
}

/**
 * The driver that stands in for NVIDIA's: it launches kernels, compiled for the host, on the guarded devices. Whatever serves cards by
 * `cuLaunchKernel` computes there by the same calls. It serves none until it is told to.
 */
export function loadDriver(): CudaDriver {
  loadGuard();
  const driver = createRequire(__filename)(DRIVER_MODULE) as DriverModule;
  driver.attach(GUARD_MODULE);
  const before = addon().cudaKernels().images;
  return {
    serve: (images, settings = {}) => {
      driver.serve({ devices: 2, major: 9, minor: 0, failures: {}, unloadableCode: 0, ...settings });
      addon().setKernelImages(images);
    },
    leave: () => {
      driver.serve({ devices: 0, major: 9, minor: 0, failures: {}, unloadableCode: 0 });
      addon().setKernelImages(before);
    },
    counts: () => driver.counts(),
    capture: (device, work) => capture(driver, device, work),
    farElements: () => driver.farElements(),
  };
}

export const kernelSources = (): string[] =>
  readdirSync(KERNELS)
    .filter((name) => name.endsWith('.cu'))
    .map((name) => name.slice(0, -3))
    .sort();

/** Of all files beside the kernels: the addon knows it, and takes no image of others. */
export function hashOfKernels(): string {
  const digest = (data: Buffer | string): string => createHash('sha256').update(data).digest('hex');
  return digest(
    readdirSync(KERNELS)
      .sort()
      .map((name) => digest(readFileSync(join(KERNELS, name))))
      .join(''),
  );
}

/**
 * A file of images as `npm run kernels` writes it, with no more in it than their names: enough for a driver that runs kernels of its own.
 */
export function writeImages(path: string, { hash = hashOfKernels(), architecture = 'compute_75' } = {}): string {
  const names = readFileSync(join(ROOT, 'test/stand-ins/cuda-driver/kernels.cc'), 'utf8').matchAll(/ENTRY\((\w+?)(?:##\w+)?\)/g);
  const suffixes = ['', 'float32', 'bfloat16', 'float32_float32', 'float32_bfloat16', 'bfloat16_float32', 'bfloat16_bfloat16'];
  const image = `.version 8.7\n${[...names].flatMap(([, name]) => suffixes.map((suffix) => `${name}${suffix}`)).join('\n')}\0`;
  const sources = kernelSources();
  const header = (offset: number): string =>
    [
      `hyperfit kernels 1 ${hash} ${sources.length}`,
      ...sources.map((source) => `${source} ${architecture} ${String(offset).padStart(10, '0')} ${image.length}`),
      '',
    ].join('\n');
  writeFileSync(path, header(header(0).length) + image);
  return path;
}
