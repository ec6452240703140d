import { spawnSync } from 'node:child_process';
import { appendFileSync, chmodSync, mkdirSync, symlinkSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { readBytes } from '../../../lib/data/readers/data-file.ts';
import { makeFolder, read, readTexts, refused } from './folder.ts';

const { folder, put } = makeFolder();

test('a folder may be named like a file, and a link is what it points to', async () => {
  mkdirSync(join(folder, 'folder.txt'));
  put('folder.txt/a.txt', 'a');
  symlinkSync(join(folder, 'folder.txt', 'a.txt'), join(folder, 'link.txt'));
  expect(await readTexts(join(folder, 'folder.txt'))).toEqual(['a']);
  expect(await readTexts(join(folder, 'link.txt'))).toEqual(['a']);
});

test('a link to nowhere, and one to itself, are refused', async () => {
  symlinkSync(join(folder, 'nowhere.txt'), join(folder, 'dangling.txt'));
  symlinkSync(join(folder, 'loop.txt'), join(folder, 'loop.txt'));
  await expect(read(join(folder, 'dangling.txt'))).rejects.toEqual(refused(/cannot be read \(ENOENT\); check the path/));
  await expect(read(join(folder, 'loop.txt'))).rejects.toEqual(refused(/cannot be read \(ELOOP\)/));
});

test('a pipe is refused, rather than waited for', async () => {
  expect(spawnSync('mkfifo', [join(folder, 'pipe.jsonl')]).status).toBe(0);
  await expect(read(join(folder, 'pipe.jsonl'))).rejects.toEqual(refused(/a regular file.*which is a pipe/));
  await expect(read(folder)).rejects.toEqual(refused(/ERR|cannot be read|a pipe/));
});

(process.getuid?.() === 0 ? test.skip : test)('a file that may not be read is refused', async () => {
  const path = put('secret.txt', 'a');
  chmodSync(path, 0);
  await expect(read(path)).rejects.toEqual(refused(/EACCES/));
});

test('a file that grows while it is read is refused', async () => {
  const path = put('log.txt', 'a\n'.repeat(1_000_000));
  const reading = async (): Promise<void> => {
    for await (const _ of readBytes(path)) appendFileSync(path, 'b');
  };
  await expect(reading()).rejects.toEqual(refused(/which changed/));
});

test('a text beyond what can be one document is refused before it is read', async () => {
  const path = put('large.txt', '');
  truncateSync(path, 3 * 2 ** 30);
  await expect(read(path)).rejects.toEqual(refused(/a text of at most 256 MB.*got 3 GB.*\.jsonl/));
});

test('lines beyond what one string can hold are read in pieces', async () => {
  // NUL bytes, so that the disk holds none of them: the first piece tells.
  const path = put('large.jsonl', '');
  truncateSync(path, 3 * 2 ** 30);
  await expect(read(path)).rejects.toEqual(refused(/binary data \(a NUL byte at byte 0\)/));
});
