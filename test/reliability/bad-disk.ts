import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CLI, startProgram, type Running } from '../cli/cli-process.ts';
import { freshFolder } from '../train/tiny.ts';

const folder = freshFolder();
const library = join(folder, 'bad-disk.so');

/** Why no disk can be made bad here, in words; undefined where one can. */
export const NO_BAD_DISK: string | undefined = (() => {
  if (process.platform !== 'linux') return 'a disk is made bad by LD_PRELOAD, which is of Linux';
  const { status, stderr, error } = spawnSync(
    'cc',
    ['-shared', '-fPIC', '-O1', '-Wall', '-Werror', '-o', library, join(__dirname, 'bad-disk.c'), '-ldl'],
    { encoding: 'utf8' },
  );
  return status === 0 ? undefined : `bad-disk.c cannot be compiled here: ${(error?.message ?? stderr).trim()}`;
})();

export const testOnBadDisk = NO_BAD_DISK === undefined ? test : test.skip;

/** A folder that is good until told otherwise, for the command line that `start` runs. */
export class BadDisk {
  readonly path = join(freshFolder(), 'disk');
  readonly #mode = join(freshFolder(), 'mode');

  constructor() {
    mkdirSync(this.path);
    this.becomes('good');
  }

  /** `slow MS`, `hang`, `error ERRNO` or `good`. Written as a whole: it is one short write. */
  becomes(mode: string): void {
    writeFileSync(this.#mode, mode);
  }

  start(args: readonly string[]): Running {
    return startProgram(process.execPath, [CLI, ...args], {
      env: { OMP_NUM_THREADS: '1', LD_PRELOAD: library, BAD_DISK: this.path, BAD_DISK_MODE: this.#mode },
    });
  }
}
