import { formatNumber } from '../report/format-number.ts';
import type { Measured } from './measured.ts';

/** Where a number comes from, for its title. */
export function traceOf({ n, seeds, signature, files }: Measured, digits: number): string {
  const each = seeds.length > 1 ? `; by seed ${seeds.map((seed) => formatNumber(seed, digits)).join(', ')}` : '';
  return `n ${n}${each}; ${signature}; ${files.join(', ')}`;
}
