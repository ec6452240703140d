import { loadAddon } from './addon.ts';
import { HyperfitError } from './errors.ts';

/**
 * Refuses what is no device of ours, and a CUDA device that is not there before anything is made on it, with what is missing.
 * @throws HyperfitError ERR_DEVICE, and those of finding libtorch
 */
export function requireDevice(device: string): void {
  if (device === 'cpu' || typeof device !== 'string') return; // native code says what a device is written as
  const index = /^cuda(?::(\d+))?$/.exec(device);
  if (index === null && belongsToOtherBackend(device)) return;
  // libtorch knows more of them (mps, xpu, cpu:0), of which our builds have none.
  if (index === null) throw new HyperfitError('ERR_DEVICE', `expected "cpu", "cuda" or "cuda:<index>" for \`device\`, got "${device}"; use one of these`);
  const { native, cuda } = loadAddon();
  const { cudaAvailable, cudaDeviceCount: count } = native.libraryInfo();
  if (!cudaAvailable) throw refusal(device, `${cuda.reason}; ${remedyOf(cuda.loaded)}`);
  if (Number(index[1] ?? 0) >= count) throw refusal(device, `${count} CUDA device${count === 1 ? '' : 's'}, counted from cuda:0; choose one of them`);
}

/** A backend that somebody else has registered with libtorch in this process serves by its operators. */
function belongsToOtherBackend(device: string): boolean {
  const [type, index = '0', ...rest] = device.split(':');
  const other = loadAddon().native.libraryInfo().otherBackend;
  return other !== null && type === other.type && rest.length === 0 && /^\d+$/.test(index) && Number(index) < other.deviceCount;
}

function remedyOf(isLoaded: boolean): string {
  if (isLoaded) return 'see what nvidia-smi says, or use device "cpu"';
  return `run \`hyperfit libtorch install --cuda\` on a machine with an NVIDIA driver (see \`hyperfit doctor\`), or use device "cpu"`;
}

function refusal(device: string, got: string): HyperfitError {
  return new HyperfitError('ERR_DEVICE', `expected a CUDA device for \`device\` ${device}, got none: ${got}`);
}
