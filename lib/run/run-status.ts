import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { z } from 'zod';
import { errorCodeOf } from '../errors.ts';
import { beginOf, isAlive } from '../process-life.ts';
import type { RunResult } from './run-events.ts';
import { readRunJson, writeJson, type RunFolder } from './run-folder.ts';

/** How a run stands. `interrupted`: its process has gone without a word; `unfinished`: nobody wrote down how it ended. */
export const RUN_STATES = ['running', 'done', 'stopped', 'failed', 'interrupted', 'unfinished', 'broken'] as const;
/** One of `RUN_STATES`. */
export type RunState = (typeof RUN_STATES)[number];

/** status.json: who works on a run, or how it ended. */
export interface RunStatus {
  schemaVersion: 1;
  state: 'running' | 'done' | 'stopped' | 'failed';
  /** Of this process; a resumed run has begun more than once. ISO 8601. */
  startedAt: string;
  endedAt: string | null;
  process: { pid: number; host: string; start: string | null };
  /** Which limit ended the training; null before the end. */
  reason: RunResult['reason'] | null;
  /** Of a run that failed. */
  error: { code: string | null; message: string } | null;
}

const shape = z.looseObject({
  schemaVersion: z.literal(1),
  state: z.enum(['running', 'done', 'stopped', 'failed']),
  startedAt: z.string(),
  endedAt: z.string().nullable(),
  process: z.looseObject({ pid: z.number(), host: z.string(), start: z.string().nullable() }),
  reason: z.string().nullable(),
  error: z.looseObject({ code: z.string().nullable(), message: z.string() }).nullable(),
});

/** Writes down that this process works on the run, and how that ended. */
export async function withStatus(folder: RunFolder, signal: AbortSignal | undefined, work: () => Promise<RunResult>): Promise<RunResult> {
  const running = await beginStatus(folder);
  try {
    const result = await work();
    await endStatus(folder, { ...running, state: result.reason === 'stopped' ? 'stopped' : 'done', reason: result.reason });
    return result;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const ended: RunStatus =
      signal?.aborted === true
        ? { ...running, state: 'stopped', reason: 'stopped' }
        : { ...running, state: 'failed', error: { code: errorCodeOf(error) ?? null, message } };
    // The error goes on its way whether or not this can be written: a full disk may be what went wrong.
    await endStatus(folder, ended).catch(() => {});
    throw error;
  }
}

async function beginStatus({ statusFile }: RunFolder): Promise<RunStatus> {
  const worker = { pid: process.pid, host: hostname(), start: beginOf(process.pid) };
  const status: RunStatus = {
    schemaVersion: 1,
    state: 'running',
    startedAt: new Date().toISOString(),
    endedAt: null,
    process: worker,
    reason: null,
    error: null,
  };
  await writeJson(statusFile, status);
  return status;
}

async function endStatus({ statusFile }: RunFolder, status: RunStatus): Promise<void> {
  await writeJson(statusFile, { ...status, endedAt: new Date().toISOString() });
}

/**
 * Undefined for a run that has none, as earlier ones.
 * @throws HyperfitError ERR_CHECKPOINT when it cannot be read; what is no status counts as none
 */
export function readStatus({ statusFile }: RunFolder): RunStatus | undefined {
  if (!existsSync(statusFile)) return undefined;
  const value = readRunJson(statusFile);
  return shape.safeParse(value).success ? (value as RunStatus) : undefined;
}

/** Whether the process that a status names has gone; of another machine nobody here knows. */
export function isDeserted({ state, process: { pid, host, start } }: RunStatus): boolean {
  if (state !== 'running' || host !== hostname()) return false;
  return !isAlive({ pid, began: start });
}
