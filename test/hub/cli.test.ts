import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { start, type Finished, ROOT } from '../cli/cli-process.ts';
import { freshFolder } from '../train/tiny.ts';
import { filesOf, LoopbackHub } from './loopback-hub.ts';

const TINY_TEXT = join(ROOT, 'test/fixtures/models/tiny-text');

let hub: LoopbackHub;
let home: string;
let work: string;

beforeEach(async () => {
  hub = await new LoopbackHub().start();
  home = freshFolder();
  work = freshFolder();
  hub.add('org/tiny', { ...filesOf(TINY_TEXT), 'pytorch_model.bin': 'no' });
});
afterEach(() => hub.stop());

const run = (...args: string[]): Promise<Finished> => start(args, { env: hub.env(home), cwd: work }).finished;
const ok = async (...args: string[]): Promise<Finished> => {
  const done = await run(...args);
  expect([done.code, done.stderr]).toEqual([0, expect.anything()]);
  return done;
};

test('generate takes a model by name: it is fetched with a word, and the second time it is there', async () => {
  const first = await ok('generate', '--model', 'org/tiny', '--prompt', 'the', '--max-new-tokens', '4', '--json');
  expect(first.stderr).toMatch(/fetching org\/tiny: \d+ kB in \d+ files, into .*models--org--tiny/);
  const asked = hub.asked.length;
  const second = await ok('generate', '--model', 'hf:org/tiny', '--prompt', 'the', '--max-new-tokens', '4', '--json');
  expect(hub.asked.length).toBe(asked);
  expect(second.stderr).not.toContain('fetching');
  const texts = [first, second].map(({ stdout }) => (JSON.parse(stdout) as { generations: { text: string }[] }).generations[0]!.text);
  expect(texts[0]).toBe(texts[1]);
});

