import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs';

/** A call of the driver that failed. */
export interface CudaDriverError {
  /** "cuInit" */
  call: string;
  code: number;
  /** "CUDA_ERROR_NO_DEVICE" */
  name: string;
}

/** A card as the driver counts them: `CUDA_VISIBLE_DEVICES` has hidden and reordered already. */
export interface CudaCard {
  name: string;
  /** Compute capability, such as "9.0". */
  capability: string;
  totalBytes: number;
  /** Null unless memory was asked for and the card could be opened. */
  freeBytes: number | null;
  error: CudaDriverError | null;
}

/** What the NVIDIA driver says of itself, asked through its own library, native/preload/cuda_driver.h. */
export interface CudaDriver {
  /** What the dynamic linker says when the library cannot be opened; null when it could. */
  linker: string | null;
  /** The newest CUDA it serves: 13000 for 13.0. */
  version: number | null;
  error: CudaDriverError | null;
  devices: readonly CudaCard[];
}

/** What of the machine explains why a driver serves no card. */
export interface CudaMachine {
  env: NodeJS.ProcessEnv;
  /** Names below /dev that begin with nvidia. */
  nodes: readonly string[];
  /** Those of `nodes` that this user may not open. */
  closed: readonly string[];
  /** Of the kernel module: "580.95.05"; null where there is none, or none to be seen. */
  moduleVersion: string | null;
  /** Windows keeps the driver's library in a folder of its own. */
  hasWindowsDriver: boolean;
}

export const DRIVER_LIBRARY = 'libcuda.so.1';
const WINDOWS_DRIVER = '/usr/lib/wsl/lib';

export function readCudaMachine(env: NodeJS.ProcessEnv = process.env): CudaMachine {
  const nodes = namesIn('/dev').filter((name) => /^nvidia(\d+|ctl|-uvm)$/.test(name));
  return {
    env,
    nodes,
    closed: nodes.filter((name) => !isOpen(`/dev/${name}`)),
    moduleVersion: moduleVersion(textOf('/proc/driver/nvidia/version')),
    hasWindowsDriver: existsSync(`${WINDOWS_DRIVER}/${DRIVER_LIBRARY}`),
  };
}

/** "580.95.05" of "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build ...". */
export function moduleVersion(text: string): string | null {
  return /^NVRM version:.*?\s(\d{3,}(?:\.\d+)+)\s/m.exec(text)?.[1] ?? null;
}

/** "13.0" of 13000. */
export function cudaVersionText(version: number): string {
  return `${Math.floor(version / 1000)}.${Math.floor((version % 1000) / 10)}`;
}

/** NVIDIA's release notes: the first driver that serves any CUDA of a major version. */
const LEAST_DRIVER: Readonly<Record<number, string>> = { 11: '450.80', 12: '525.60', 13: '580.65' };

export interface CudaExplanation {
  reason: string;
  remedy: string;
}

/** Why this driver serves no card to a libtorch that was built for `cuda` ("13.0"); null when it should. */
export function explainDriver(driver: CudaDriver, cuda: string | null, machine: CudaMachine): CudaExplanation | null {
  if (driver.linker !== null) return explainMissingDriver(driver.linker, machine);
  const old = driver.version === null ? null : explainOldDriver(driver.version, cuda, machine);
  if (old !== null) return old;
  if (driver.error !== null) return explainFailure(driver.error, machine);
  return driver.devices.length > 0 ? null : explainNoDevice('the NVIDIA driver counts 0 cards', machine);
}

function explainMissingDriver(linker: string, { nodes, hasWindowsDriver, moduleVersion: module }: CudaMachine): CudaExplanation {
  const reason = `no NVIDIA driver (${linker})`;
  if (hasWindowsDriver)
    return { reason, remedy: `it lies in ${WINDOWS_DRIVER}, where this process does not look: export LD_LIBRARY_PATH=${WINDOWS_DRIVER}` };
  if (nodes.length > 0 || module !== null) {
    return { reason: `the NVIDIA driver of the machine is there, its library is not (${linker})`, remedy: CONTAINER };
  }
  if (!/No such file/.test(linker))
    return { reason, remedy: 'mend or reinstall the driver; the words in brackets are those of the dynamic linker' };
  return { reason, remedy: 'install the driver of your card where there is one' };
}

