import { HyperfitError } from '../../errors.ts';

/** ERR_DATA in the words of all refusals of data. */
export function refuseData(expected: string, got: string, remedy: string, cause?: unknown): HyperfitError {
  return new HyperfitError('ERR_DATA', `expected ${expected} for \`data\`, got ${got}; ${remedy}`, cause === undefined ? undefined : { cause });
}

/** "1.5 GB", for messages. */
export function formatBytes(bytes: number): string {
  const [unit, name] = bytes >= 2 ** 30 ? [2 ** 30, 'GB'] : [2 ** 20, 'MB'];
  return `${Math.round((bytes / unit) * 10) / 10} ${name}`;
}
