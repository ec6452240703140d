import { mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { mkdir, stat } from './file-system.ts';

/**
 * Makes `folder` and those that it stands in, one by one from the outermost: `mkdir` of Node with `recursive` tries for ever where a file
 * system answers that nothing of that name can be, as /proc does.
 * @returns the outermost folder that was made; undefined when all were there
 * @throws the error of the file system
 */
export async function makeFolder(folder: string): Promise<string | undefined> {
  if (folder === '') await mkdir(folder);
  const missing: string[] = [];
  for (let path = resolve(folder); !(await isThere(path)); path = dirname(path)) missing.unshift(path);
  if (missing.length === 0 && !(await stat(folder)).isDirectory()) await mkdir(folder);
  for (const path of missing) {
    await mkdir(path).catch((error: NodeJS.ErrnoException) => {
      // Somebody else was quicker.
      if (error.code !== 'EEXIST') throw error;
    });
  }
  return missing[0];
}

/** The same, where nothing can be waited for. @throws the error of the file system */
export function makeFolderSync(folder: string): void {
  const missing: string[] = [];
  for (let path = resolve(folder); statSync(path, { throwIfNoEntry: false }) === undefined; path = dirname(path)) missing.unshift(path);
  if (missing.length === 0 && !statSync(folder).isDirectory()) mkdirSync(folder);
  for (const path of missing) {
    try {
      mkdirSync(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
}
