import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

export const ROOT = resolve(__dirname, '../..');
export const CLI = resolve(ROOT, 'dist/cli.mjs');

export interface Finished {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface Running {
  child: ChildProcess;
  finished: Promise<Finished>;
  /** Resolves once stderr holds `text`; rejects when the process ends before. */
  saying: (text: string) => Promise<void>;
  /** What stderr holds so far. */
  said: () => string;
}

export interface SpawnOptions {
  env?: Record<string, string>;
  cwd?: string;
}

/** Starts the built command line and gathers what it says. */
export function start(args: readonly string[], options: SpawnOptions = {}): Running {
  return startProgram(process.execPath, [CLI, ...args], options);
}

/** The same for any program. */
export function startProgram(program: string, args: readonly string[], { env = {}, cwd = ROOT }: SpawnOptions = {}): Running {
  if (!existsSync(CLI)) throw new Error('expected dist/cli.mjs; run npm run build');
  const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  const listeners = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
      for (const listener of listeners) listener();
    });
  }
  const finished = new Promise<Finished>((done, fail) => {
    child.on('error', fail).on('close', (code, signal) => done({ code, signal, ...output }));
  });
  const saying = (text: string): Promise<void> =>
    new Promise((done, fail) => {
      const look = (): void => {
        if (output.stderr.includes(text)) done();
      };
      listeners.add(look);
      look();
      void finished.then(({ stderr }) => fail(new Error(`ended without saying ${text}: ${stderr}`)));
    });
  return { child, finished, saying, said: () => output.stderr };
}

export async function cli(...args: readonly string[]): Promise<Finished> {
  return start(args).finished;
}
