import { pinsOf, TORCH_SERIES } from './pins.ts';

/**
 * Bytes that an installation downloads, about.
 * @throws HyperfitError ERR_CONFIG for a `series` that hyperfit does not install
 *
 * @example
 * console.log(`libtorch with CUDA: ${megabytes(installSize(true))} to download`);
 */
export function installSize(cuda: boolean, series: string = TORCH_SERIES): number {
  return pinsOf(series, cuda).reduce((sum, pin) => sum + pin.bytes, 0);
}

/** Bytes that it takes on disk, about. */
export function installedSize(cuda: boolean, series: string = TORCH_SERIES): number {
  return pinsOf(series, cuda).reduce((sum, pin) => sum + (pin.diskBytes ?? 0), 0);
}
