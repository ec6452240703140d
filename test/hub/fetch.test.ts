import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import type { FetchEvent } from '../../lib/hub/fetch-scope.ts';
import { withFetch, withHubSettings } from '../../lib/hub/fetch-scope.ts';
import { fetchByName, locateData, locateModel } from '../../lib/hub/locate.ts';
import { freshFolder } from '../train/tiny.ts';
import { hashesOf, LoopbackHub, type RepoFiles } from './loopback-hub.ts';

const WEIGHTS = randomBytes(3_000_000);
const MODEL: RepoFiles = {
  'config.json': '{}',
  'model.safetensors': WEIGHTS,
  'tokenizer.json': '{"a": 1}',
  'pytorch_model.bin': randomBytes(5000),
  'onnx/model.onnx': randomBytes(5000),
  'README.md': '---\nlicense: mit\n---',
  '.gitattributes': 'x',
};

let hub: LoopbackHub;
let home: string;
let events: FetchEvent[];

beforeEach(async () => {
  hub = await new LoopbackHub().start();
  home = freshFolder();
  events = [];
});
afterEach(() => hub.stop());

const inside = <T>(work: () => Promise<T>, env: NodeJS.ProcessEnv = {}): Promise<T> =>
  withHubSettings(hub.settings(home, env), () => withFetch({ onFetch: (event) => void events.push(event) }, work));
const locate = (name: string, env?: NodeJS.ProcessEnv): Promise<string> => inside(() => locateModel(name), env);

const folderOf = (id: string): string => join(home, 'hub', `models--${id.replace('/', '--')}`);

