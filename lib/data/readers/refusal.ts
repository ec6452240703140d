import { HyperfitError } from '../../errors.ts';

/** ERR_DATA in the words of all refusals of data. */
export function refuseData(expected: string, got: string, remedy: string, cause?: unknown): HyperfitError {
  return new HyperfitError(
    'ERR_DATA',
    `expected ${expected} for \`data\`, got ${got}; ${remedy}`,
    cause === undefined ? undefined : { cause },
  );
}

/** Reading for another option than `data`: what is refused is named after that one. */
export async function refusingFor<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof HyperfitError) || error.code !== 'ERR_DATA') throw error;
    throw new HyperfitError('ERR_DATA', error.message.replace(' for `data`', ` for \`${name}\``), { cause: error.cause });
  }
}

/** "1.5 GB", for messages. */
export function formatBytes(bytes: number): string {
  const [unit, name] = bytes >= 2 ** 30 ? [2 ** 30, 'GB'] : [2 ** 20, 'MB'];
  return `${Math.round((bytes / unit) * 10) / 10} ${name}`;
}
