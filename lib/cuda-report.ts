import { createRequire } from 'node:module';
import type { LoadedAddon } from './addon.ts';
import { cudaTrouble } from './device.ts';
import {
  cudaVersionText,
  DRIVER_LIBRARY,
  explainDriver,
  readCudaMachine,
  type CudaCard,
  type CudaDriver,
  type CudaDriverError,
} from './libtorch/cuda-driver.ts';
import type { Libtorch } from './libtorch/find.ts';
import type { Preloader } from './libtorch/open.ts';

const require = createRequire(import.meta.url);

/** CUDA as far as this machine has it. Plain JSON. */
export interface CudaReport {
  /** libtorch's CUDA half is open. */
  loaded: boolean;
  /** "loaded", or why not. */
  reason: string;
  /** What to do about it; null when models can compute on a card. */
  remedy: string | null;
  /** The CUDA version libtorch was built for and brings along: "13.0"; null for one without CUDA. */
  runtime: string | null;
  driver: {
    /** Of the kernel module, "580.95.05"; null where it does not tell, as in WSL. */
    version: string | null;
    /** The newest CUDA it serves: "13.0"; null without a driver. */
    cuda: string | null;
    error: CudaDriverError | null;
  };
  /** As the driver lists them, in the order of cuda:0, cuda:1; also where this libtorch cannot use them. */
  cards: readonly CudaCard[];
  /** What the linker said of libraries that were opened ahead. */
  notes: readonly string[];
}

/** Looks at driver and cards, and says what keeps models off them. Opens each card, to tell its free memory. Never throws. */
export function reportCuda(preloader: string | null, libtorch: Libtorch | null, loaded: LoadedAddon | null): CudaReport {
  const runtime = libtorch?.hasCuda === true ? libtorch.cuda : null;
  const machine = readCudaMachine();
  const driver = askDriver(preloader);
  const trouble = loaded === null ? { reason: 'the addon is not loaded', remedy: 'see below' } : cudaTrouble(loaded);
  const { reason, remedy } = trouble ?? { reason: 'loaded', remedy: null };
  const obstacle = driver === null || runtime === null ? null : explainDriver(driver, runtime, machine);
  return {
    loaded: loaded?.cuda.loaded ?? false,
    ...(loaded === null && obstacle !== null ? obstacle : { reason, remedy }),
    runtime,
    driver: {
      version: machine.moduleVersion,
      cuda: driver?.version ? cudaVersionText(driver.version) : null,
      error: driver?.error ?? null,
    },
    cards: driver?.devices ?? [],
    notes: loaded?.cuda.notes ?? [],
  };
}

function askDriver(preloader: string | null): CudaDriver | null {
  if (preloader === null || process.env.HYPERFIT_CUDA === '0') return null;
  try {
    return (require(preloader) as Preloader).cudaDriver(DRIVER_LIBRARY, true);
  } catch {
    return null; // a preloader that cannot be opened is told of elsewhere
  }
}

/** The same for people: rows of a name and a text. */
export function renderCuda(report: CudaReport): [string, string][] {
  const { reason, remedy, runtime, driver, cards, notes } = report;
  const state = remedy === null ? `ready: CUDA ${runtime ?? 'unknown'} of libtorch` : `${reason}; ${remedy}`;
  return [
    ['cuda', state],
    ...(driver.cuda === null
      ? []
      : [['driver', `${driver.version ?? 'of unknown version'}, serves CUDA up to ${driver.cuda}`] as [string, string]]),
    ...cards.map((card, index): [string, string] => [`cuda:${index}`, renderCard(card, runtime)]),
    ...notes.map((note): [string, string] => ['note', `not opened: ${note}`]),
  ];
}

function renderCard({ name, capability, totalBytes, freeBytes, error }: CudaCard, runtime: string | null): string {
  const gibibytes = (bytes: number): string => (bytes / 2 ** 30).toFixed(1);
  const memory = freeBytes === null ? `${gibibytes(totalBytes)} GiB` : `${gibibytes(freeBytes)} of ${gibibytes(totalBytes)} GiB free`;
  const failure = error === null ? '' : `; ${error.call} says ${error.name}`;
  return `${name}, compute capability ${capability}, ${memory}${failure}${oldCard(capability, runtime)}`;
}

/** CUDA 13 compiles for Turing and newer. */
function oldCard(capability: string, runtime: string | null): string {
  const isOld = Number.parseFloat(runtime ?? '0') >= 13 && Number.parseFloat(capability) < 7.5;
  return isOld ? `; too old for CUDA ${runtime}, which wants 7.5: take a libtorch 2.11 for CUDA 12` : '';
}
