import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { FolderLock, LOCK_NAME } from '../../lib/checkpoint/folder-lock.ts';
import { freshFolder, refusal } from '../train/tiny.ts';

const take = (folder: string): Promise<FolderLock> => FolderLock.take(folder, 'the folder of a run');

function writeLock(folder: string, owner: object): string {
  const path = join(folder, LOCK_NAME);
  writeFileSync(path, JSON.stringify({ token: 'other', host: hostname(), pid: 1, began: null, ...owner }));
  return path;
}

test('one at a time, and the next one after the release', async () => {
  const folder = freshFolder();
  const lock = await take(folder);
  expect(await refusal(take(folder))).toEqual({ code: 'ERR_BUSY', message: expect.stringContaining(`process ${process.pid} is at work`) });
  await lock.release();
  await lock.release();
  expect(readdirSync(folder)).toEqual([]);
  await (await take(folder)).release();
});

test('of thirty that ask at once, one gets it', async () => {
  const folder = freshFolder();
  const outcomes = await Promise.allSettled(Array.from({ length: 30 }, () => take(folder)));
  const won = outcomes.filter(({ status }) => status === 'fulfilled') as PromiseFulfilledResult<FolderLock>[];
  expect(won).toHaveLength(1);
  await won[0]!.value.release();
  expect(readdirSync(folder)).toEqual([]);
});

test.each([
  ['a process that is no more', () => ({ pid: spawnSync(process.execPath, ['-e', '']).pid })],
  ['a process whose number another one has now', () => ({ pid: process.ppid, began: '1' })],
  ['an earlier process of this number', () => ({ pid: process.pid, began: '1' })],
  ['nobody that can be read', () => ({ token: 7 })],
])('the lock of %s is taken over', async (_, owner) => {
  const folder = freshFolder();
  writeLock(folder, owner());
  const lock = await take(folder);
  expect(JSON.parse(readFileSync(join(folder, LOCK_NAME), 'utf8'))).toMatchObject({ pid: process.pid });
  await lock.release();
  expect(readdirSync(folder)).toEqual([]);
});

test('of another machine the file tells: touched lately, or silent', async () => {
  const folder = freshFolder();
  const path = writeLock(folder, { host: 'elsewhere' });
  expect((await refusal(take(folder))).message).toContain('process 1 of elsewhere');
  utimesSync(path, new Date(Date.now() - 600_000), new Date(Date.now() - 600_000));
  await (await take(folder)).release();
});

test('a released lock that was taken over meanwhile stays with its owner', async () => {
  const folder = freshFolder();
  const lock = await take(folder);
  const path = writeLock(folder, { host: 'elsewhere' });
  await lock.release();
  expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ host: 'elsewhere' });
});

test('a folder that is not there is the error of the file system', async () => {
  const folder = join(freshFolder(), 'gone');
  await expect(take(folder)).rejects.toMatchObject({ code: 'ENOENT' });
  mkdirSync(folder);
  await (await take(folder)).release();
});