describe('a model by its name', () => {
  test('is fetched into the layout of huggingface_hub, and only what is needed', async () => {
    const { commit } = hub.add('org/tiny', MODEL);
    const path = await locate('org/tiny');
    expect(path).toBe(join(folderOf('org/tiny'), 'snapshots', commit, ''));
    expect(readdirSync(path).sort()).toEqual(['README.md', 'config.json', 'model.safetensors', 'tokenizer.json']);
    expect(readlinkSync(join(path, 'model.safetensors'))).toBe(`../../blobs/${hashesOf(WEIGHTS).lfs!.sha256}`);
    expect(readlinkSync(join(path, 'config.json'))).toBe(`../../blobs/${hashesOf('{}').blobId}`);
    expect(readFileSync(join(path, 'model.safetensors')).equals(WEIGHTS)).toBe(true);
    expect(readFileSync(join(folderOf('org/tiny'), 'refs', 'main'), 'utf8')).toBe(commit);
    expect(readdirSync(join(folderOf('org/tiny'), 'blobs')).filter((name) => name.endsWith('.incomplete'))).toEqual([]);
    expect(readdirSync(join(home, 'hub', '.locks', 'models--org--tiny'))).toEqual([]);
    expect(hub.count(/pytorch_model|onnx|gitattributes/)).toBe(0);
    expect(events.map(({ type }) => type)).toEqual(expect.arrayContaining(['start', 'progress', 'done']));
    expect(events.findLast((event) => event.type === 'progress')).toMatchObject({
      received: WEIGHTS.length + 2 + 8 + 20,
      bytes: WEIGHTS.length + 2 + 8 + 20,
    });
  });

  test('is taken from the cache without asking anybody, and offline', async () => {
    hub.add('org/tiny', MODEL);
    const path = await locate('org/tiny');
    const asked = hub.asked.length;
    expect(await locate('org/tiny')).toBe(path);
    expect(await locate('hf:org/tiny@main', { HF_HUB_OFFLINE: '1' })).toBe(path);
    expect(await locate('https://huggingface.co/org/tiny', { HF_HUB_OFFLINE: '1' })).toBe(path);
    expect(hub.asked.length).toBe(asked);
  });

  test('of a revision stands beside that of main, and shares what is the same', async () => {
    hub.add('org/tiny', MODEL);
    const main = await locate('org/tiny');
    const { commit } = hub.add('org/tiny', { ...MODEL, 'config.json': '{"b": 2}' }, { revision: 'v2/beta', commit: 'b'.repeat(40) });
    const path = await locate('org/tiny@v2/beta');
    expect(path).toContain(commit);
    expect(path).not.toBe(main);
    expect(events.filter(({ type }) => type === 'start').at(-1)).toMatchObject({ bytes: 8 });
    expect(readFileSync(join(folderOf('org/tiny'), 'refs', 'v2', 'beta'), 'utf8')).toBe(commit);
    expect(await locate(`org/tiny@${commit}`)).toBe(path);
  });

  test('stays at its commit until it is fetched anew', async () => {
    hub.add('org/tiny', MODEL);
    const old = await locate('org/tiny');
    hub.add('org/tiny', { ...MODEL, 'config.json': '{"b": 2}' }, { commit: 'c'.repeat(40) });
    expect(await locate('org/tiny')).toBe(old);
    const fetched = await inside(() => fetchByName('org/tiny'));
    expect(fetched).toMatchObject({ commit: 'c'.repeat(40), fetchedBytes: 8 });
    expect(await locate('org/tiny')).toContain('c'.repeat(40));
  });

  test('in shards brings those that its index names', async () => {
    const shards = { 'model-00001-of-00002.safetensors': randomBytes(2000), 'model-00002-of-00002.safetensors': randomBytes(2000) };
    const index = JSON.stringify({ weight_map: { a: 'model-00001-of-00002.safetensors', b: 'model-00002-of-00002.safetensors' } });
    hub.add('org/sharded', {
      'config.json': '{}',
      ...shards,
      'model.safetensors.index.json': index,
      'other-00001-of-00001.safetensors': 'x',
    });
    const path = await locate('org/sharded');
    expect(readdirSync(path).sort()).toEqual([
      'config.json',
      'model-00001-of-00002.safetensors',
      'model-00002-of-00002.safetensors',
      'model.safetensors.index.json',
    ]);
    expect(await locate('org/sharded', { HF_HUB_OFFLINE: '1' })).toBe(path);
  });

  test('of GGUF files is the quantisation that is named', async () => {
    const files = {
      'x-Q4_K_M.gguf': 'four',
      'x-Q8_0.gguf': 'eight',
      'big/x-F16-00001-of-00002.gguf': 'one',
      'big/x-F16-00002-of-00002.gguf': 'two',
      'mmproj-F16.gguf': 'no',
      'README.md': 'r',
    };
    const { commit } = hub.add('org/quantised', files);
    const snapshot = join(folderOf('org/quantised'), 'snapshots', commit);
    expect(await locate('hf:org/quantised:q4_k_m')).toBe(join(snapshot, 'x-Q4_K_M.gguf'));
    expect(await locate('org/quantised:Q8_0')).toBe(join(snapshot, 'x-Q8_0.gguf'));
    expect(await locate('hf:org/quantised:F16')).toBe(join(snapshot, 'big/x-F16-00001-of-00002.gguf'));
    expect(existsSync(join(snapshot, 'big/x-F16-00002-of-00002.gguf'))).toBe(true);
    expect(await locate('hf:org/quantised:x-Q8_0.gguf', { HF_HUB_OFFLINE: '1' })).toBe(join(snapshot, 'x-Q8_0.gguf'));
    await expect(locate('org/quantised')).rejects.toMatchObject({
      code: 'ERR_MODEL_FILES',
      message: expect.stringMatching(/one of the quantisations.*hf:org\/quantised:Q8_0.*Q4_K_M \(4 B\), Q8_0/),
    });
    await expect(locate('org/quantised:Q5_0')).rejects.toMatchObject({
      message: expect.stringMatching(/got :Q5_0;.*It has Q4_K_M .*, F16/),
    });
  });

  test('of an adapter is that of PEFT', async () => {
    hub.add('org/adapter', { 'adapter_config.json': '{}', 'adapter_model.safetensors': 'x', 'training_args.bin': 'no' });
    expect(readdirSync(await locate('org/adapter')).sort()).toEqual(['adapter_config.json', 'adapter_model.safetensors']);
  });

  test('is fetched through a hub that says no sizes and no hashes in its listing', async () => {
    hub.add('org/tiny', MODEL);
    hub.mischief = {
      listing: ({ sha, siblings }) => ({
        sha,
        siblings: siblings.map((sibling) => ({ rfilename: (sibling as { rfilename: string }).rfilename })),
      }),
    };
    const path = await locate('org/tiny');
    expect(readlinkSync(join(path, 'model.safetensors'))).toBe(`../../blobs/${hashesOf(WEIGHTS).lfs!.sha256}`);
  });
});

