import { loadAddon, type LoadedAddon } from './addon.ts';
import type { NativeAddon } from './addon-types.ts';
import { renderCuda, reportCuda, type CudaReport } from './cuda-report.ts';
import { libtorchInfo, renderSteps, type LibtorchInfo } from './libtorch/info.ts';
import { hiddenCudaText } from './libtorch/hidden-cuda.ts';
import { packageVersion } from './libtorch/package-root.ts';
import { addonFiles } from './libtorch/series.ts';
import { renderMachine, reportMachine, type MachineReport } from './machine-report.ts';

/** What hyperfit stands on here. Plain JSON. */
export interface DoctorReport extends MachineReport {
  /** Whether a model could be trained here, on the CPU at least. */
  ok: boolean;
  /** Its version. */
  hyperfit: string;
  /** What was found. */
  libtorch: LibtorchInfo;
  /** What was loaded, or why not. */
  addon: {
    /** Compiled here, or out of the package. */
    origin: 'build' | 'prebuild' | 'none';
    preloader: string | null;
    /** The file in use. */
    path: string | null;
    /** Every file there is, by the series of libtorch that it fits. */
    series: Record<string, string>;
    /** The kernels that were compiled for cards; null: libtorch's operators compute there. */
    kernels: string | null;
    error: string | null;
  };
  /** What the loaded addon says of itself; null when it could not be loaded. */
  runtime: ReturnType<NativeAddon['libraryInfo']> | null;
  /** What is there of NVIDIA. */
  cuda: CudaReport;
  /** The variables that change anything here and are set. */
  environment: Record<string, string>;
}

const VARIABLES = [
  'LIBTORCH',
  'HYPERFIT_CACHE',
  'HYPERFIT_PYTHON',
  'HYPERFIT_NO_PYTHON',
  'HYPERFIT_NUM_THREADS',
  'HYPERFIT_THREADS',
  'HYPERFIT_MEMORY_CHECK',
  'HYPERFIT_DEVICE',
  'HYPERFIT_COMPUTE_DTYPE',
  'HYPERFIT_CUDA',
  'HYPERFIT_CUDA_KERNELS',
  'HYPERFIT_CUDA_GRAPHS',
  'HYPERFIT_INSTRUCTION_SET',
  'HYPERFIT_SPLIT_FLOAT32',
  'XDG_CACHE_HOME',
  'OMP_NUM_THREADS',
  'OMP_PROC_BIND',
  'OMP_PLACES',
  'OMP_WAIT_POLICY',
  'GOMP_SPINCOUNT',
  'GOMP_CPU_AFFINITY',
  'CUDA_VISIBLE_DEVICES',
  'CUDA_LAUNCH_BLOCKING',
  'CUDA_DEVICE_ORDER',
  'PYTORCH_CUDA_ALLOC_CONF',
  'PYTORCH_ALLOC_CONF',
  'NVIDIA_VISIBLE_DEVICES',
  'LD_LIBRARY_PATH',
];

/**
 * Looks at everything hyperfit stands on, loads the addon if it can, and reports what was found; what `hyperfit doctor --json` prints.
 * Never throws: what is wrong stands in the report.
 * @param options - `libtorch`: a torch folder to look at first; default: the places that docs/install.md lists
 * @returns plain JSON; `ok` says whether a model could be trained here
 *
 * @example
 * const { ok, libtorch, addon, runtime } = doctor();
 * if (!ok) console.error(addon.error, libtorch.steps);
 * else console.log(runtime?.torchVersion);
 */
export function doctor(options: { libtorch?: string } = {}): DoctorReport {
  const files = addonFiles();
  const environment = setVariables(); // before loading, which sets one itself
  const { loaded, error } = tryLoad(options);
  const libtorch = libtorchInfo(options);
  return {
    ok: loaded !== null,
    hyperfit: packageVersion(),
    ...reportMachine(),
    libtorch,
    addon: {
      origin: files.origin,
      preloader: files.preloader,
      path: loaded?.path ?? null,
      series: Object.fromEntries(files.addons),
      kernels: files.kernels,
      error,
    },
    runtime: loaded?.native.libraryInfo() ?? null,
    cuda: reportCuda(files.preloader, loaded?.libtorch ?? libtorch.libtorch, loaded),
    environment,
  };
}

function tryLoad(options: { libtorch?: string }): { loaded: LoadedAddon | null; error: string | null } {
  try {
    return { loaded: loadAddon(options), error: null };
  } catch (error) {
    return { loaded: null, error: (error as Error).message };
  }
}

function setVariables(): Record<string, string> {
  const set = VARIABLES.map((name) => [name, process.env[name]]).filter(([, value]) => value !== undefined);
  return Object.fromEntries(set) as Record<string, string>;
}

/**
 * The report for people: what `hyperfit doctor` prints.
 *
 * @example
 * console.log(renderDoctor(doctor()));
 */
export function renderDoctor(report: DoctorReport): string {
  const { addon, runtime } = report;
  const rows: [string, string][] = [
    ['hyperfit', report.hyperfit],
    ...renderMachine(report),
    ['cache', report.libtorch.cacheFolder],
    ...report.libtorch.steps.map((step, i): [string, string] => ['libtorch', renderSteps([step])[0] ?? String(i)]),
    ['addon', addonText(addon)],
    ['', addon.path ?? 'not loaded'],
    ...renderRuntime(runtime),
    ...renderHidden(report.libtorch),
    ...renderCuda(report.cuda),
    ...Object.entries(report.environment).map(([name, value]): [string, string] => ['set', `${name}=${value}`]),
  ];
  const lines = rows.map(([name, value]) => `${name.padEnd(10)}${value}`);
  lines.push('', report.ok ? 'ready' : `not ready: ${addon.error}`);
  return lines.join('\n');
}

function addonText({ origin, series }: DoctorReport['addon']): string {
  if (origin === 'none') return 'no compiled files; `npx hyperfit build` makes one';
  return `for libtorch ${Object.keys(series).join(', ')}; ${origin === 'build' ? 'compiled here' : 'out of the package'}`;
}

function renderHidden({ libtorch, hiddenCuda }: LibtorchInfo): [string, string][] {
  return libtorch === null || hiddenCuda === null ? [] : [['note', hiddenCudaText(libtorch, hiddenCuda)]];
}

function renderRuntime(runtime: DoctorReport['runtime']): [string, string][] {
  if (runtime === null) return [];
  const devices = runtime.cudaAvailable ? `cpu, ${runtime.cudaDeviceCount} CUDA device(s)` : 'cpu';
  return [
    ['torch', `${runtime.torchVersion}, addon built for ${runtime.builtFor}`],
    [
      'compute',
      `${runtime.cpuCapability}${runtime.bfloat16Products ? ` with bfloat16 products${runtime.tiles ? ' on tiles' : ''}` : ''}, ${runtime.numThreads} threads; devices: ${devices}`,
    ],
  ];
}