test('train takes model and data by name; the run and its model card say which', async () => {
  const rows = Array.from({ length: 40 }, (_, index) =>
    JSON.stringify({ text: `the lamps were lit along the quay on day ${index}, and nobody came to the harbour of the town` }),
  ).join('\n');
  hub.add('datasets/org/lamps', { 'train.jsonl': rows, 'README.md': 'lamps' });
  const out = join(work, 'run');
  await ok(
    'train',
    '--model',
    'org/tiny',
    '--data',
    'org/lamps',
    '--sequence-length',
    '16',
    '--max-steps',
    '2',
    '--comparison-contexts',
    '2',
    '--max-new-tokens',
    '4',
    '--context-length',
    '4',
    '--out',
    out,
  );
  const { config, model } = JSON.parse(readFileSync(join(out, 'run.json'), 'utf8')) as {
    config: { model: string; data: string };
    model: { path: string };
  };
  expect(config).toMatchObject({ model: 'org/tiny', data: 'org/lamps' });
  expect(model.path).toMatch(/models--org--tiny\/snapshots\/[0-9a-f]{40}$/);
  const [checkpoint = ''] = readdirSync(join(out, 'checkpoints'));
  expect(readFileSync(join(out, 'checkpoints', checkpoint, 'README.md'), 'utf8')).toMatch(/base_model: ["']?org\/tiny/);
  expect(readFileSync(join(out, 'report.html'), 'utf8')).toContain('Hyperfitting of org/tiny');
  const inspected = await ok(
    'data',
    'inspect',
    '--model',
    'org/tiny',
    '--data',
    'hf:datasets/org/lamps:train',
    '--sequence-length',
    '16',
    '--json',
  );
  expect(JSON.parse(inspected.stdout)).toMatchObject({ schemaVersion: 1 });
});

test('fetch says what it takes, asks nothing, and prints where it is', async () => {
  const dry = await ok('fetch', 'org/tiny', '--dry-run');
  expect(dry.stdout).toMatch(/^org\/tiny at [0-9a-f]{8}: \d+ files, .* to fetch\n/);
  expect(dry.stdout).toContain('model.safetensors');
  expect(existsSync(join(home, 'hub', 'models--org--tiny', 'snapshots'))).toBe(false);
  const fetched = JSON.parse((await ok('fetch', 'org/tiny', '--json', '--quiet')).stdout) as {
    paths: string[];
    fetchedBytes: number;
    kind: string;
  };
  expect(fetched).toMatchObject({ schemaVersion: 1, name: 'org/tiny', kind: 'model' });
  expect(existsSync(join(fetched.paths[0]!, 'model.safetensors'))).toBe(true);
  expect((await ok('fetch', 'org/tiny')).stdout).toContain('all of it in the cache');
  expect((await ok('fetch', 'org/tiny', '--include', '*.bin')).stdout).toContain('1 files, 2 B');
});

test.each<[string, string[], number, RegExp]>([
  [
    'an unknown name',
    ['generate', '--model', 'org/nowhere', '--prompt', 'a'],
    3,
    /ERR_MODEL_FILES.*nothing of that path is here, and http:\/\/127.* has no such model for you/,
  ],
  [
    'a word',
    ['generate', '--model', 'tinyllama', '--prompt', 'a'],
    3,
    /ERR_MODEL_FILES.*tinyllama, which is not there; check the path, or write hf:tinyllama .*`hyperfit fetch hf:tinyllama`/,
  ],
  [
    'a missing file',
    ['generate', '--model', 'models/tiny.gguf', '--prompt', 'a'],
    3,
    /ERR_MODEL_FILES.*models\/tiny\.gguf, which is not there; check the path\n/,
  ],
  [
    'missing data',
    ['data', 'inspect', '--model', 'org/tiny', '--data', 'novel.txt'],
    3,
    /ERR_DATA.*novel\.txt, which cannot be read \(ENOENT\); check the path\n/,
  ],
  [
    'data that are no data',
    ['train', '--model', 'org/tiny', '--data', 'org/nowhere'],
    3,
    /ERR_DATA.*hf:datasets\/org\/nowhere.*no such data set/,
  ],
  ['a name that is none', ['fetch', '../../etc'], 2, /ERR_CONFIG.*hf:org\/name/],
])('%s: plain words', async (_, args, code, message) => {
  const done = await run(...args);
  expect([done.code, done.stderr]).toEqual([code, expect.stringMatching(message)]);
  expect(done.stderr).not.toMatch(/^\s+at /m);
  expect(readdirSync(work)).toEqual([]);
});

test('offline says how to fetch it', async () => {
  const done = await start(['generate', '--model', 'org/tiny', '--prompt', 'a'], {
    env: { ...hub.env(home), HF_HUB_OFFLINE: '1' },
    cwd: work,
  }).finished;
  expect([done.code, done.stderr]).toEqual([3, expect.stringMatching(/ERR_FETCH.*`hyperfit fetch org\/tiny`/)]);
});

test('a process that is killed while it fetches is gone on from by the next', async () => {
  const large = Buffer.alloc(40_000_000, 'x');
  hub.add('org/large', { 'config.json': '{}', 'model.safetensors': large });
  hub.mischief = { cutAfter: { bytes: 20_000_000, times: 1 } };
  const killed = start(['fetch', 'org/large'], { env: { ...hub.env(home), HF_HUB_DOWNLOAD_TIMEOUT: '5' }, cwd: work });
  while (hub.asked.filter(({ isStore }) => isStore).length < 1) await new Promise((done) => setTimeout(done, 20));
  const blobs = join(home, 'hub', 'models--org--large', 'blobs');
  while (!existsSync(blobs) || !readdirSync(blobs).some((name) => name.endsWith('.incomplete')))
    await new Promise((done) => setTimeout(done, 5));
  killed.child.kill('SIGKILL');
  await killed.finished;
  hub.mischief = {};
  const { stdout } = await ok('fetch', 'org/large', '--json');
  const { paths } = JSON.parse(stdout) as { paths: string[] };
  expect(readFileSync(join(paths[0]!, 'model.safetensors')).equals(large)).toBe(true);
  expect(readdirSync(blobs).filter((name) => name.endsWith('.incomplete'))).toEqual([]);
});

test('two processes that fetch the same do not damage each other', async () => {
  const large = Buffer.alloc(10_000_000, 'y');
  hub.add('org/large', { 'config.json': '{}', 'model.safetensors': large });
  const both = await Promise.all([ok('fetch', 'org/large', '--json'), ok('fetch', 'org/large', '--json')]);
  const [one, two] = both.map(({ stdout }) => (JSON.parse(stdout) as { paths: string[] }).paths[0]!);
  expect(one).toBe(two);
  expect(readFileSync(join(one!, 'model.safetensors')).equals(large)).toBe(true);
  expect(hub.asked.filter(({ isStore }) => isStore)).toHaveLength(1);
});

describe('cache', () => {
  const list = async (): Promise<
    { id: string; kind: string; bytes: number; revisions: { commit: string; refs: string[]; files: number }[] }[]
  > => (JSON.parse((await ok('cache', 'ls', '--json')).stdout) as { repositories: never[] }).repositories;

  test('ls lists models and data with sizes, dates and revisions; rm takes them away', async () => {
    hub.add('datasets/org/lamps', { 'train.txt': 'a'.repeat(5000) });
    expect((await ok('cache', 'ls')).stdout).toContain('nothing');
    await ok('fetch', 'org/tiny');
    await ok('fetch', 'datasets/org/lamps');
    expect(await list()).toEqual([
      expect.objectContaining({ kind: 'dataset', id: 'org/lamps', bytes: 5000 }),
      expect.objectContaining({ kind: 'model', id: 'org/tiny', revisions: [expect.objectContaining({ refs: ['main'] })] }),
    ]);
    expect((await ok('cache', 'ls')).stdout).toMatch(
      /^name +size +changed +revisions\ndatasets\/org\/lamps +5\.0 kB +20\d\d-\d\d-\d\d +[0-9a-f]{8} \(main\)\n/,
    );
    const refused = await run('cache', 'rm', 'org/tiny');
    expect([refused.code, refused.stderr]).toEqual([
      2,
      expect.stringMatching(/expected --yes where there is no terminal.*it would remove org\/tiny/),
    ]);
    expect(await list()).toHaveLength(2);
    expect((await ok('cache', 'rm', 'org/tiny', 'datasets/org/lamps', '--yes')).stdout).toMatch(/^removed, .* freed/);
    expect(await list()).toEqual([]);
    expect(readdirSync(join(home, 'hub')).sort()).toEqual(['.locks', 'CACHEDIR.TAG']);
  });

  test('rm of a revision leaves the other, and what both share', async () => {
    await ok('fetch', 'org/tiny');
    const [{ revisions: [main] } = { revisions: [] }] = await list();
    hub.add('org/tiny', { ...filesOf(TINY_TEXT), 'README.md': 'x'.repeat(3000) }, { revision: 'v2', commit: 'd'.repeat(40) });
    await ok('fetch', 'org/tiny@v2');
    const { stdout } = await ok('cache', 'rm', 'org/tiny@v2', '--yes', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ removed: [{ name: 'org/tiny', commit: 'd'.repeat(40) }], freedBytes: 3000 });
    expect(await list()).toEqual([
      expect.objectContaining({ revisions: [expect.objectContaining({ commit: main!.commit, files: main!.files })] }),
    ]);
    await ok('generate', '--model', 'org/tiny', '--prompt', 'the', '--max-new-tokens', '2');
  });

  test('rm touches nothing outside the cache', async () => {
    const elsewhere = freshFolder();
    writeFileSync(join(elsewhere, 'precious'), 'x');
    mkdirSync(join(home, 'hub'), { recursive: true });
    symlinkSync(elsewhere, join(home, 'hub', 'models--org--linked'));
    for (const name of ['../..', '/etc', 'org/none', 'hf:org/linked:x', 'org/linked']) {
      const done = await run('cache', 'rm', name, '--yes');
      expect([name, done.code]).toEqual([name, 2]);
    }
    expect(existsSync(join(elsewhere, 'precious'))).toBe(true);
  });
});

function tunnel(client: Duplex, port: number, host: string): void {
  const socket = connect(port, host, () => {
    client.write('HTTP/1.1 200 OK\r\n\r\n');
    socket.pipe(client).pipe(socket);
  });
  for (const end of [socket, client]) end.on('error', () => undefined);
}

describe('a proxy', () => {
  test('is used, with its user, and not for what NO_PROXY names', async () => {
    const seen: (string | undefined)[] = [];
    const proxy = createServer().on('connect', (request, client) => {
      seen.push(request.headers['proxy-authorization']);
      const { hostname, port } = new URL(`http://${request.url}`);
      tunnel(client, Number(port), hostname);
    });
    await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done));
    const address = `http://me:pass%20word@127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const done = await start(['fetch', 'org/tiny'], { env: { ...hub.env(home), NO_PROXY: '', HTTP_PROXY: address }, cwd: work }).finished;
    expect(done.code).toBe(0);
    expect(seen.length).toBeGreaterThan(0);
    expect(new Set(seen)).toEqual(new Set([`Basic ${Buffer.from('me:pass word').toString('base64')}`]));
    const before = seen.length;
    await start(['fetch', 'org/tiny'], { env: { ...hub.env(home), NO_PROXY: 'localhost,127.0.0.1', HTTP_PROXY: address }, cwd: work })
      .finished;
    expect(seen.length).toBe(before);
    proxy.closeAllConnections();
    proxy.close();
  });

  const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
  (hasOpenssl ? test : test.skip)('opens a tunnel for https: (needs openssl)', async () => {
    const [key, cert] = [join(work, 'key.pem'), join(work, 'cert.pem')];
    spawnSync('openssl', [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      key,
      '-out',
      cert,
      '-days',
      '2',
      '-subj',
      '/CN=hub.example',
      '-addext',
      'subjectAltName=DNS:hub.example',
    ]);
    const { port } = new URL(hub.endpoint);
    // The hub in TLS, whose name only the proxy can resolve.
    const secure = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
      request.pipe(
        httpRequest({ port, host: '127.0.0.1', path: request.url, method: request.method, headers: request.headers }, (answer) => {
          const { location, ...headers } = answer.headers;
          response.writeHead(answer.statusCode!, {
            ...headers,
            ...(location === undefined ? {} : { location: location.replace('http://127.0.0.1', 'https://store.hub.example') }),
          });
          answer.pipe(response);
        }),
      );
    });
    await new Promise<void>((done) => secure.listen(0, '127.0.0.1', done));
    const targets: string[] = [];
    const proxy = createServer().on('connect', (request, client) => {
      targets.push(request.url!);
      tunnel(client, (secure.address() as AddressInfo).port, '127.0.0.1');
    });
    await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done));
    hub.add('org/small', { 'config.json': '{}', 'model.safetensors': 'small enough to be no large file' });
    const env = {
      ...hub.env(home),
      NO_PROXY: '',
      HF_ENDPOINT: 'https://hub.example',
      HTTPS_PROXY: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
      NODE_EXTRA_CA_CERTS: cert,
    };
    const done = await start(['fetch', 'org/small'], { env, cwd: work }).finished;
    expect([done.code, done.stderr]).toEqual([0, expect.stringContaining('hashes right')]);
    expect(new Set(targets)).toEqual(new Set(['hub.example:443']));
    const refused = await start(['fetch', 'org/small'], { env: { ...env, HTTPS_PROXY: 'socks5://127.0.0.1:1' }, cwd: work }).finished;
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringMatching(/ERR_CONFIG.*a proxy that begins with http/)]);
    for (const server of [proxy, secure]) server.closeAllConnections();
    proxy.close();
    secure.close();
  });
});