describe('what is already there', () => {
  test('a path that exists is taken as it is, a folder of that first name means a path', async () => {
    expect(await locate(home)).toBe(home);
    expect(await locate('lib/nothing-here')).toBe('lib/nothing-here');
    expect(await locate('./org/name')).toBe('./org/name');
    expect(await locate('org/novel.gguf')).toBe('org/novel.gguf');
    expect(await locate('gpt2')).toBe('gpt2');
    expect(hub.asked).toEqual([]);
  });

  test('files that another program left in the snapshot are used, and only the rest is fetched', async () => {
    const { commit } = hub.add('org/tiny', MODEL);
    const snapshot = join(folderOf('org/tiny'), 'snapshots', commit);
    mkdirSync(snapshot, { recursive: true });
    mkdirSync(join(folderOf('org/tiny'), 'refs'));
    writeFileSync(join(folderOf('org/tiny'), 'refs', 'main'), commit);
    writeFileSync(join(snapshot, 'config.json'), '{}');
    writeFileSync(join(snapshot, 'model.safetensors'), WEIGHTS);
    expect(await locate('org/tiny', { HF_HUB_OFFLINE: '1' })).toBe(join(snapshot, ''));
    expect(hub.asked).toEqual([]);
    expect(await locate('org/tiny')).toBe(join(snapshot, ''));
    expect(hub.count(/model\.safetensors/)).toBe(0);
    expect(readFileSync(join(snapshot, 'tokenizer.json'), 'utf8')).toBe('{"a": 1}');
  });

  test('when the hub cannot be reached, what is there has to do, with a warning', async () => {
    const { commit } = hub.add('org/tiny', MODEL);
    const path = await locate('org/tiny');
    const warnings: string[] = [];
    writeFileSync(join(folderOf('org/tiny'), '.hyperfit', `${commit}.json`), 'damaged');
    hub.mischief = { failWith: { status: 503, times: 100 } };
    expect(await inside(() => locateModel('org/tiny', { onWarning: (text) => void warnings.push(text) }))).toBe(path);
    expect(warnings).toEqual([expect.stringMatching(/status 503.*taking what is there/)]);
  });

  test('a blob that was cut short is fetched again', async () => {
    hub.add('org/tiny', MODEL);
    const path = await locate('org/tiny');
    const blob = join(folderOf('org/tiny'), 'blobs', hashesOf(WEIGHTS).lfs!.sha256);
    writeFileSync(blob, 'short');
    await locate('org/tiny');
    expect(statSync(join(path, 'model.safetensors')).size).toBe(WEIGHTS.length);
  });

  test('offline and not there says how to fetch it', async () => {
    await expect(locate('org/tiny', { HF_HUB_OFFLINE: '1' })).rejects.toMatchObject({
      code: 'ERR_FETCH',
      message: expect.stringMatching(/HF_HUB_OFFLINE is set, got nothing of it; .*`hyperfit fetch org\/tiny`/),
    });
    expect(hub.asked).toEqual([]);
  });
});

