import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freshRunPath, openRunFolder, readRunJson, runFolder, writeJson } from '../../lib/run/run-folder.ts';
import { savedRunFile } from '../../lib/run/run-file.ts';
import { freshFolder, refusal } from '../train/tiny.ts';

const now = new Date('2026-11-24T13:20:11.500Z');

test('a run without a name is called by its second, and by a number when that is taken', () => {
  const parent = freshFolder();
  expect(freshRunPath(now, parent)).toBe(join(parent, '2026-11-24T13-20-11'));
  mkdirSync(join(parent, '2026-11-24T13-20-11'));
  expect(freshRunPath(now, parent)).toBe(join(parent, '2026-11-24T13-20-11-2'));
});

test('a new or empty folder gets its parts', async () => {
  const path = freshFolder();
  await openRunFolder(path, false);
  expect(readdirSync(path).sort()).toEqual(['checkpoints', 'generations']);
});

test('a folder with something in it is refused, and taken with resume', async () => {
  const path = freshFolder();
  writeFileSync(join(path, 'notes.txt'), '');
  const { code, message } = await refusal(openRunFolder(path, false));
  expect([code, message]).toEqual(['ERR_CONFIG', expect.stringContaining('notes.txt')]);
  expect((await openRunFolder(path, true)).path).toBe(path);
});

test('a file in the place of the folder is refused', async () => {
  const path = join(freshFolder(), 'file');
  writeFileSync(path, '');
  expect((await refusal(openRunFolder(path, false))).code).toBe('ERR_CONFIG');
  expect((await refusal(openRunFolder(join(path, 'run'), false))).code).toBe('ERR_CONFIG');
});

test('a run.json that is none is refused', async () => {
  const folder = runFolder(freshFolder());
  expect(() => savedRunFile(folder)).toThrow('expected a file written by hyperfit train');
  await writeJson(folder.runFile, { schemaVersion: 2 });
  expect(() => savedRunFile(folder)).toThrow('expected settings, versions and data');
  writeFileSync(folder.runFile, '{');
  expect(() => readRunJson(folder.runFile)).toThrow('give the folder of a run');
});
