import { join } from 'node:path';
import { PARTIAL_SUFFIX } from '../checkpoint/atomic-folder.ts';
import { checkpointName, isComplete, listCheckpoints } from '../checkpoint/checkpoint-list.ts';
import { saveCheckpoint } from '../checkpoint/checkpoint.ts';
import { FolderLock } from '../checkpoint/folder-lock.ts';
import { readManifest } from '../checkpoint/manifest.ts';
import type { RunConfig } from '../config/fields.ts';
import { given } from '../config/given.ts';
import { HyperfitError } from '../errors.ts';
import { mkdir, rm } from '../file-system.ts';
import { pickTrainSettings } from '../train/settings.ts';
import { Training } from '../train/training.ts';
import { loadRunData } from './run-data.ts';
import { savedRunFile } from './run-file.ts';
import { runFolder, type RunFolder } from './run-folder.ts';
import { loadRunCheckpoint } from './run-start.ts';

export interface VerifyResumeOptions {
  /** Steps to train, twice. Default 3. */
  steps?: number;
  /** The step of the checkpoint to go on from. Default: the newest one. */
  from?: number | undefined;
  signal?: AbortSignal | undefined;
  onStep?: (event: { attempt: 1 | 2; step: number; loss: number }) => void;
}

export interface ResumeCheck {
  folder: string;
  /** The checkpoint gone on from. */
  checkpoint: string;
  fromStep: number;
  toStep: number;
  /** Files of the two checkpoints that differ: weights, moments, state. Empty when every bit is the same. */
  differing: string[];
  /** The run's own checkpoint of that last step, where it has one, and the files that differ from it. */
  stored: { path: string; differing: string[] } | null;
  isEqual: boolean;
}

/**
 * Trains some steps from a checkpoint twice, saves both ends, and compares their bits; where the run has a checkpoint of that step itself,
 * that one too. The run's files stay as they are.
 * @throws HyperfitError ERR_CHECKPOINT without a complete checkpoint, ERR_BUSY while the run is at work, ERR_CONFIG, ERR_DATA
 */
export async function verifyResume(
  path: string,
  { steps = 3, from, signal, onStep = () => {} }: VerifyResumeOptions = {},
): Promise<ResumeCheck> {
  if (!Number.isInteger(steps) || steps < 1)
    throw new HyperfitError('ERR_CONFIG', `expected a whole number of at least 1 for \`steps\`, got ${steps}`);
  const folder = runFolder(path);
  const { config } = savedRunFile(folder);
  const lock = await FolderLock.take(path, 'the folder of a run');
  const scratch = await makeScratch(path);
  try {
    const { path: checkpoint, step: fromStep } = await chooseCheckpoint(folder, from);
    const ends: string[] = [];
    for (const attempt of [1, 2] as const) {
      ends.push(
        await trainOn({
          folder,
          checkpoint,
          config,
          steps,
          signal,
          into: join(scratch, String(attempt)),
          onStep: (event) => onStep({ attempt, ...event }),
        }),
      );
    }
    const differing = await differingFiles(ends[0]!, ends[1]!);
    const stored = await compareStored(folder, fromStep + steps, ends[0]!);
    return {
      folder: path,
      checkpoint,
      fromStep,
      toStep: fromStep + steps,
      differing,
      stored,
      isEqual: differing.length === 0 && (stored?.differing.length ?? 0) === 0,
    };
  } finally {
    await rm(scratch, { recursive: true, force: true });
    await lock.release();
  }
}

/** Named so that a run which goes on clears it away, should this process be killed. */
async function makeScratch(path: string): Promise<string> {
  const scratch = join(path, `verify-resume.${process.pid}${PARTIAL_SUFFIX}`);
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch);
  return scratch;
}

async function chooseCheckpoint({ checkpoints }: RunFolder, from: number | undefined): Promise<{ path: string; step: number }> {
  for (const entry of await listCheckpoints(checkpoints))
    if ((from === undefined || entry.step === from) && (await isComplete(entry.path))) return entry;
  throw new HyperfitError(
    'ERR_CHECKPOINT',
    `expected a complete checkpoint${from === undefined ? '' : ` of step ${from}`} in ${checkpoints}, got none; hyperfit checkpoint ls says what is there`,
  );
}

interface Attempt {
  folder: RunFolder;
  checkpoint: string;
  config: RunConfig;
  steps: number;
  signal: AbortSignal | undefined;
  into: string;
  onStep: (event: { step: number; loss: number }) => void;
}

async function trainOn({ folder, checkpoint, config, steps, signal, into, onStep }: Attempt): Promise<string> {
  const { model, optimizer, state } = await loadRunCheckpoint(checkpoint, config, folder, given({ signal }));
  try {
    await model.setQuantization(config.quantize);
    const { train } = await loadRunData(config, model);
    const settings = { ...pickTrainSettings(config), epochs: null, targetLoss: null, maxSteps: state.step + steps };
    const training = new Training({ model, optimizer, sequences: train, settings, state, signal });
    for await (const event of training.events()) {
      if (event.type !== 'step') continue;
      onStep(event);
      // A run saves before it closes the pass.
      if (event.step === settings.maxSteps) break;
    }
    return await saveCheckpoint(into, { model, optimizer, state: training.state });
  } finally {
    optimizer.dispose();
    model.dispose();
  }
}

async function differingFiles(left: string, right: string): Promise<string[]> {
  const [one, other] = await Promise.all([readManifest(left), readManifest(right)]);
  const names = new Set([...Object.keys(one.files), ...Object.keys(other.files)]);
  return [...names].filter((name) => one.files[name]?.sha256 !== other.files[name]?.sha256).sort();
}

async function compareStored({ checkpoints }: RunFolder, step: number, end: string): Promise<ResumeCheck['stored']> {
  const path = join(checkpoints, checkpointName(step));
  return (await isComplete(path)) ? { path, differing: await differingFiles(path, end) } : null;
}
