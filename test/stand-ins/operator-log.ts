import { createRequire } from 'node:module';
import { join } from 'node:path';
import { loadAddon } from '../../lib/addon.ts';

/** Where the build puts the operator log; only tests and `npm run operators` know of it. */
const MODULE = join(__dirname, '../../build-cmake/Release/operator-log.node');

export type CountsByName = Record<string, number>;

/** What libtorch was asked for on any thread. Operators by name and overload: `aten::mm.out`. */
export interface OperatorCounts {
  /** Called by our own code, views left out. */
  operators: CountsByName;
  /** Called by another operator, views left out. */
  nested: CountsByName;
  /** Called by our own code: they touch no element, but cost host time. */
  views: CountsByName;
  /** Between devices, by `from>to`. */
  copies: CountsByName;
  /** Operators that call none that computes: roughly what a device is asked to run. */
  launches: number;
  /** Those after the host last waited for values, by a scalar read or a copy to the CPU. */
  launchesSinceRead: number;
  /** `_local_scalar_dense`, an `.item()` by any name. */
  scalarReads: number;
  /** As the allocators of all devices report them. */
  allocations: number;
  allocatedBytes: number;
}

export interface OperatorLog {
  /** Counts from 0. */
  start(): void;
  stop(): OperatorCounts;
  /** While the log counts, each call of `operator` commits the fault too; `none` ends it. */
  plant(operator: string, fault: 'scalarRead' | 'allocation' | 'none'): void;
}

/** Its callbacks stay for the rest of the process; they make operators slower, and change nothing. */
export function loadOperatorLog(): OperatorLog {
  loadAddon();
  return createRequire(__filename)(MODULE) as OperatorLog;
}
