import { join } from 'node:path';
import { ROOT, startProgram } from '../cli/cli-process.ts';

/** Where what a child process needs lies. */
export const DIST = join(ROOT, 'dist');

/** How often, by the environment: the long form's count, or the few of `npm test`. */
export function times(name: string, few: number): number {
  return Number(process.env[`RELIABILITY_${name}`] ?? few);
}

/** Whether this is the long form, which says what it found. */
export const isLong = Object.keys(process.env).some((name) => name.startsWith('RELIABILITY_'));

export function say(text: string): void {
  if (isLong) process.stdout.write(`${text}\n`);
}

/** Runs test/reliability/children/SCRIPT in a process of its own. */
export async function child(
  script: string,
  args: readonly (string | number)[],
  env: Record<string, string> = {},
  flags: readonly string[] = [],
): ReturnType<typeof startProgram>['finished'] {
  return startProgram(process.execPath, [...flags, join(__dirname, 'children', script), ...args.map(String)], { env: { ...env, DIST } })
    .finished;
}

/** The child's one line of JSON. */
export async function answer<T>(
  script: string,
  args: readonly (string | number)[],
  env: Record<string, string> = {},
  flags: readonly string[] = [],
): Promise<T> {
  const { code, signal, stdout, stderr } = await child(script, args, env, flags);
  if (code !== 0) throw new Error(`${script} ${args.join(' ')} ended with ${code ?? signal}: ${stderr}`);
  return JSON.parse(stdout) as T;
}
