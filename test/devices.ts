import { addon } from '../lib/addon.ts';
import type { DeviceName } from '../lib/config/device-name.ts';
import { guardEnvironment, loadGuard } from './stand-ins/guard.ts';

/** A backend that only tests have, under the type of those that users name. */
export const standIn = (name: string): DeviceName => name as DeviceName;

export interface DeviceCases {
  /** Many seconds of arithmetic: not on the guarded device, which computes slowly and sees the same faults with tiny models. */
  large?: boolean;
}

/**
 * Declares the same tests once per device: on the CPU, on the guarded device that stands in for a card
 * (test/stand-ins/README.md), and on CUDA where there is one. Elsewhere the CUDA cases are skipped by name, so that the
 * summary says how many did not run.
 */
export function describeOnEachDevice(name: string, declareTests: (device: DeviceName) => void, { large = false }: DeviceCases = {}): void {
  describe(`${name} (cpu)`, () => declareTests('cpu'));
  loadGuard();
  if (!large) describe(`${name} (guard)`, () => declareTests(standIn('guard')));
  if (addon().libraryInfo().cudaAvailable) describe(`${name} (cuda)`, () => declareTests('cuda'));
  else describe.skip(`${name} (cuda: no CUDA device here)`, () => declareTests('cuda'));
}

/** The same for what two devices of a kind do: on the guarded devices, and on two cards where there are so many. */
export function describeOnTwoDevices(name: string, declareTests: (first: DeviceName, second: DeviceName) => void): void {
  loadGuard();
  describe(`${name} (guard:0, guard:1)`, () => declareTests(standIn('guard:0'), standIn('guard:1')));
  const { cudaDeviceCount: count } = addon().libraryInfo();
  if (count > 1) describe(`${name} (cuda:0, cuda:1)`, () => declareTests('cuda:0', 'cuda:1'));
  else describe.skip(`${name} (cuda: ${count} CUDA devices here)`, () => declareTests('cuda:0', 'cuda:1'));
}

/** In which a process of its own knows the device. */
export function environmentOf(device: string): Record<string, string> {
  return device.startsWith('guard') ? guardEnvironment() : {};
}
