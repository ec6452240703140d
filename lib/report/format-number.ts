/** Shown where nothing was measured. */
export const MISSING = '–';

/** A fixed number of digits, thousands set apart, a true minus sign; a dash for null, words for what is not finite. */
export function formatNumber(value: number | null | undefined, digits: number): string {
  if (value === null || value === undefined) return MISSING;
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'not a number' : value > 0 ? 'infinite' : '−infinite';
  const [whole, fraction] = Math.abs(value).toFixed(digits).split('.');
  const grouped = whole!.length > 4 ? whole!.replace(/\B(?=(\d{3})+$)/g, ',') : whole!;
  const sign = value < 0 && Number(value.toFixed(digits)) !== 0 ? '−' : '';
  return `${sign}${grouped}${fraction === undefined ? '' : `.${fraction}`}`;
}

/** A share of 1 in percent. */
export function formatShare(value: number | null | undefined, digits = 1): string {
  return value === null || value === undefined ? MISSING : `${formatNumber(100 * value, digits)} %`;
}

/** A share with the bounds of its interval, percent, as in `9.4 % (3.2 to 24.2)`. */
export function formatInterval(share: number | null | undefined, low: number | null | undefined, high: number | null | undefined): string {
  if (typeof share !== 'number' || typeof low !== 'number' || typeof high !== 'number') return formatShare(share);
  return `${formatShare(share)} (${formatNumber(100 * low, 1)} to ${formatNumber(100 * high, 1)})`;
}
