import { loadAddon, type LoadedAddon } from './addon.ts';
import { deviceHint, deviceIndex, isDeviceName, type DeviceName } from './config/device-name.ts';
import { HyperfitError } from './errors.ts';
import type { CudaExplanation } from './libtorch/cuda-driver.ts';
import { hiddenCudaLibtorch, hiddenCudaText } from './libtorch/hidden-cuda.ts';

/**
 * Where a model computes: on the device that is given, else on the one in `HYPERFIT_DEVICE`, else on the CPU. One that cannot be had is
 * refused. Every function that loads a model asks here; a command has looked at its flags and files before.
 * @throws HyperfitError ERR_DEVICE, and those of finding libtorch
 */
export function chooseDevice(given: string | undefined, environment: NodeJS.ProcessEnv = process.env): DeviceName {
  const [name, device] = given === undefined ? ['HYPERFIT_DEVICE', environment.HYPERFIT_DEVICE || 'cpu'] : ['device', given];
  requireDevice(device, name);
  return device as DeviceName;
}

/**
 * Refuses what is no device of ours, and a CUDA device that is not there before anything is made on it, with what is missing.
 * @param name what the caller calls it, for the message
 * @throws HyperfitError ERR_DEVICE, and those of finding libtorch
 */
export function requireDevice(device: unknown, name = 'device'): void {
  if (device === 'cpu' || usable.has(device as string)) return;
  refuseUnusable(device, name);
  usable.add(device as string);
}

/** A device that was there once stays: tensors are made in numbers, and the library is slow to ask. */
const usable = new Set<string>();

function refuseUnusable(device: unknown, name: string): void {
  if (belongsToOtherBackend(device)) return;
  if (!isDeviceName(device)) {
    // libtorch knows more of them (mps, xpu, cpu:0), of which our builds have none.
    throw new HyperfitError(
      'ERR_DEVICE',
      `expected "cpu", "cuda" or "cuda:<index>" for \`${name}\`, got ${written(device)}${deviceHint(device)}; use one of these`,
    );
  }
  const loaded = loadAddon();
  const trouble = cudaTrouble(loaded);
  if (trouble !== null)
    throw refusal(name, device, `none: ${trouble.reason}; ${trouble.remedy}, or use device "cpu" (\`hyperfit doctor\` says more)`);
  const { cudaDeviceCount: count } = loaded.native.libraryInfo();
  if (deviceIndex(device) >= count)
    throw refusal(name, device, `${count} CUDA device${count === 1 ? '' : 's'}, counted from cuda:0; choose one of them`);
}

/** A backend that somebody else has registered with libtorch in this process serves by its operators. */
function belongsToOtherBackend(device: unknown): boolean {
  const [, type, index = '0'] = /^([a-z]\w*)(?::(\d+))?$/.exec(String(device)) ?? [];
  if (type === undefined || type === 'cuda') return false;
  const { otherBackend: other } = loadAddon().native.libraryInfo();
  return type === other?.type && Number(index) < other.deviceCount;
}

/** Why no CUDA device can be used, and what to do; null where one can. */
export function cudaTrouble({ native, cuda, libtorch }: LoadedAddon): CudaExplanation | null {
  if (native.libraryInfo().cudaAvailable) return null;
  if (!cuda.loaded) {
    const hidden = hiddenCudaLibtorch(libtorch);
    return {
      reason: cuda.reason,
      remedy: hidden === undefined ? (cuda.remedy ?? 'see what `hyperfit doctor` says') : hiddenCudaText(libtorch, hidden),
    };
  }
  const count = cuda.driver?.devices.length ?? 0;
  return {
    reason: `the NVIDIA driver lists ${count} card${count === 1 ? '' : 's'}, but libtorch sees none`,
    remedy: 'see what nvidia-smi says, and whether another libcudart or libcuda stands before ours in LD_LIBRARY_PATH',
  };
}

function written(device: unknown): string {
  return typeof device === 'string' ? `"${device}"` : String(device);
}

function refusal(name: string, device: string, got: string): HyperfitError {
  return new HyperfitError('ERR_DEVICE', `expected a CUDA device for \`${name}\` ${device}, got ${got}`);
}
