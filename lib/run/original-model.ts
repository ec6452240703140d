import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { CHECKPOINTS_FOLDER } from '../checkpoint/checkpoint-list.ts';
import { HyperfitError } from '../errors.ts';
import { savedRunFile } from './run-file.ts';
import { runFolder, type RunFolder } from './run-folder.ts';

/** The run that `path` is, or that the checkpoint `path` is of; undefined for any other model. */
export function findRun(path: string): RunFolder | undefined {
  const inside = dirname(resolve(path));
  const candidates = [path, ...(inside.endsWith(`/${CHECKPOINTS_FOLDER}`) ? [dirname(inside)] : [])];
  const found = candidates.find((folder) => existsSync(join(folder, 'run.json')));
  return found === undefined ? undefined : runFolder(found);
}

/**
 * Where the model stands that a run began from, as its run.json says; `remedy` is what to do where it is gone.
 * @throws HyperfitError ERR_CHECKPOINT for a run.json of another make, ERR_MODEL_FILES when that model is no longer there
 */
export function originalModel(folder: RunFolder, remedy: string): string {
  const { path } = savedRunFile(folder).model;
  if (existsSync(path)) return path;
  throw new HyperfitError(
    'ERR_MODEL_FILES',
    `expected the original model of ${folder.path} at ${path}, as its run.json says, got nothing there; ${remedy}`,
  );
}
