import { formatNumber } from '../report/format-number.ts';
import { describeCount, type Measured } from './measured.ts';

/** Where a number comes from, for its title. */
export function traceOf(measured: Measured, digits: number): string {
  const { seeds, signature, files, low, high, spread } = measured;
  const each = seeds.length > 1 ? `; by seed ${seeds.map((seed) => formatNumber(seed, digits)).join(', ')}` : '';
  const within =
    low === null || high === null ? '' : `; ${nameSpread(measured)} ${formatNumber(low, digits)} to ${formatNumber(high, digits)}`;
  return `${describeCount({ ...measured, seeds: seeds.length })}${each}${spread === undefined ? '' : within}; ${signature}; ${files.join(', ')}`;
}

export const nameSpread = ({ spread }: Pick<Measured, 'spread'>): string => spread ?? 'interval';
