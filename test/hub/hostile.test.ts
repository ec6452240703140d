import { existsSync, lstatSync, readdirSync, statSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { withHubSettings } from '../../lib/hub/fetch-scope.ts';
import { isRepoId, isRevision, isSafePath, nameHint, parseHubName } from '../../lib/hub/hub-name.ts';
import { fetchByName, locateModel } from '../../lib/hub/locate.ts';
import { freshFolder } from '../train/tiny.ts';
import { LoopbackHub, type Mischief } from './loopback-hub.ts';

const WEIGHTS = randomBytes(300_000);
const FILES = { 'config.json': '{}', 'model.safetensors': WEIGHTS };

let hub: LoopbackHub;
let home: string;

beforeEach(async () => {
  hub = await new LoopbackHub().start();
  home = freshFolder();
});
afterEach(() => hub.stop());

const locate = (name: string, env: NodeJS.ProcessEnv = {}): Promise<string> =>
  withHubSettings({ ...hub.settings(home, env), timeoutMs: 500 }, () => locateModel(name));

/** Every file and folder below `folder`. */
const below = (folder: string): string[] => (existsSync(folder) ? (readdirSync(folder, { recursive: true }) as string[]) : []);

describe('a hub that lies about files', () => {
  const withSibling = (sibling: object): Mischief => ({ listing: (value) => ({ ...value, siblings: [...value.siblings, sibling] }) });
  const hash = 'a'.repeat(64);
  test.each<[string, object]>([
    ['a name that climbs out', { rfilename: '../../../../escaped.json', size: 1, blobId: hash }],
    ['a name that climbs out on its way', { rfilename: 'a/../../b/config.json', size: 1, blobId: hash }],
    ['an absolute name', { rfilename: '/etc/hyperfit', size: 1, blobId: hash }],
    ['a name of another system', { rfilename: '..\\..\\x', size: 1, blobId: hash }],
    ['a name with an end of line', { rfilename: 'a\nb', size: 1, blobId: hash }],
    ['an empty name', { rfilename: '', size: 1, blobId: hash }],
    ['a name that is no text', { rfilename: { toString: 'x' }, size: 1, blobId: hash }],
    ['a hash that climbs out', { rfilename: 'vocab.json', size: 1, blobId: '../../../../x' }],
    ['a hash of a large file that climbs out', { rfilename: 'vocab.json', size: 1, lfs: { sha256: '../x', size: 1 } }],
    ['a negative size', { rfilename: 'vocab.json', size: -1, blobId: hash }],
    ['a size that is no number', { rfilename: 'vocab.json', size: '1e999', blobId: hash }],
    ['a file twice', { rfilename: 'config.json', size: 2, blobId: hash }],
  ])('%s refuses the whole answer', async (_, sibling) => {
    hub.add('org/tiny', FILES);
    hub.mischief = withSibling(sibling);
    await expect(locate('org/tiny')).rejects.toMatchObject({
      code: 'ERR_FETCH',
      message: expect.stringMatching(/expected an answer of the Hugging Face hub about org\/tiny.*HF_ENDPOINT/),
    });
    expect(below(home)).toEqual([]);
  });

  test.each<[string, (value: { sha: string; siblings: object[] }) => unknown]>([
    ['a commit that climbs out', (value) => ({ ...value, sha: '../../../../x' })],
    ['no commit', ({ siblings }) => ({ siblings })],
    ['no list', ({ sha }) => ({ sha, siblings: 'all' })],
    ['null', () => null],
    ['a list of anything', ({ sha }) => ({ sha, siblings: [null, 1] })],
    ['too long a list', ({ sha }) => ({ sha, siblings: Array.from({ length: 200_001 }, (_, index) => ({ rfilename: `f${index}` })) })],
  ])('%s is no answer', async (_, listing) => {
    hub.add('org/tiny', FILES);
    hub.mischief = { listing };
    await expect(locate('org/tiny')).rejects.toMatchObject({
      code: 'ERR_FETCH',
      message: expect.stringContaining('expected an answer of the Hugging Face hub'),
    });
    expect(below(home)).toEqual([]);
  });

  test('an index whose shards climb out is refused', async () => {
    hub.add('org/sharded', {
      'config.json': '{}',
      'model.safetensors.index.json': JSON.stringify({ weight_map: { a: '../../x.safetensors' } }),
    });
    await expect(locate('org/sharded')).rejects.toMatchObject({
      code: 'ERR_MODEL_FILES',
      message: expect.stringContaining('model.safetensors.index.json'),
    });
  });
});

describe('a hub that lies about contents', () => {
  const blobs = (): string[] => below(join(home, 'hub', 'models--org--tiny', 'blobs'));
  const names = (): string[] => below(join(home, 'hub', 'models--org--tiny', 'snapshots'));

  test.each<[string, Mischief, RegExp]>([
    ['other bytes', { body: (file) => Buffer.alloc(file.length, 7) }, /another hash than the hub names, so nothing of it was kept/],
    ['more bytes', { body: (file) => Buffer.concat([file, file]) }, /more than the 300000 bytes/],
    ['bytes without end', { isEndless: true }, /more than the 300000 bytes/],
    ['too few bytes', { body: (file) => file.subarray(0, 1000), ignoresRanges: true }, /cut off \d+ times/],
  ])('%s: nothing of it appears, and no disk is filled', async (_, mischief, message) => {
    hub.add('org/tiny', FILES);
    hub.mischief = mischief;
    await expect(locate('org/tiny')).rejects.toMatchObject({ code: 'ERR_FETCH', message: expect.stringMatching(message) });
    expect(names().filter((name) => name.endsWith('model.safetensors'))).toEqual([]);
    const sizes = blobs().map((name) => statSync(join(home, 'hub', 'models--org--tiny', 'blobs', name)).size);
    expect(Math.max(0, ...sizes)).toBeLessThanOrEqual(WEIGHTS.length);
    // And afterwards an honest hub serves.
    hub.mischief = {};
    expect(statSync(join(await locate('org/tiny'), 'model.safetensors')).size).toBe(WEIGHTS.length);
  });

  test('an old piece that is wrong is thrown away, and the file is fetched from its beginning', async () => {
    hub.add('org/tiny', FILES);
    hub.mischief = { cutAfter: { bytes: 1000, times: 100 } };
    await locate('org/tiny').catch(() => undefined);
    const folder = join(home, 'hub', 'models--org--tiny', 'blobs');
    const [partial = ''] = readdirSync(folder).filter((name) => name.endsWith('.incomplete'));
    const { writeFileSync } = await import('node:fs');
    writeFileSync(join(folder, partial), randomBytes(100_000));
    hub.mischief = {};
    expect(statSync(join(await locate('org/tiny'), 'model.safetensors')).size).toBe(WEIGHTS.length);
  });

  test('a link in the place of a blob is not written through', async () => {
    hub.add('org/tiny', FILES);
    const path = await locate('org/tiny');
    expect(lstatSync(join(path, 'model.safetensors')).isSymbolicLink()).toBe(true);
    expect(
      lstatSync(
        join(
          path,
          '../../blobs',
          blobs().find((name) => name.length === 64)!,
        ),
      ).isFile(),
    ).toBe(true);
  });
});

describe('a hub that redirects', () => {
  test.each<[string, () => string, RegExp]>([
    ['in a circle', () => `${hub.endpoint}/again`, /redirects more than 8 times/],
    ['to a file', () => 'file:///etc/passwd', /redirects to file:, which is not followed/],
    ['to nothing', () => 'http://[', /redirects to what is no address/],
    ['to a machine that is not there', () => 'http://127.0.0.1:1/', /the connection was refused/],
  ])('%s', async (_, target, message) => {
    hub.add('org/tiny', FILES);
    hub.mischief = { redirectTo: target() };
    await expect(locate('org/tiny')).rejects.toMatchObject({ code: 'ERR_FETCH', message: expect.stringMatching(message) });
  });

  test('with the token to another origin does not learn it', async () => {
    const stranger = await new LoopbackHub().start();
    hub.mischief = { redirectTo: `${stranger.endpoint}/api/models/org/tiny/revision/main` };
    await locate('org/tiny', { HF_TOKEN: 'hf_secret' }).catch(() => undefined);
    expect(stranger.asked.length).toBeGreaterThan(0);
    expect(stranger.asked.map(({ authorization }) => authorization)).toEqual(stranger.asked.map(() => undefined));
    await stranger.stop();
  });
});

test.each<[string, Mischief, string, RegExp]>([
  [
    'too many questions',
    { failWith: { status: 429, times: 100, headers: { 'Retry-After': '3600' } } },
    'ERR_FETCH',
    /\(429\): asked too often; wait 3600 s, or give HF_TOKEN/,
  ],
  ['a broken server', { failWith: { status: 500, times: 100 } }, 'ERR_FETCH', /status 500; try again later/],
  ['what is no hub', { failWith: { status: 418, times: 100 } }, 'ERR_FETCH', /status 418; .*HF_ENDPOINT/],
  ['a wrong token', { failWith: { status: 401, times: 100 } }, 'ERR_FETCH', /the token is wrong or has expired/],
  ['a law', { failWith: { status: 451, times: 100 } }, 'ERR_FETCH', /disabled or not allowed where you are/],
])('%s: clear words', async (_, mischief, code, message) => {
  hub.mischief = mischief;
  await expect(locate('org/tiny', message.source.includes('wrong or') ? { HF_TOKEN: 'hf_x' } : {})).rejects.toMatchObject({
    code,
    message: expect.stringMatching(message),
  });
});

test('a hub that is silent, or not there, is given up', async () => {
  const { createServer } = await import('node:net');
  const sockets: Socket[] = [];
  const silent = createServer((socket) => void sockets.push(socket));
  await new Promise<void>((done) => silent.listen(0, '127.0.0.1', done));
  const { port } = silent.address() as { port: number };
  await expect(locate('org/tiny', { HF_ENDPOINT: `http://127.0.0.1:${port}` })).rejects.toMatchObject({
    code: 'ERR_FETCH',
    message: expect.stringMatching(/silent for too long; check the network.*`hyperfit fetch org\/tiny`/),
  });
  for (const socket of sockets) socket.destroy();
  silent.close();
  await expect(locate('org/tiny', { HF_ENDPOINT: 'http://127.0.0.1:1' })).rejects.toMatchObject({
    message: expect.stringMatching(/the connection was refused/),
  });
  expect(() => hub.settings(home, { HF_ENDPOINT: 'ftp://x' })).toThrow(expect.objectContaining({ code: 'ERR_CONFIG' }));
});

describe('names', () => {
  test.each(['org/name', 'gpt2', 'HuggingFaceTB/SmolLM2-135M-Instruct', 'a/b.c_d-e', '01-ai/Yi-6B'])('%s is one', (id) =>
    expect(isRepoId(id)).toBe(true),
  );
  test.each([
    '',
    'a/b/c',
    '../x',
    'a/..',
    'a//b',
    '/a',
    'a/',
    'a/b--c',
    '-a/b',
    'a/.b',
    'a/b.',
    'a b/c',
    'a/b%2f',
    'a/b\\c',
    'x/y.git',
    `a/${'b'.repeat(97)}`,
  ])('%p is none', (id) => expect(isRepoId(id)).toBe(false));
  test.each(['main', 'v1.0', 'refs/pr/12', 'refs/convert/parquet', 'a'.repeat(40)])('%s is a revision', (revision) =>
    expect(isRevision(revision)).toBe(true),
  );
  test.each(['', '..', 'a/../b', '/main', 'main/', '.hidden', 'a b', 'a\0', 'x.lock', '-x'])('%p is none', (revision) =>
    expect(isRevision(revision)).toBe(false),
  );
  test.each(['', '.', '..', 'a/..', 'a/./b', '/a', 'a/', 'a//b', 'a\\b', 'a\0b', 'b'.repeat(256), 'a/'.repeat(600)])(
    '%p is no file of a repository',
    (path) => expect(isSafePath(path)).toBe(false),
  );

  test.each([
    ['org/name', { kind: 'model', id: 'org/name', revision: 'main', selector: undefined }],
    ['org/name@v1', { kind: 'model', id: 'org/name', revision: 'v1', selector: undefined }],
    ['hf:gpt2', { kind: 'model', id: 'gpt2', revision: 'main', selector: undefined }],
    ['hf:org/name@refs/pr/1:Q4_K_M', { kind: 'model', id: 'org/name', revision: 'refs/pr/1', selector: 'Q4_K_M' }],
    ['hf:datasets/org/name:train', { kind: 'dataset', id: 'org/name', revision: 'main', selector: 'train' }],
    ['hf://org/name', { kind: 'model', id: 'org/name', revision: 'main', selector: undefined }],
    ['hf.co/org/name:Q8_0', { kind: 'model', id: 'org/name', revision: 'main', selector: 'Q8_0' }],
    ['https://huggingface.co/org/name/tree/v2', { kind: 'model', id: 'org/name', revision: 'v2', selector: undefined }],
    [
      'https://huggingface.co/datasets/org/name/blob/main/a/b.parquet',
      { kind: 'dataset', id: 'org/name', revision: 'main', selector: 'a/b.parquet' },
    ],
  ])('%s is read', (text, expected) => expect(parseHubName(text, 'model')).toEqual(expected));

  test.each(['hf:', 'hf:../x', 'hf:a/b/c', 'hf:org/name@../..', 'hf:org/name:../../x', 'hf:org/name:', 'hf:org name'])(
    '%p is refused',
    (text) => {
      expect(() => parseHubName(text, 'model')).toThrow(
        expect.objectContaining({ code: 'ERR_CONFIG', message: expect.stringContaining('hf:org/name') }),
      );
    },
  );

  test.each(['/a/b', './a/b', '~/a', 'a', 'a/b/c', 'a/b.gguf', 'lib/x', 'C:\\a'])('%p is a path', (text) =>
    expect(parseHubName(text, 'model')).toBeUndefined(),
  );

  test('a missing path that could be one is told so', () => {
    expect(nameHint('gpt2')).toContain('hf:gpt2');
    expect(nameHint('novel.txt', 'dataset')).toBe('');
    expect(nameHint('./x/y')).toBe('');
  });
});

test('a name that is none is refused by fetch', async () => {
  await expect(withHubSettings(hub.settings(home), () => fetchByName('../../etc'))).rejects.toMatchObject({ code: 'ERR_CONFIG' });
  await expect(withHubSettings(hub.settings(home), () => fetchByName('org/name', { revision: '../../x' }))).rejects.toMatchObject({
    code: 'ERR_CONFIG',
  });
});
