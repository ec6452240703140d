import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { readdir, rm, writeFile } from '../file-system.ts';
import { beginOf, isAlive } from '../process-life.ts';
import { readText } from '../regular-file.ts';

const WRITER_FILE = 'writer.json';

/** Where the parts of the file at `path` are written until they are whole: beside it, on the same disk. */
export function partialExportFolder(path: string): string {
  return `${path}.${process.pid}.partial`;
}

/** Says who writes into `folder`, so that what a killed process leaves is known as such. */
export async function signPartialExport(folder: string): Promise<void> {
  await writeFile(join(folder, WRITER_FILE), JSON.stringify({ host: hostname(), pid: process.pid, began: beginOf(process.pid) }));
}

/** Takes away what exports to `path` left that were killed. Those of other machines, of which nobody can tell here, stay. */
export async function clearPartialExports(path: string): Promise<void> {
  const begin = `${basename(path)}.`;
  const names = await readdir(dirname(path)).catch(() => []);
  for (const name of names.filter((each) => each.startsWith(begin) && /^\d+\.partial$/.test(each.slice(begin.length)))) {
    const folder = join(dirname(path), name);
    if (await isLeft(folder, Number.parseInt(name.slice(begin.length), 10))) await rm(folder, { recursive: true, force: true });
  }
}

/** One without a signature was killed in its first moment, or is one file of those beside; its name has the process. */
async function isLeft(folder: string, pid: number): Promise<boolean> {
  try {
    const writer = JSON.parse(await readText(join(folder, WRITER_FILE))) as { host: string; pid: number; began: string | null };
    return writer.host === hostname() && !isAlive(writer);
  } catch {
    return beginOf(pid) === null;
  }
}
