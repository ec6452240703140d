import { addon } from '../lib/addon.ts';
import { loadGuard } from './stand-ins/guard.ts';

export interface DeviceCases {
  /** Many seconds of arithmetic: not on the guarded device, which computes slowly and sees the same faults with tiny models. */
  large?: boolean;
}

/**
 * Declares the same tests once per device: on the CPU, on the guarded device that stands in for a card
 * (test/stand-ins/README.md), and on CUDA where there is one. Elsewhere the CUDA cases are skipped by name, so that the
 * summary says how many did not run.
 */
export function describeOnEachDevice(name: string, declareTests: (device: string) => void, { large = false }: DeviceCases = {}): void {
  describe(`${name} (cpu)`, () => declareTests('cpu'));
  loadGuard();
  if (!large) describe(`${name} (guard)`, () => declareTests('guard'));
  if (addon().libraryInfo().cudaAvailable) describe(`${name} (cuda)`, () => declareTests('cuda'));
  else describe.skip(`${name} (cuda: no CUDA device here)`, () => declareTests('cuda'));
}