const CONTAINER =
  'in a container, install the NVIDIA Container Toolkit on the host and start it with --gpus all (NVIDIA_DRIVER_CAPABILITIES=compute,utility)';

function explainOldDriver(version: number, cuda: string | null, { moduleVersion: module }: CudaMachine): CudaExplanation | null {
  const wanted = Number(/^\d+/.exec(cuda ?? '')?.[0] ?? 0);
  if (Math.floor(version / 1000) >= wanted) return null;
  const least = LEAST_DRIVER[wanted] === undefined ? '' : `: at least ${LEAST_DRIVER[wanted]}`;
  return {
    reason: `the NVIDIA driver ${module === null ? '' : `${module} `}is too old for CUDA ${wanted}${least}; it serves CUDA up to ${cudaVersionText(version)}`,
    remedy: `install a newer driver, or a libtorch for CUDA ${Math.floor(version / 1000)} (set LIBTORCH to its folder)`,
  };
}

const REMEDIES: Readonly<Record<string, string>> = {
  CUDA_ERROR_STUB_LIBRARY: `the ${DRIVER_LIBRARY} that was found is the empty one of the CUDA toolkit: take its folder (.../stubs) out of LD_LIBRARY_PATH`,
  CUDA_ERROR_SYSTEM_DRIVER_MISMATCH:
    "the driver's library and its kernel module are of two versions: restart the machine, or in a container take the library of the host",
  CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE:
    'the forward-compatible driver library (cuda-compat) does not serve this card: take it out of LD_LIBRARY_PATH',
  CUDA_ERROR_SYSTEM_NOT_READY: 'the switch between the cards is not up: start nvidia-fabricmanager, or wait until it is ready',
  CUDA_ERROR_OUT_OF_MEMORY: 'other programs have taken the memory of the card: see nvidia-smi',
  CUDA_ERROR_DEVICE_UNAVAILABLE: 'another program has the card for itself (exclusive mode): see nvidia-smi',
};

function explainFailure(error: CudaDriverError, machine: CudaMachine): CudaExplanation {
  const reason = `the NVIDIA driver fails: ${error.call} says ${error.name}`;
  const remedy = REMEDIES[error.name];
  if (remedy !== undefined) return { reason, remedy };
  if (['CUDA_ERROR_NO_DEVICE', 'CUDA_ERROR_INVALID_DEVICE'].includes(error.name))
    return explainNoDevice(`the NVIDIA driver sees no card (${error.name})`, machine);
  if (machine.closed.length > 0) return { reason, remedy: permissionRemedy(machine) };
  if (!machine.nodes.includes('nvidia-uvm'))
    return { reason, remedy: `/dev/nvidia-uvm is missing: run nvidia-smi or nvidia-modprobe -u -c=0 once as root; ${CONTAINER}` };
  return { reason, remedy: 'see what nvidia-smi and dmesg say; after sleep or an update, restart the machine' };
}

function explainNoDevice(reason: string, machine: CudaMachine): CudaExplanation {
  const visible = machine.env.CUDA_VISIBLE_DEVICES;
  if (visible !== undefined)
    return {
      reason: `${reason}: CUDA_VISIBLE_DEVICES=${JSON.stringify(visible)} hides all of them`,
      remedy: 'unset it, or name cards that nvidia-smi -L lists',
    };
  if (machine.closed.length > 0)
    return { reason: `${reason}: no permission on /dev/${machine.closed[0]}`, remedy: permissionRemedy(machine) };
  if (!machine.nodes.some((name) => /^nvidia\d+$/.test(name))) return { reason: `${reason}: there is no /dev/nvidia0`, remedy: CONTAINER };
  return { reason, remedy: 'see what nvidia-smi says' };
}

function permissionRemedy({ closed }: CudaMachine): string {
  return `let this user open ${closed.map((name) => `/dev/${name}`).join(', ')}: add it to the group that owns them (often video or render) and log in anew`;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // no such folder is an answer too
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function isOpen(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
