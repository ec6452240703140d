import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { loadAddon } from '../../lib/addon.ts';

/** Where the build puts the guarded device; only the tests know of it. */
export const GUARD_MODULE = join(__dirname, '../../build-cmake/Release/guard.node');

export interface Transfers {
  copies: number;
  bytes: number;
}

/** Since the last reset, of both devices. */
export interface GuardCounts {
  hostToDevice: Transfers;
  deviceToHost: Transfers;
  betweenDevices: Transfers;
  /** `_local_scalar_dense`, an `.item()` by any name; not among the copies. */
  scalarReads: number;
  /** Waits for a device; scalar reads and blocking copies are among them. */
  synchronisations: number;
  allocations: number;
  allocatedBytes: number;
  operators: number;
}

/** test/stand-ins/guard/planted.h says what each stands for. */
export interface PlantedFaults {
  touchOnHost(device: string): number;
  touchOnWorker(device: string): number;
  leaveOnHost(device: string): void;
  reuseStaging(device: string, withWait: boolean): number;
  readTooEarly(device: string, withWait: boolean): number;
  hiddenRead(device: string): void;
}

/** Devices guard:0 and guard:1, whose memory the host may not touch; see README.md in this folder. */
export interface Guard {
  counts(): GuardCounts;
  /** How often each operator ran since the last reset, by its whole name. */
  operators(): Record<string, number>;
  resetCounts(): void;
  memory(device: string): { bytes: number; peakBytes: number };
  resetPeak(device: string): void;
  /** Allocations of a device beyond so many bytes together fail; 0 for no limit. */
  setMemoryLimit(bytes: number): void;
  synchronize(device: string): void;
  /**
   * Until `beNoCard` it has the operators that libtorch has for CUDA alone (guard/card_operators.h), so that models loaded meanwhile
   * compute by the engine's CUDA rows. Fused attention refuses heads of `refusedHeadSize`. Once at a time.
   */
  becomeCard(refusedHeadSize?: number): void;
  beNoCard(): void;
  planted: PlantedFaults;
}

/** For processes of their own, as the command line: the environment in which `--device guard` is known. */
export function guardEnvironment(): Record<string, string> {
  const preload = `--import=${pathToFileURL(join(__dirname, 'preload.mjs')).href}`;
  return { NODE_OPTIONS: [process.env.NODE_OPTIONS, preload].filter(Boolean).join(' ') };
}

/** Registers the guarded device with libtorch, once per process; from then on `device: 'guard'` is one like `'cuda'`. */
export function loadGuard(): Guard {
  loadAddon();
  (globalThis as Record<symbol, unknown>)[Symbol.for('hyperfit.deviceTypes')] = ['guard'];
  return createRequire(__filename)(GUARD_MODULE) as Guard;
}
