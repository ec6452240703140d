import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { freshRunPath, openRunFolder as openLocked, readRunJson, runFolder, writeJson, type RunFolder } from '../../lib/run/run-folder.ts';
import { savedRunFile } from '../../lib/run/run-file.ts';
import { normalizeConfig } from '../../lib/config/normalize.ts';
import { run } from '../../lib/run/run.ts';
import { freshFolder, randomSequences, refusal, TINY_MODEL, writeIds } from '../train/tiny.ts';

/** Opened, and let go. */
async function openRunFolder(path: string, resume: boolean): Promise<RunFolder> {
  const { folder, lock } = await openLocked(path, resume);
  await lock.release();
  return folder;
}

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

test('a folder with something in it is refused, with resume too where it is no run', async () => {
  const path = freshFolder();
  writeFileSync(join(path, 'train.jsonl'), 'mine');
  const { code, message } = await refusal(openRunFolder(path, false));
  expect([code, message]).toEqual(['ERR_CONFIG', expect.stringContaining('train.jsonl')]);
  expect(await refusal(openRunFolder(path, true))).toEqual({
    code: 'ERR_CONFIG',
    message: expect.stringMatching(/`resume`.*train\.jsonl.*run\.json/),
  });
  writeFileSync(join(path, 'run.json'), '{}');
  expect((await openRunFolder(path, true)).path).toBe(path);
});

test('what a run leaves that never began refuses nobody', async () => {
  const path = freshFolder();
  await openRunFolder(path, false);
  writeFileSync(join(path, 'run.json.7.partial'), '');
  for (const resume of [false, true]) await openRunFolder(path, resume);
  mkdirSync(join(path, 'checkpoints', 'step-000001'));
  expect((await refusal(openRunFolder(path, false))).code).toBe('ERR_CONFIG');
});

test.each([
  ['a device that is not there', { device: 'cuda:63' }, 'ERR_DEVICE'],
  ['no model', { model: '/nowhere' }, 'ERR_MODEL_FILES'],
  ['no data', { data: '/nowhere.txt' }, 'ERR_DATA'],
])('a run that is refused for %s leaves no folder, and the corrected one goes', async (_, wrong, code) => {
  const parent = freshFolder();
  const data = writeIds(join(parent, 'data.jsonl'), randomSequences([12, 9, 10]));
  const right = { model: TINY_MODEL, data, out: join(parent, 'run'), maxSteps: 1, evaluateEverySteps: 0, comparisonContexts: 0 };
  const start = (values: object): Promise<unknown> => run(normalizeConfig([{ name: 'flags', values: { ...right, ...values } }]));
  expect((await refusal(start(wrong))).code).toBe(code);
  expect(readdirSync(parent)).toEqual(['data.jsonl']);
  mkdirSync(right.out);
  expect((await refusal(start(wrong))).code).toBe(code);
  expect(readdirSync(right.out)).toEqual([]);
  await start({});
});

test('two runs at once do not share a folder, and what a killed one was writing goes', async () => {
  const path = freshFolder();
  for (const name of [
    'run.json.7.partial',
    'generations/step-000001.jsonl.7.partial',
    'checkpoints/step-000002.partial/model.safetensors',
    'checkpoints/step-000001/adapter/README.md.7.partial',
  ]) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), '');
  }
  writeFileSync(join(path, 'run.json'), '{}');
  const { lock } = await openLocked(path, true);
  expect((await refusal(openLocked(path, true))).code).toBe('ERR_BUSY');
  await lock.release();
  expect(readdirSync(path, { recursive: true }).sort()).toEqual([
    'checkpoints',
    'checkpoints/step-000001',
    'checkpoints/step-000001/adapter',
    'generations',
    'run.json',
  ]);
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