describe('data by name', () => {
  const data = (name: string, env?: NodeJS.ProcessEnv): Promise<string[]> =>
    inside(() => locateData(name), env).then((paths) => paths.map((path) => path.replace(/^.*snapshots\/[^/]+\//, '')));

  test('is the train split in the best form, or what the colon says', async () => {
    hub.add('datasets/org/stories', {
      'README.md': 'r',
      'data/train-00000-of-00002.parquet': 'a',
      'data/train-00001-of-00002.parquet': 'b',
      'data/validation-00000-of-00001.parquet': 'v',
      'stories-train.jsonl': 'x',
      'raw.tar.gz': 'no',
      'dataset_infos.json': '{}',
    });
    expect(await data('org/stories')).toEqual(['data/train-00000-of-00002.parquet', 'data/train-00001-of-00002.parquet']);
    expect(await data('hf:datasets/org/stories:validation')).toEqual(['data/validation-00000-of-00001.parquet']);
    expect(await data('datasets/org/stories:stories-train.jsonl')).toEqual(['stories-train.jsonl']);
    expect(await data('datasets/org/stories', { HF_HUB_OFFLINE: '1' })).toHaveLength(2);
    await expect(data('hf:datasets/org/stories:test')).rejects.toMatchObject({
      code: 'ERR_DATA',
      message: expect.stringMatching(/has after the colon.*got test; it has train, validation/),
    });
    expect(hub.count(/raw\.tar|README/)).toBe(0);
  });

  test('of several parts wants one named', async () => {
    hub.add('datasets/org/wiki', {
      'small/train-00000.parquet': 'a',
      'small/test-00000.parquet': 'b',
      'large/train-00000.parquet': 'c',
      'large/test-00000.parquet': 'd',
    });
    await expect(data('org/wiki')).rejects.toMatchObject({
      code: 'ERR_DATA',
      message: expect.stringMatching(/hf:datasets\/org\/wiki:large\. It has large, small/),
    });
    expect(await data('hf:datasets/org/wiki:small')).toEqual(['small/train-00000.parquet']);
    expect(await data('hf:datasets/org/wiki:small/test')).toEqual(['small/test-00000.parquet']);
  });

  test('without any split is taken whole, and other files are refused with what there is', async () => {
    hub.add('datasets/org/plain', { 'one.txt': 'a', 'two.txt': 'b' });
    hub.add('datasets/org/odd', { 'script.py': 'a', 'x.tar': 'b' });
    expect(await data('org/plain')).toEqual(['one.txt', 'two.txt']);
    await expect(data('org/odd')).rejects.toMatchObject({
      message: expect.stringMatching(/\.parquet.*got script\.py, x\.tar;.*refs\/convert\/parquet/),
    });
  });
});

describe('connections', () => {
  test('that are cut are gone on from', async () => {
    hub.add('org/tiny', MODEL);
    hub.mischief = { cutAfter: { bytes: 1_200_000, times: 2 } };
    const path = await locate('org/tiny');
    expect(readFileSync(join(path, 'model.safetensors')).equals(WEIGHTS)).toBe(true);
    expect(hub.asked.filter(({ isStore }) => isStore).map(({ range }) => range)).toEqual([
      undefined,
      expect.stringMatching(/^bytes=[1-9]/),
      expect.stringMatching(/^bytes=[1-9]/),
    ]);
  });

  test('to a store without ranges begin again', async () => {
    hub.add('org/tiny', MODEL);
    hub.mischief = { cutAfter: { bytes: 1_200_000, times: 1 }, ignoresRanges: true };
    expect(readFileSync(join(await locate('org/tiny'), 'model.safetensors')).equals(WEIGHTS)).toBe(true);
  });

  test('of an earlier process that is gone are gone on from', async () => {
    hub.add('org/tiny', MODEL);
    hub.mischief = { cutAfter: { bytes: 200_000, times: 100 } };
    await expect(locate('org/tiny')).rejects.toMatchObject({
      code: 'ERR_FETCH',
      message: expect.stringMatching(/cut off 6 times at \d+ of 3000000 bytes.*what has arrived is kept/),
    });
    hub.mischief = {};
    hub.asked.length = 0;
    expect(readFileSync(join(await locate('org/tiny'), 'model.safetensors')).equals(WEIGHTS)).toBe(true);
    expect(hub.asked.find(({ isStore }) => isStore)!.range).toMatch(/^bytes=1\d{6}-/);
  });

  test('that fail for a while are tried again', async () => {
    hub.add('org/tiny', MODEL);
    hub.mischief = { failWith: { status: 502, times: 2 } };
    await locate('org/tiny');
    expect(events.filter(({ type }) => type === 'note')).toHaveLength(2);
  });

  test('are ended by an abort, which keeps what has arrived', async () => {
    hub.add('org/tiny', MODEL);
    hub.mischief = { isEndless: true };
    const controller = new AbortController();
    const reason = new Error('enough');
    const onFetch = (event: FetchEvent): void => {
      if (event.type === 'progress') controller.abort(reason);
    };
    await expect(
      withHubSettings(hub.settings(home), () => withFetch({ onFetch, signal: controller.signal }, () => locateModel('org/tiny'))),
    ).rejects.toBe(reason);
  });
});

describe('a token', () => {
  test('goes to the hub and to nobody else', async () => {
    hub.add('org/private', MODEL, { token: 'hf_secret' });
    await locate('org/private', { HF_TOKEN: 'hf_secret' });
    expect(hub.asked.filter(({ isStore }) => !isStore).every(({ authorization }) => authorization === 'Bearer hf_secret')).toBe(true);
    expect(hub.asked.filter(({ isStore }) => isStore).map(({ authorization }) => authorization)).toEqual([undefined]);
  });

  test('is read from the file that hf auth login writes', async () => {
    hub.add('org/private', MODEL, { token: 'hf_file' });
    writeFileSync(join(home, 'token'), 'hf_file\n');
    await locate('org/private');
    await expect(locate('org/private', { HF_HUB_DISABLE_IMPLICIT_TOKEN: '1', HF_HOME: join(home, 'other') })).rejects.toMatchObject({
      code: 'ERR_MODEL_FILES',
    });
  });

  test.each<[string, NodeJS.ProcessEnv, Parameters<LoopbackHub['add']>[2], string, RegExp]>([
    [
      'a gated repository',
      {},
      { token: 'x', isGated: true },
      'ERR_FETCH',
      /\(401\): the repository is gated; ask for access at http.*org\/it, then make a token/,
    ],
    [
      'a gated repository with a token',
      { HF_TOKEN: 'y' },
      { token: 'x', isGated: true },
      'ERR_FETCH',
      /\(403\): the repository is gated;.*account of your token/,
    ],
    [
      'a private repository',
      {},
      { token: 'x' },
      'ERR_MODEL_FILES',
      /got neither: nothing of that path is here, and .* has no such model for you \(401\).*HF_TOKEN/,
    ],
    ['a private repository of somebody else', { HF_TOKEN: 'y' }, { token: 'x' }, 'ERR_MODEL_FILES', /has no such model for you \(404\)/],
  ])('%s is refused with the remedy, and the token is in no message', async (_, env, more, code, message) => {
    hub.add('org/it', MODEL, more);
    const error = await locate('org/it', env).catch((caught: unknown) => caught as Error & { code: string });
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    expect((error as Error).message).not.toContain('hf_');
  });

  test('that is damaged is refused before anybody is asked', async () => {
    expect(() => hub.settings(home, { HF_TOKEN: 'a b' })).toThrow(
      expect.objectContaining({ code: 'ERR_CONFIG', message: expect.not.stringContaining('a b') }),
    );
  });
});

test.each([
  ['a repository that is not there', 'org/none', /got neither/],
  ['a revision that is not there', 'org/tiny@v9', /a branch, tag or commit of org\/tiny after @, got v9/],
  ['only pickles', 'org/pickle', /pytorch_model\.bin, a pickle, which can run code.*save_pretrained/],
  ['data', 'org/rows', /--data hf:datasets\/org\/rows/],
  ['nothing', 'org/empty', /got nothing/],
  ['other names', 'org/odd', /got weights\.safetensors/],
])('%s is refused', async (_, name, message) => {
  hub.add('org/tiny', MODEL);
  hub.add('org/pickle', { 'config.json': '{}', 'pytorch_model.bin': 'x' });
  hub.add('org/rows', { 'rows.parquet': 'x' });
  hub.add('org/empty', {});
  hub.add('org/odd', { 'config.json': '{}', 'weights.safetensors': 'x' });
  await expect(locate(name)).rejects.toMatchObject({ code: 'ERR_MODEL_FILES', message: expect.stringMatching(message) });
});

test('two that fetch the same at once share the work', async () => {
  hub.add('org/tiny', MODEL);
  const paths = await Promise.all([locate('org/tiny'), locate('org/tiny'), locate('org/tiny')]);
  expect(new Set(paths).size).toBe(1);
  expect(hub.asked.filter(({ isStore }) => isStore)).toHaveLength(1);
});

test('a lock of a process that is gone is no hindrance', async () => {
  hub.add('org/tiny', MODEL);
  const locks = join(home, 'hub', '.locks', 'models--org--tiny');
  mkdirSync(locks, { recursive: true });
  const { hostname } = await import('node:os');
  writeFileSync(
    join(locks, `${hashesOf(WEIGHTS).lfs!.sha256}.hyperfit.lock`),
    JSON.stringify({ pid: 2 ** 22 + 1, host: hostname(), id: 'x' }),
  );
  await locate('org/tiny');
});

test('a disk that is too small is refused before anything is fetched', async () => {
  hub.add('org/tiny', MODEL);
  hub.mischief = { listing: (value) => ({ ...value, siblings: value.siblings.map((sibling) => ({ ...sibling, size: 1e15, lfs: null })) }) };
  await expect(locate('org/tiny')).rejects.toMatchObject({
    code: 'ERR_FETCH',
    message: expect.stringMatching(/free for org\/tiny.*HF_HOME/),
  });
  expect(hub.count(/resolve/)).toBe(0);
});

test('patterns choose the files, and a dry run fetches nothing', async () => {
  const { commit } = hub.add('org/tiny', MODEL);
  const dry = await inside(() => fetchByName('org/tiny', { dryRun: true }));
  expect(dry).toMatchObject({ fetchedBytes: WEIGHTS.length + 30, bytes: WEIGHTS.length + 30 });
  expect(existsSync(join(folderOf('org/tiny'), 'snapshots'))).toBe(false);
  await inside(() => fetchByName('org/tiny', { include: ['*.json', 'onnx/*'] }));
  expect(readdirSync(join(folderOf('org/tiny'), 'snapshots', commit)).sort()).toEqual(['config.json', 'onnx', 'tokenizer.json']);
  await expect(inside(() => fetchByName('org/tiny', { include: ['*.zip'] }))).rejects.toMatchObject({
    code: 'ERR_MODEL_FILES',
    message: expect.stringContaining('*.zip'),
  });
});
