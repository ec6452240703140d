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
  expect(await refusal(model.save(folder))).toEqual({
    code: 'ERR_CHECKPOINT',
    message: expect.stringMatching(/saved.*config\.json.*overwrite: true/),
  });
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
  expect(await refusal(model.save(folder, { overwrite: true }))).toEqual({
    code: 'ERR_CHECKPOINT',
    message: expect.stringMatching(message),
  });
  expect(
    readdirSync(folder)
      .map((name) => name)
      .sort(),
  ).toEqual(names.map((name) => name.replace('/', '')).sort());
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

test('saves into one folder at once come one after the other, and the last one stays whole', async () => {
  const folder = join(freshFolder(), 'saved');
  await model.save(folder);
  await Promise.all([1, 2, 3].map(() => model.save(folder, { overwrite: true })));
  expect(readdirSync(dirname(folder))).toEqual(['saved']);
  (await Model.load(folder)).dispose();
  const twice = await Promise.allSettled([1, 2].map(() => model.save(join(folder, '..', 'other'))));
  expect(twice.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  (await Model.load(join(folder, '..', 'other'))).dispose();
});

test('files of another sharding do not stay behind', async () => {
  const folder = join(freshFolder(), 'saved');
  const { files } = await model.save(folder, { maxShardSize: '100KB' });
  expect(files.length).toBeGreaterThan(2);
  expect(readdirSync(folder)).toEqual(expect.arrayContaining(files));
  (await Model.load(folder)).dispose();
  await model.save(folder, { overwrite: true });
  expect(readdirSync(folder).filter((name) => /safetensors/.test(name))).toEqual(['model.safetensors']);
  await model.save(folder, { overwrite: true, maxShardSize: '200KB' });
  const index = JSON.parse(readFileSync(join(folder, 'model.safetensors.index.json'), 'utf8')) as {
    metadata: object;
    weight_map: Record<string, string>;
  };
  expect(
    readdirSync(folder)
      .filter((name) => /\.safetensors$/.test(name))
      .sort(),
  ).toEqual([...new Set(Object.values(index.weight_map))].sort());
});

test('a model card of somebody else stays, and is no part of a model to be replaced', async () => {
  const folder = freshFolder();
  writeFileSync(join(folder, 'README.md'), '# Mine');
  await model.save(folder);
  expect(readFileSync(join(folder, 'README.md'), 'utf8')).toBe('# Mine');
  expect(await refusal(model.save(folder, { overwrite: true }))).toMatchObject({
    code: 'ERR_CHECKPOINT',
    message: expect.stringMatching(/README\.md/),
  });
});

test('what has replaced the files of a model is not taken for them', async () => {
  const source = copyModel();
  const own = await Model.load(source);
  expect(await own.changedShare()).toBe(0);
  const parameters = own.parameters();
  for (const tensor of parameters.values()) tensor.add_(1);
  expect(await own.changedShare()).toBe(1);
  await own.save(source, { overwrite: true });
  expect(await refusal(own.changedShare())).toEqual({
    code: 'ERR_MODEL_FILES',
    message: expect.stringMatching(/loaded from.*got another.*save to another folder/),
  });
  for (const tensor of parameters.values()) tensor.dispose();
  own.dispose();
});

test('a place where nothing can be is refused, and does not hang', async () => {
  for (const path of ['/proc/x', '/proc/x/y/z', '/proc/self/fd/none/model'])
    expect(await refusal(model.save(path))).toEqual({ code: 'ERR_CHECKPOINT', message: expect.stringMatching(/save to another folder/) });
}, 20_000);

test.each([
  [{ dtype: 'int8' as never }, /one of float32, bfloat16, float16 for `dtype`.*exportGguf/],
  [{ maxShardSize: 'large' }, /such as 5GB.*`maxShardSize`, got "large"/],
  [{ maxShardSize: 0 }, /`maxShardSize`, got 0/],
])('%p is refused', async (options, message) => {
  expect(await refusal(model.save(join(freshFolder(), 'x'), options))).toEqual({
    code: 'ERR_CONFIG',
    message: expect.stringMatching(message),
  });
});

test('a file in the place of the folder is refused', async () => {
  const path = join(freshFolder(), 'file');
  writeFileSync(path, '');
  expect((await refusal(model.save(path))).code).toBe('ERR_CHECKPOINT');
});

test('a folder that cannot be made is refused as such', async () => {
  expect(await refusal(model.save(''))).toEqual({
    code: 'ERR_CHECKPOINT',
    message: expect.stringMatching(/an empty path.*save to another folder/),
  });
});
