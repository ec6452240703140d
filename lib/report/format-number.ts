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
