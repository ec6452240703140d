import { createInterface } from 'node:readline/promises';
import { HyperfitError } from '../errors.ts';

/** Whether there is somebody to ask: a terminal on both sides, and not the CI's. */
export function canAsk(): boolean {
  const { CI } = process.env;
  return process.stdin.isTTY === true && process.stderr.isTTY === true && (CI === undefined || CI === '' || CI === 'false');
}

/**
 * Asks on the terminal before something is done that cannot be undone or costs much; `yes` answers beforehand.
 * @returns whether it may be done
 * @throws HyperfitError ERR_CONFIG where nobody can be asked
 */
export async function confirm(question: string, { yes, what }: { yes: boolean; what: string }): Promise<boolean> {
  if (yes) return true;
  if (!canAsk()) throw new HyperfitError('ERR_CONFIG', `expected --yes where there is no terminal to ask on, got none: ${what}; add --yes`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}
