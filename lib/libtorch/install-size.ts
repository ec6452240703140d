import { pinsOf, TORCH_SERIES } from './pins.ts';

/** Bytes that an installation downloads, about. */
export function installSize(cuda: boolean, series: string = TORCH_SERIES): number {
  return pinsOf(series, cuda).reduce((sum, pin) => sum + pin.bytes, 0);
}

/** Bytes that it takes on disk, about. */
export function installedSize(cuda: boolean, series: string = TORCH_SERIES): number {
  return pinsOf(series, cuda).reduce((sum, pin) => sum + (pin.diskBytes ?? 0), 0);
}
