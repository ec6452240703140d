import { createRequire } from 'node:module';
import { join } from 'node:path';
import { loadAddon } from '../../lib/addon.ts';

/** Where the build puts it; only the tests know of it. */
const MODULE = join(__dirname, '../../build-cmake/Release/meta.node');

export interface Meta {
  /** How often from now on the host may read from `meta`, by `.item()` or a copy: it reads ones and zeros. A further read throws. */
  permit(reads: number): void;
  /** What is left of that. */
  permitted(): number;
  /** Each call of `operator`, which must be one that libtorch has no meta kernel for, reads as well; any other `how` ends it. */
  plant(operator: string, how: 'item' | 'cpu' | 'none'): void;
}

/** Gives device `meta`, for the rest of the process, the operators that it lacks without Python, and lets nobody read from it unasked. */
export function loadMeta(): Meta {
  loadAddon();
  return createRequire(__filename)(MODULE) as Meta;
}
