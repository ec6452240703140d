import { join } from 'node:path';
import { diskRemedy, isDiskError } from '../disk-errors.ts';
import { HyperfitError } from '../errors.ts';
import { access, readdir, rm, stat } from '../file-system.ts';
import { locateModel } from '../hub/locate.ts';
import { PARTIAL_SUFFIX } from './atomic-folder.ts';
import { findDamage, MANIFEST_NAME, readManifest } from './manifest.ts';

/** One complete checkpoint of a folder. */
export interface CheckpointEntry {
  /** Where it is. */
  path: string;
  /** Optimizer steps so far. */
  step: number;
}

/** `250` as `step-000250`, which sorts in a listing. */
export function checkpointName(step: number): string {
  return `step-${String(step).padStart(6, '0')}`;
}

/** A folder that was being replaced when its process died still counts, after the one that replaced it. */
const NAME = /^step-(\d{6,})(\.replaced)?$/;

/** Checkpoint folders in `folder`, newest first, complete or not. */
export async function listCheckpoints(folder: string): Promise<CheckpointEntry[]> {
  const names = await readdir(folder).catch(() => [] as string[]);
  return names
    .flatMap((name) => {
      const step = NAME.exec(name)?.[1];
      return step === undefined ? [] : [{ path: join(folder, name), step: Number(step) }];
    })
    .sort((left, right) => right.step - left.step || left.path.length - right.path.length);
}

/** What keeps a checkpoint from being used, in one line, or undefined when it is complete. */
export async function brokenness(path: string, sizesOnly: boolean): Promise<string | undefined> {
  try {
    const damage = [...(await missingParts(path)), ...(await findDamage(path, { sizesOnly }))];
    return damage.length === 0 ? undefined : damage.join('; ');
  } catch (error) {
    return (error as Error).message;
  }
}

/** A manifest that names no weights vouches for none. */
async function missingParts(path: string): Promise<string[]> {
  const names = Object.keys((await readManifest(path)).files);
  return names.some((name) => name.endsWith('.safetensors')) ? [] : ['its manifest names no weights'];
}

/** True when every file is there with the size (and, unless `sizesOnly`, the SHA-256) its manifest names. */
export async function isComplete(path: string, options: { sizesOnly?: boolean } = {}): Promise<boolean> {
  return (await brokenness(path, options.sizesOnly ?? false)) === undefined;
}

/**
 * The newest checkpoint of a checkpoints folder whose manifest verifies, or undefined; each newer one that does not is passed
 * over with a warning.
 *
 * @example
 * const newest = await newestCheckpoint('runs/novel/checkpoints', console.warn);
 * console.log(newest?.path, newest?.step);
 */
export async function newestCheckpoint(
  folder: string,
  onWarning: (message: string) => void = () => {},
): Promise<CheckpointEntry | undefined> {
  for (const entry of await listCheckpoints(folder)) {
    const problem = await brokenness(entry.path, false);
    if (problem === undefined) return entry;
    onWarning(`passing over ${entry.path}: ${problem}`);
  }
  return undefined;
}

/**
 * Deletes all but the newest `keepLast` complete checkpoints. `saved`, just written and verified, always stays, so the only
 * verified one is never deleted; broken ones and leftovers of dead saves go.
 * @throws HyperfitError ERR_CHECKPOINT when the disk refuses, which may have gone since `saved` was written
 */
export async function rotateCheckpoints(folder: string, saved: string, keepLast: number): Promise<void> {
  try {
    await deleteOlder(folder, saved, keepLast);
  } catch (cause) {
    const remedy = isDiskError(cause) ? diskRemedy(cause) : 'look at what keeps them';
    throw new HyperfitError(
      'ERR_CHECKPOINT',
      `expected to delete checkpoints older than ${saved}, got: ${(cause as Error).message}; ${remedy}`,
      { cause },
    );
  }
}

async function deleteOlder(folder: string, saved: string, keepLast: number): Promise<void> {
  let kept = 1;
  for (const { path } of await listCheckpoints(folder)) {
    if (path === saved) continue;
    if (kept < keepLast && (await isComplete(path, { sizesOnly: true }))) kept += 1;
    else await deleteCheckpoint(path);
  }
  for (const name of await readdir(folder)) {
    if (name.startsWith('step-') && name.endsWith(PARTIAL_SUFFIX)) await rm(join(folder, name), { recursive: true, force: true });
  }
}

/** The manifest goes first: a deletion cut short leaves a folder that does not count. */
async function deleteCheckpoint(path: string): Promise<void> {
  await rm(join(path, MANIFEST_NAME), { force: true });
  await rm(path, { recursive: true, force: true });
}

export const CHECKPOINTS_FOLDER = 'checkpoints';

/**
 * Where the model of `path` is: a run folder or a checkpoints folder stands for its newest complete checkpoint, a checkpoint
 * must verify, a name of the hub stands for its files in the cache (see `locateModel`), everything else (a Hugging Face folder, a .gguf
 * file) for itself.
 * @throws HyperfitError ERR_CHECKPOINT when there are checkpoints and none is complete; ERR_FETCH for a name
 *
 * @example
 * const folder = await resolveModelPath('runs/novel'); // runs/novel/checkpoints/step-000080
 */
export async function resolveModelPath(path: string, onWarning?: (message: string) => void): Promise<string> {
  if (!(await isFolder(path))) return locateModel(path, { onWarning });
  const inner = join(path, CHECKPOINTS_FOLDER);
  const folder = (await isFolder(inner)) ? inner : path;
  if ((await listCheckpoints(folder)).length > 0) {
    const newest = await newestCheckpoint(folder, onWarning);
    if (newest !== undefined) return newest.path;
    throw new HyperfitError(
      'ERR_CHECKPOINT',
      `expected a complete checkpoint in ${folder}, got only broken ones; train again or give the original model`,
    );
  }
  if (folder === inner) {
    throw new HyperfitError('ERR_CHECKPOINT', `expected a checkpoint in ${inner}, got none; the run has saved nothing yet`);
  }
  if (await isCheckpoint(path)) await verifyCheckpoint(path);
  return path;
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (info) => info.isDirectory(),
    () => false,
  );
}

async function isCheckpoint(path: string): Promise<boolean> {
  return access(join(path, MANIFEST_NAME)).then(
    () => true,
    () => false,
  );
}

/**
 * Checks that a checkpoint is complete: every file of its manifest is there, with its size and SHA-256.
 * @throws HyperfitError ERR_CHECKPOINT that lists what is wrong
 *
 * @example
 * await verifyCheckpoint('runs/novel/checkpoints/step-000080');
 */
export async function verifyCheckpoint(path: string): Promise<void> {
  const problem = await brokenness(path, false);
  if (problem === undefined) return;
  throw new HyperfitError(
    'ERR_CHECKPOINT',
    `expected a complete checkpoint at ${path}, got: ${problem}; use another checkpoint of the run`,
  );
}
