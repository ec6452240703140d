import { loadAddon } from './addon.ts';
import { HyperfitError } from './errors.ts';

/**
 * Refuses a CUDA device that is not there before anything is made on it, with what is missing.
 * @throws HyperfitError ERR_DEVICE, and those of finding libtorch
 */
export function requireDevice(device: string): void {
  const index = /^cuda(?::(\d+))?$/.exec(device);
  if (index === null) return; // native code names what is no device
  const { native, cuda } = loadAddon();
  const { cudaAvailable, cudaDeviceCount: count } = native.libraryInfo();
  if (!cudaAvailable) throw refusal(device, `${cuda.reason}; ${remedyOf(cuda.loaded)}`);
  if (Number(index[1] ?? 0) >= count) throw refusal(device, `${count} CUDA device${count === 1 ? '' : 's'}, counted from cuda:0; choose one of them`);
}

function remedyOf(isLoaded: boolean): string {
  if (isLoaded) return 'see what nvidia-smi says, or use device "cpu"';
  return `run \`hyperfit libtorch install --cuda\` on a machine with an NVIDIA driver (see \`hyperfit doctor\`), or use device "cpu"`;
}

function refusal(device: string, got: string): HyperfitError {
  return new HyperfitError('ERR_DEVICE', `expected a CUDA device for \`device\` ${device}, got none: ${got}`);
}
