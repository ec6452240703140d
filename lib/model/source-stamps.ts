import { HyperfitError } from '../errors.ts';
import { stat } from '../file-system.ts';
import type { ModelFiles } from './model-files.ts';

/** Path -> what tells a file from one that is put in its place. */
export type FileStamps = ReadonlyMap<string, string>;

/** Of every file that holds weights of a model. */
export async function stampFiles({ sources }: ModelFiles): Promise<FileStamps> {
  const paths = [...new Set(sources.map(({ path }) => path))];
  return new Map(await Promise.all(paths.map(async (path): Promise<[string, string]> => [path, await stampOf(path)])));
}

async function stampOf(path: string): Promise<string> {
  return stat(path, { bigint: true }).then(
    ({ ino, size, mtimeNs }) => `${ino} ${size} ${mtimeNs}`,
    () => 'gone',
  );
}

/** @throws HyperfitError ERR_MODEL_FILES when one of the files is gone or another */
export async function requireSameFiles(stamps: FileStamps): Promise<void> {
  for (const [path, stamp] of stamps) {
    if (stamp === (await stampOf(path))) continue;
    throw new HyperfitError(
      'ERR_MODEL_FILES',
      `expected the file that this model was loaded from at ${path}, got another or none; save to another folder than the model's own to compare with it later`,
    );
  }
}
