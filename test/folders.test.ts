import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeFolder, makeFolderSync } from '../lib/folders.ts';

const root = mkdtempSync(join(tmpdir(), 'hyperfit-folders-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const asPromise = async (folder: string): Promise<void> => makeFolderSync(folder);

describe.each([
  ['makeFolder', makeFolder],
  ['makeFolderSync', asPromise],
])('%s', (name, make) => {
  test('makes what is missing, and is content with what is there', async () => {
    const folder = join(root, name, 'a/b/c');
    for (let i = 0; i < 2; i++) await make(folder);
    expect(statSync(folder).isDirectory()).toBe(true);
  });

  (process.platform === 'linux' ? test : test.skip)('below /proc it fails at once', async () => {
    await expect(make('/proc/hyperfit/a/b')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('a file in the way is an error', async () => {
    const file = join(root, `${name}-file`);
    writeFileSync(file, '');
    await expect(make(file)).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(make(join(file, 'a'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  });
});
