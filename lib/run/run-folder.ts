import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { readdir, rm, rmdir } from '../file-system.ts';
import { makeFolder } from '../folders.ts';
import { CHECKPOINTS_FOLDER } from '../checkpoint/checkpoint-list.ts';
import { PARTIAL_SUFFIX, replaceFile, saveError } from '../checkpoint/atomic-folder.ts';
import { FolderLock, LOCK_NAME } from '../checkpoint/folder-lock.ts';
import { HyperfitError, isHyperfitError } from '../errors.ts';
import { readTextSync } from '../regular-file.ts';

/** Where everything of one run stands. */
export interface RunFolder {
  path: string;
  runFile: string;
  /** How it stands: running, ended, or why not. */
  statusFile: string;
  trainFile: string;
  metricsFile: string;
  comparisonFile: string;
  memorisationFile: string;
  /** Of a run on images: the grid, and its figures. */
  imagesFile: string;
  imageFiguresFile: string;
  reportFile: string;
  checkpoints: string;
  generations: string;
}

export function runFolder(path: string): RunFolder {
  return {
    path,
    runFile: join(path, 'run.json'),
    statusFile: join(path, 'status.json'),
    trainFile: join(path, 'train.jsonl'),
    metricsFile: join(path, 'metrics.jsonl'),
    comparisonFile: join(path, 'comparison.json'),
    memorisationFile: join(path, 'memorisation.json'),
    imagesFile: join(path, 'images.png'),
    imageFiguresFile: join(path, 'images.json'),
    reportFile: join(path, 'report.html'),
    checkpoints: join(path, CHECKPOINTS_FOLDER),
    generations: join(path, 'generations'),
  };
}

/** `runs/2026-11-24T13-20-11`, with a number after it when that second has a run already. */
export function freshRunPath(now: Date, parent = 'runs'): string {
  const name = join(parent, now.toISOString().slice(0, 19).replaceAll(':', '-'));
  for (let number = 2, path = name; ; number++) {
    if (!existsSync(path)) return path;
    path = `${name}-${number}`;
  }
}

/**
 * Makes the folders of a run, and keeps other processes from writing there until the lock is released.
 * @throws HyperfitError ERR_CONFIG when the folder holds something already and the run does not resume, or something else than a run;
 * ERR_BUSY while a run is
 *   at work there
 */
export async function openRunFolder(path: string, resume: boolean): Promise<{ folder: RunFolder; lock: FolderLock }> {
  const folder = runFolder(path);
  await requireOwnFolder(folder, resume);
  await makeFolder(path).catch((error: NodeJS.ErrnoException) => refuse(path, error));
  const lock = await FolderLock.take(path, 'the folder of a run').catch((error: NodeJS.ErrnoException) =>
    isHyperfitError(error) ? Promise.reject(error) : refuse(path, error),
  );
  try {
    // Another process may have run here while the lock was waited for.
    await requireOwnFolder(folder, resume);
    for (const needed of [folder.checkpoints, folder.generations])
      await makeFolder(needed).catch((error: NodeJS.ErrnoException) => refuse(path, error));
    await removePartial(path);
    return { folder, lock };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** What killed processes were writing. Nobody writes here now but the owner of the lock. */
async function removePartial(path: string): Promise<void> {
  const names = (await readdir(path, { recursive: true })).filter((name) => name.endsWith(PARTIAL_SUFFIX));
  for (const name of names) await rm(join(path, name), { recursive: true, force: true });
}

async function requireOwnFolder(folder: RunFolder, resume: boolean): Promise<void> {
  const { path } = folder;
  const [something] = await foreignNames(folder);
  if (something !== undefined && !resume) {
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected a new or empty folder for \`out\`, got ${path} with ${something} in it; add --resume to go on with a run, or choose another folder`,
    );
  }
  if (something !== undefined && !existsSync(folder.runFile)) {
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected the folder of a run for \`out\` beside \`resume\`, got ${path} with ${something} in it and no run.json; choose another folder`,
    );
  }
}

/** What stands in a folder, but for the empty folders that a run leaves which never began. */
async function foreignNames({ path, checkpoints, generations }: RunFolder): Promise<string[]> {
  const list = (folder: string): Promise<string[]> =>
    readdir(folder).catch((error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? [] : refuse(path, error)));
  const names = await list(path);
  const empty = await Promise.all(
    [checkpoints, generations].map(async (folder) =>
      names.includes(basename(folder)) && (await list(folder)).length === 0 ? basename(folder) : '',
    ),
  );
  return names.filter((name) => !empty.includes(name) && name !== LOCK_NAME && !name.endsWith(PARTIAL_SUFFIX));
}

/** Takes away the empty folders of a run that never began; the one that holds them too when it came `withThem`. */
export async function removeEmptyFolders({ path, checkpoints, generations }: RunFolder, withThem: boolean): Promise<void> {
  // What is not empty stays.
  for (const folder of [checkpoints, generations, ...(withThem ? [path] : [])]) await rmdir(folder).catch(() => {});
}

function refuse(path: string, cause: NodeJS.ErrnoException): never {
  throw new HyperfitError(
    'ERR_CONFIG',
    `expected a folder that can be written for \`out\`, got ${path}: ${cause.message}; choose another`,
    { cause },
  );
}

/** @throws HyperfitError ERR_CHECKPOINT when the disk is full or refuses */
export async function writeJson(path: string, value: unknown): Promise<void> {
  await write(path, `${JSON.stringify(value, null, 2)}\n`);
}

export async function writeJsonLines(path: string, values: readonly unknown[]): Promise<void> {
  await write(path, jsonLines(values));
}

async function write(path: string, content: string): Promise<void> {
  await replaceFile(path, content).catch((cause: unknown) => {
    throw saveError(path, cause);
  });
}

function jsonLines(values: readonly unknown[]): string {
  return values.map((value) => `${JSON.stringify(value)}\n`).join('');
}

/**
 * A JSON file of a run.
 * @throws HyperfitError ERR_CHECKPOINT when it is not there or not JSON
 */
export function readRunJson(path: string): unknown {
  try {
    return JSON.parse(readTextSync(path));
  } catch (cause) {
    throw new HyperfitError(
      'ERR_CHECKPOINT',
      `expected a file written by hyperfit train at ${path}: ${(cause as Error).message}; give the folder of a run`,
      { cause },
    );
  }
}

/**
 * Reads the files of a run. Hyperfit wrote them and takes their parts for granted; whoever changed them since may have left out any.
 * @throws HyperfitError ERR_CHECKPOINT in place of what fails for want of a part
 */
export function readingRun<T>({ path }: Pick<RunFolder, 'path'>, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (isHyperfitError(cause) || (cause as NodeJS.ErrnoException).syscall !== undefined) throw cause;
    throw new HyperfitError(
      'ERR_CHECKPOINT',
      `expected the files of a run as hyperfit train wrote them in ${path}, got some with other parts (${(cause as Error).message}); put back the file that was changed`,
      { cause },
    );
  }
}
