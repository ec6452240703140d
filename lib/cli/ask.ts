import { createInterface } from 'node:readline';
import { HyperfitError } from '../errors.ts';

/** Whether somebody is there to answer: a terminal on every side, and no build machine. */
export function isInteractive(environment: NodeJS.ProcessEnv = process.env): boolean {
  const isCi = !['', '0', 'false'].includes(environment['CI'] ?? '');
  return (
    !isCi && environment['TERM'] !== 'dumb' && [process.stdin, process.stdout, process.stderr].every((stream) => stream.isTTY === true)
  );
}

/** Asks on stderr; undefined when the answer is Ctrl-C or Ctrl-D. */
export async function askHere(question: string): Promise<string | undefined> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await new Promise((resolve) => {
      lines.on('close', () => resolve(undefined)).on('SIGINT', () => lines.close());
      lines.question(question, (answer) => resolve(answer.trim()));
    });
  } finally {
    lines.close();
  }
}

/**
 * Asks before something is done that cannot be undone or takes much; `yes` is the answer given beforehand.
 * @param what that would be done, for the refusal
 * @returns whether it may be done
 * @throws HyperfitError ERR_CONFIG where nobody can be asked
 */
export async function confirm(question: string, { yes, what }: { yes: boolean; what: string }): Promise<boolean> {
  if (yes) return true;
  if (!isInteractive())
    throw new HyperfitError('ERR_CONFIG', `expected --yes where there is no terminal to ask on, got none: ${what}; add --yes`);
  return /^y(es)?$/i.test((await askHere(`${question} [y/N] `)) ?? '');
}
