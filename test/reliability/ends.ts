import { join } from 'node:path';
import { startProgram } from '../cli/cli-process.ts';
import { DIST } from './long-form.ts';

/** How a process that was ended came to its end. */
export interface End {
  code: number | null;
  signal: string | null;
  stderr: string;
  /** From the moment at which it was to end until it was gone. */
  seconds: number;
  /** The process had to be killed: it was not under way, or not at its end, in time. */
  hung: boolean;
}

/** Whoever takes longer is hung: far above what a loaded machine needs, far below a wait without an end. */
const LIMIT_MS = 30_000;

/** Ends a process of test/reliability/children/endings.mjs in the middle of `stage`, `delay` ms after that has begun. */
export async function endOnce(stage: string, ending: string, delay: number, env: Record<string, string>): Promise<End> {
  const { child, finished } = startProgram(process.execPath, [join(__dirname, 'children', 'endings.mjs'), stage, ending, String(delay)], {
    env: { ...env, DIST },
  });
  let hung = false;
  let asked: number | undefined;
  const kill = (): void => {
    hung = true;
    child.kill('SIGKILL');
  };
  let timer = setTimeout(kill, 2 * LIMIT_MS);
  child.stdout!.once('data', () => {
    asked = performance.now() + delay;
    clearTimeout(timer);
    timer = setTimeout(kill, delay + LIMIT_MS);
  });
  const { code, signal, stderr } = await finished;
  clearTimeout(timer);
  return { code, signal, stderr, seconds: asked === undefined ? Number.NaN : Math.max(0, performance.now() - asked) / 1000, hung };
}

/** Calls `once` with 0 to `count` - 1, so many at a time. */
export async function atOnce(count: number, most: number, once: (at: number) => Promise<void>): Promise<void> {
  let next = 0;
  const line = async (): Promise<void> => {
    while (next < count) await once(next++);
  };
  await Promise.all(Array.from({ length: Math.min(most, count) }, line));
}

/** The median and the most, in words. */
export function spreadOf(seconds: readonly number[]): string {
  const sorted = seconds.toSorted((a, b) => a - b);
  return `median ${sorted[sorted.length >> 1]!.toFixed(2)} s, most ${sorted.at(-1)!.toFixed(2)} s`;
}
