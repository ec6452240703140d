import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CLI, startProgram } from '../cli/cli-process.ts';
import { freshFolder } from '../train/tiny.ts';

/** Why there can be no disk of our own here, in words; undefined where there can. */
export const NO_DISK: string | undefined = (() => {
  const { status, stderr, error } = spawnSync('unshare', ['-m', 'sh', '-c', 'mount -t tmpfs -o size=64k tmpfs /mnt'], { encoding: 'utf8' });
  return status === 0 ? undefined : `no disk can be mounted here: ${(error?.message ?? stderr).trim()}`;
})();

export const testOnDisk = NO_DISK === undefined ? test : test.skip;

export interface DiskRun {
  code: number | null;
  stdout: string;
  stderr: string;
  /** A copy of what stood on the disk in the end: it goes with the process. */
  left: string;
}

/**
 * Runs the command line with a disk of `kilobytes`, which arguments call `@`. `meanwhile` is a shell line that runs beside it with `$disk`
 * and `$said`, the file of what stderr has so far.
 */
export async function runOnDisk(
  kilobytes: number,
  args: readonly string[],
  { before = '', meanwhile = '', env = {} }: { before?: string; meanwhile?: string; env?: Record<string, string> } = {},
): Promise<DiskRun> {
  const folder = freshFolder();
  const [disk, left] = [join(folder, 'disk'), join(folder, 'left')];
  for (const path of [disk, left]) mkdirSync(path);
  const script = `mount -t tmpfs -o size=${kilobytes}k tmpfs "$disk" || exit 99
${before}
(${meanwhile === '' ? ':' : meanwhile}) > /dev/null 2>&1 &
"$@" 2> "$said"; code=$?
wait
mount -o remount,rw "$disk" 2> /dev/null
cp -a "$disk/." "$left/" 2> /dev/null
exit $code`;
  const said = join(folder, 'said');
  const command = [process.execPath, CLI, ...args.map((arg) => arg.replaceAll('@', disk))];
  const own = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value.replaceAll('@', disk)]));
  const { code, stdout } = await startProgram('unshare', ['-m', 'bash', '-c', script, '_', ...command], {
    env: { OMP_NUM_THREADS: '1', ...own, disk, left, said },
  }).finished;
  return { code, stdout, stderr: existsSync(said) ? readFileSync(said, 'utf8') : '', left };
}
