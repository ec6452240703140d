import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT } from '../cli/cli-process.ts';
import type { KillCounts } from './kills.ts';

/** Something that writes files, is killed while it does, and is begun again by the same command. */
export interface Killed {
  name: string;
  /** The program and its arguments, writing into `out`. */
  command: (out: string) => readonly string[];
  env?: (out: string) => Record<string, string>;
  /** What stands in `out` after a kill and must not: what is neither whole nor known as unfinished. */
  faultsIn: (out: string) => string[];
  /** What two runs that ended have in common. */
  trace: (out: string) => unknown;
  /** How many parts are whole; no kill may make them less. */
  progress?: (out: string) => number;
}

interface Ended {
  code: number | null;
  stderr: string;
  seconds: number;
}

async function runOnce({ command, env }: Killed, out: string, killAfterMs?: number): Promise<Ended> {
  const started = performance.now();
  const [program, ...args] = command(out);
  const child = spawn(program!, args, {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, OMP_NUM_THREADS: '1', ...env?.(out) },
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const closed = new Promise<number | null>((done) => child.on('close', done));
  if (killAfterMs !== undefined) void sleep(killAfterMs).then(() => child.kill('SIGKILL'));
  return { code: await closed, stderr, seconds: (performance.now() - started) / 1000 };
}

/**
 * Kills a command at random moments, up to five times before it may end, and compares what it leaves in the end with what it leaves
 * undisturbed.
 */
export async function killCommand(killed: Killed, folder: string, kills: number, random: () => number): Promise<KillCounts> {
  const reference = join(folder, 'reference');
  const { code, stderr, seconds } = await runOnce(killed, reference);
  if (code !== 0) throw new Error(`the reference ended with ${code}: ${stderr}`);
  const expected = JSON.stringify(killed.trace(reference));
  const counts: KillCounts = { kills: 0, trials: 0, equal: 0, faults: [] };
  while (counts.kills < kills) {
    const out = join(folder, `trial-${counts.trials}`);
    const number = counts.trials++;
    const say = (fault: string): void => void counts.faults.push(`${killed.name}, trial ${number}: ${fault}`);
    const most = 1 + Math.floor(random() * 5);
    let whole = 0;
    for (let turn = 0; turn <= most; turn += 1) {
      const isLast = turn === most || counts.kills >= kills;
      const ended = await runOnce(killed, out, isLast ? undefined : 1000 * seconds * random());
      if (ended.code === null) counts.kills += 1;
      else if (ended.code !== 0) say(`ended with ${ended.code}: ${ended.stderr}`);
      for (const fault of existsSync(out) ? killed.faultsIn(out) : []) say(fault);
      const now = existsSync(out) ? (killed.progress?.(out) ?? 0) : 0;
      if (now < whole) say(`${whole} parts were whole before the kill, ${now} after it`);
      whole = now;
      if (ended.code !== null) break;
    }
    const trace = JSON.stringify(killed.trace(out));
    if (trace === expected) counts.equal += 1;
    else say(`differs from what nobody killed: ${trace.slice(0, 600)} beside ${expected.slice(0, 600)}`);
    await rm(out, { recursive: true, force: true });
  }
  return counts;
}

/** Every file below `folder` by its hash; of links what they lead to. */
export function hashesIn(folder: string, isWanted: (name: string) => boolean = () => true): Record<string, string> {
  const names = existsSync(folder) ? readdirSync(folder, { recursive: true }).map(String).filter(isWanted).sort() : [];
  return Object.fromEntries(
    names.filter((name) => statSync(join(folder, name)).isFile()).map((name) => [name, hashOf(join(folder, name))]),
  );
}

export function hashOf(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

export function isJson(path: string): boolean {
  try {
    JSON.parse(readFileSync(path, 'utf8'));
    return true;
  } catch {
    return false;
  }
}
