import { addon } from '../lib/addon.ts';

/**
 * Declares the same tests once per device: on the CPU always, on CUDA where there is one. Elsewhere the CUDA cases are
 * skipped by name, so that the summary says how many did not run.
 */
export function describeOnEachDevice(name: string, declareTests: (device: string) => void): void {
  describe(`${name} (cpu)`, () => declareTests('cpu'));
  if (addon().libraryInfo().cudaAvailable) describe(`${name} (cuda)`, () => declareTests('cuda'));
  else describe.skip(`${name} (cuda: no CUDA device here)`, () => declareTests('cuda'));
}
