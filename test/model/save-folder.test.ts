import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Model } from '../../lib/model/model.ts';
import { copyModel, freshFolder, refusal, TINY_MODEL } from '../train/tiny.ts';

let model: Model;
beforeAll(async () => {
  model = await Model.load(TINY_MODEL);
});
afterAll(() => model.dispose());

const FILES = ['config.json', 'model.safetensors', 'tokenizer.json'];

test('a folder with a model in it is refused, and says what is there and how to replace it', async () => {
  const folder = join(freshFolder(), 'saved');
  await model.save(folder);
  const before = readFileSync(join(folder, 'model.safetensors'));
  expect(await refusal(model.save(folder))).toEqual({ code: 'ERR_CHECKPOINT', message: expect.stringMatching(/saved.*config\.json.*overwrite: true/) });
  expect(readFileSync(join(folder, 'model.safetensors')).equals(before)).toBe(true);
});

test('overwrite replaces the model as a whole', async () => {
  const folder = join(freshFolder(), 'saved');
  await model.save(folder);
  writeFileSync(join(folder, 'merges.txt'), 'of the former model');
  await model.save(folder, { overwrite: true });
  expect(readdirSync(folder)).toEqual(expect.arrayContaining(FILES));
  expect(readdirSync(folder)).not.toContain('merges.txt');
  expect(readdirSync(dirname(folder))).toEqual(['saved']);
  (await Model.load(folder)).dispose();
});

test('overwrite replaces a model that came with its licence, time and again', async () => {
  const source = copyModel();
  for (const name of ['LICENSE', 'USE_POLICY.md', 'chat_template.json', 'processor_config.json']) writeFileSync(join(source, name), '{}');
  const licensed = await Model.load(source);
  const folder = join(freshFolder(), 'saved');
  await licensed.save(folder);
  await licensed.save(folder, { overwrite: true });
  expect(readdirSync(folder)).toEqual(expect.arrayContaining([...FILES, 'LICENSE', 'USE_POLICY.md']));
  licensed.dispose();
});

test('a folder made for a model that is not written goes again', async () => {
  const parent = freshFolder();
  const gone = await Model.load(TINY_MODEL);
  gone.dispose();
  await expect(gone.save(join(parent, 'new'))).rejects.toMatchObject({ code: 'ERR_DISPOSED' });
  expect(readdirSync(parent)).toEqual([]);
});

test('overwrite makes a new folder too, and puts a model beside what is no model', async () => {
  const parent = freshFolder();
  await model.save(join(parent, 'new'), { overwrite: true });
  expect(readdirSync(join(parent, 'new'))).toEqual(expect.arrayContaining(FILES));
  mkdirSync(join(parent, 'notes'));
  writeFileSync(join(parent, 'notes', 'novel.txt'), 'mine');
  await model.save(join(parent, 'notes'));
  expect(readdirSync(join(parent, 'notes'))).toEqual(expect.arrayContaining([...FILES, 'novel.txt']));
});

test.each([
  ['other files', ['config.json', 'model.safetensors', 'novel.txt'], /more than a model.*novel\.txt/],
  ['a checkpoint of a run', ['config.json', 'model.safetensors', 'manifest.json', 'state.json'], /more than a model.*manifest\.json/],
  ['a folder of its own', ['config.json', 'model.safetensors', 'photos/'], /more than a model.*photos/],
  ['no weights', ['config.json'], /no whole model.*config\.json/],
])('overwrite never takes away %s', async (_, names, message) => {
  const folder = freshFolder();
  for (const name of names) name.endsWith('/') ? mkdirSync(join(folder, name)) : writeFileSync(join(folder, name), 'x');
  expect(await refusal(model.save(folder, { overwrite: true }))).toEqual({ code: 'ERR_CHECKPOINT', message: expect.stringMatching(message) });
  expect(readdirSync(folder).map((name) => name).sort()).toEqual(names.map((name) => name.replace('/', '')).sort());
});

test('a model that cannot be written leaves the former one', async () => {
  const folder = join(freshFolder(), 'saved');
  await model.save(folder);
  const gone = await Model.load(TINY_MODEL);
  gone.dispose();
  await expect(gone.save(folder, { overwrite: true })).rejects.toMatchObject({ code: 'ERR_DISPOSED' });
  expect(readdirSync(dirname(folder))).toEqual(['saved']);
  (await Model.load(folder)).dispose();
});

test('a file in the place of the folder is refused', async () => {
  const path = join(freshFolder(), 'file');
  writeFileSync(path, '');
  expect((await refusal(model.save(path))).code).toBe('ERR_CHECKPOINT');
});

test('a folder that cannot be made is refused as such', async () => {
  expect(await refusal(model.save(''))).toEqual({ code: 'ERR_CHECKPOINT', message: expect.stringMatching(/an empty path.*save to another folder/) });
});
