import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { errorCodeOf } from '../../lib/errors.ts';
import { findLibtorch } from '../../lib/libtorch/find.ts';
import type { InstallEvent } from '../../lib/libtorch/install-event.ts';
import { fetchWheels, installLibtorch, type InstallLibtorchOptions } from '../../lib/libtorch/install.ts';
import { makeTemporary, removeTemporaries, writeFiles } from './fake-torch.ts';
import { makeWheel, pinOf, serveIndex, TORCH_FILES, TORCH_WHEEL, type Behaviour, type MadeWheel, type WheelIndex } from './wheel-index.ts';

const wheel = makeWheel();
const opened: { close(): Promise<void> }[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((server) => server.close()));
  removeTemporaries();
});

interface Case {
  index: WheelIndex;
  cache: string;
  events: InstallEvent[];
  install(more?: InstallLibtorchOptions): ReturnType<typeof installLibtorch>;
}

async function open(behaviour: Behaviour = {}, made: MadeWheel = wheel): Promise<Case> {
  const index = await serveIndex(
    { [TORCH_WHEEL]: made.bytes, 'torch-2.10.0-cp311-cp311-manylinux_2_28_x86_64.whl': Buffer.from('old') },
    behaviour,
  );
  opened.push(index);
  const cache = makeTemporary();
  const events: InstallEvent[] = [];
  const base = {
    env: { ...index.env, HYPERFIT_CACHE: cache },
    pins: [pinOf(made)],
    onProgress: (event: InstallEvent) => void events.push(event),
  };
  return { index, cache, events, install: (more = {}) => installLibtorch({ ...base, ...more, env: { ...base.env, ...more.env } }) };
}

/** Nothing that another process would take for an installation. */
function installed(cache: string): string[] {
  return readdirSync(join(cache, 'libtorch')).filter((name) => !name.startsWith('.downloads'));
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => 'no error',
    (reason: unknown) => reason,
  );
  expect(errorCodeOf(error)).toBe('ERR_LIBTORCH_INSTALL');
  return (error as Error).message;
}

describe('from an index', () => {
  test.each([
    ['JSON', {}],
    ['HTML', { html: true }],
    ['no sha256 stated', { sha256: null }],
  ])('only the wanted files are downloaded, by ranges (%s)', async (_, behaviour) => {
    const { index, cache, events, install } = await open(behaviour);
    const folder = await install();
    expect(folder).toMatchObject({
      path: join(cache, 'libtorch/2.11.0-cpu/torch'),
      version: '2.11.0+cu130',
      hasHeaders: true,
      place: 'cache',
    });
    for (const name of ['torch/lib/libtorch_cpu.so', 'torch/lib/libc10.so', 'torch/version.py']) {
      expect(readFileSync(join(cache, 'libtorch/2.11.0-cpu', name)).equals(Buffer.from(TORCH_FILES[name]!))).toBe(true);
    }
    expect(existsSync(join(folder.path, 'unwanted.bin'))).toBe(false);
    expect(index.sent()).toBeLessThan(2.5e6); // of 4.2 MB
    expect(events.map(({ event }) => event)).toEqual(expect.arrayContaining(['plan', 'size', 'progress', 'done']));
    expect(events.filter(({ event }) => event === 'note')).toEqual([]);
    expect(readdirSync(join(cache, 'libtorch'))).toEqual(['2.11.0-cpu']);
    expect(findLibtorch({ env: { HYPERFIT_CACHE: cache }, series: ['2.11'] }).path).toBe(folder.path);
    const before = index.sent();
    await install();
    expect(index.sent()).toBe(before); // a second one asks for nothing
  });

  test('the plan says what comes and what it takes on disk', async () => {
    const { events, install } = await open();
    await install();
    const plan = events.find((event) => event.event === 'plan')!;
    const kept = ['torch/version.py', 'torch/lib/libtorch_cpu.so', 'torch/lib/libc10.so', 'torch/include/torch/headeronly/version.h'];
    expect(plan.diskBytes).toBe(kept.reduce((sum, name) => sum + Buffer.from(TORCH_FILES[name]!).length, 0));
    expect(plan.downloadBytes).toBeGreaterThan(1e6);
    expect(plan.downloadBytes).toBeLessThan(1.5e6);
  });

  test('a connection that is cut again and again goes on where it ended, and nothing comes twice', async () => {
    const { index, install } = await open({ cutAfter: 250_000 });
    await install();
    expect(index.asked.length).toBeGreaterThan(5);
    expect(index.sent()).toBeLessThan(wheel.bytes.length * 0.6);
  });

  test('what an interrupted installation had is not fetched again by the next', async () => {
    const { index, cache, install } = await open();
    const controller = new AbortController();
    const reason = new Error('enough');
    const stop = (event: InstallEvent): void => void (event.event === 'progress' && event.received > 600_000 && controller.abort(reason));
    await expect(install({ signal: controller.signal, onProgress: stop })).rejects.toBe(reason);
    expect(installed(cache)).toEqual([]);
    const before = index.sent();
    index.asked.length = 0;
    await install();
    expect(index.asked.some((range) => !/^bytes=(0-0|\d+-\d+)$/.test(range))).toBe(false);
    expect(before + index.sent() - before).toBeLessThan(wheel.bytes.length);
    expect(index.sent() - before).toBeLessThan(1_800_000);
    expect(readdirSync(join(cache, 'libtorch'))).toEqual(['2.11.0-cpu']);
  });

  test('a server in trouble is asked again, one that refuses is not', async () => {
    const busy = await open({ statuses: [503, 429, 500] });
    await busy.install();
    const closed = await open({ statuses: [403] });
    expect(await refusal(closed.install())).toMatch(/the server says 403.*check the network.*--index.*--from/);
    expect(closed.index.asked).toEqual([]);
  });

  test('an index without range requests sends the whole wheel, with the same result', async () => {
    const { cache, events, install } = await open({ ranges: false });
    const folder = await install();
    expect(readdirSync(folder.libFolder).sort()).toEqual(['libc10.so', 'libtorch_cpu.so']);
    expect(existsSync(join(folder.path, 'unwanted.bin'))).toBe(false);
    expect(events.find(({ event }) => event === 'note')).toMatchObject({
      text: expect.stringContaining('does not send parts of a file, so the whole wheel is downloaded'),
    });
    expect(readdirSync(join(cache, 'libtorch'))).toEqual(['2.11.0-cpu']);
  });

  test('the environment variable and the option name another index, and extra ones are asked in turn', async () => {
    const other = await open();
    const empty = await serveIndex({});
    opened.push(empty);
    await other.install({ env: { PIP_INDEX_URL: empty.url, PIP_EXTRA_INDEX_URL: other.index.url } });
    const second = await open();
    await second.install({ index: other.index.url, env: { PIP_INDEX_URL: 'http://127.0.0.1:9/simple' } });
    expect(second.index.sent()).toBe(0);
    const third = await open();
    await third.install({ env: { HYPERFIT_INDEX_URL: other.index.url } });
    expect(third.index.sent()).toBe(0);
  });

  test('user and password of the address are used, and said nowhere', async () => {
    const right = await open({ credentials: 'me:secret' });
    await right.install();
    const wrong = await open({ credentials: 'me:other' });
    const message = await refusal(wrong.install({ env: { PIP_INDEX_URL: wrong.index.url.replace('other', 'secret') } }));
    expect(message).toMatch(/401/);
    expect(message).not.toMatch(/secret/);
  });

  test('a proxy is gone through, and NO_PROXY around it', async () => {
    const { index, install } = await open();
    const proxy = await openProxy();
    const [host, port] = [new URL(index.url).host, proxy.port];
    await install({ env: { HTTP_PROXY: `http://127.0.0.1:${port}` } });
    expect(proxy.hosts).toContain(host);
    proxy.hosts.length = 0;
    const direct = await open();
    await direct.install({ env: { HTTP_PROXY: `http://127.0.0.1:${port}`, NO_PROXY: '127.0.0.1' } });
    expect(proxy.hosts).toEqual([]);
  });
});

/** Forwards what it is asked to, by CONNECT or by whole addresses. */
async function openProxy(): Promise<{ port: number; hosts: string[] }> {
  const hosts: string[] = [];
  const server: Server = createServer((request, response) => {
    const { host, pathname } = new URL(request.url ?? '');
    hosts.push(host);
    const target = require('node:http') as typeof import('node:http');
    target.get({ host: '127.0.0.1', port: host.split(':')[1], path: pathname, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
  });
  server.on('connect', (request, client) => {
    hosts.push(request.url ?? '');
    const [host, port] = (request.url ?? '').split(':');
    const upstream = connect(Number(port), host, () => {
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      upstream.pipe(client).pipe(upstream);
    });
    for (const end of [upstream, client]) end.on('error', () => void upstream.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  opened.push({ close: async () => void (server.closeAllConnections(), server.close()) });
  return { port: (server.address() as AddressInfo).port, hosts };
}

describe('what is not as it should be installs nothing', () => {
  test.each<[string, Behaviour, RegExp]>([
    [
      'the index states another sha256',
      { sha256: 'ab'.repeat(32) },
      /the index states sha256 (ab)+ for torch-.*and [0-9a-f]{64} is the one that is pinned/,
    ],
    ['the server states another size', { sizeLie: 5 }, /expected a file of \d+ bytes, got one of \d+/],
    ['the server sends another range', { shiftRange: 7 }, /expected the bytes \d+ to \d+, got Content-Range "bytes/],
    ['the server sends more than was asked', { surplus: Buffer.alloc(100_000) }, /expected \d+ bytes, got more/],
    ['the server lies about the size of a whole wheel', { ranges: false, sizeLie: 9 }, /expected a file of \d+ bytes, got one of/],
    ['there is no listing', { listing: 404 }, /the server says 404/],
  ])('%s', async (_, behaviour, expected) => {
    const { cache, install } = await open(behaviour);
    expect(await refusal(install())).toMatch(expected);
    expect(installed(cache)).toEqual([]);
  });

  test.each([true, false])('a wheel of the right size and another content (ranges: %s)', async (ranges) => {
    const other = makeWheel({ ...TORCH_FILES, 'torch/lib/libc10.so': 'c11' });
    const { cache, install } = await open({ ranges, sha256: wheel.sha256 }, { ...other, sha256: wheel.sha256, record: wheel.record });
    expect(await refusal(install())).toMatch(ranges ? /expected sha256 \S+ for the RECORD of torch, got \S+/ : /does not have the sha256/);
    expect(installed(cache)).toEqual([]);
    expect(existsSync(join(cache, 'libtorch', '.downloads', TORCH_WHEEL))).toBe(false); // wrong bytes are not kept
  });

  test('a file that is not what RECORD says', async () => {
    const { cache, install } = await open({}, makeWheel(TORCH_FILES, { spoil: { 'torch/lib/libc10.so': 'c11' } }));
    expect(await refusal(install())).toMatch(/expected sha256 \S+ for torch\/lib\/libc10\.so, got \S+.*thrown away: try again/);
    expect(installed(cache)).toEqual([]);
  });

  test.each([
    '../../escape.so',
    '/etc/escape.so',
    'torch/include/../../../escape.so',
    'torch/include/a\\..\\b',
    'torch/include//x',
    'C:/escape.so',
    'torch/include/a\0b',
  ])('a name that leads out of the wheel: %j', async (name) => {
    const made = makeWheel({ ...TORCH_FILES, 'torch/include/x.h': 'x' }, { rename: { 'torch/include/x.h': name } });
    const { cache, install } = await open({}, made);
    const message = await refusal(install({ pins: [pinOf(made, { keep: ['*'] })] }));
    expect(message).toContain('it holds a path that leads out of it');
    expect(existsSync(join(cache, 'escape.so'))).toBe(false);
    expect(installed(cache)).toEqual([]);
  });

  test('bytes that are no zip, and a zip that is cut off', async () => {
    for (const bytes of [Buffer.alloc(50_000, 'x'), wheel.bytes.subarray(0, -30)]) {
      const made = { ...wheel, bytes };
      const { install } = await open({ sha256: wheel.sha256 }, made);
      expect(await refusal(install({ pins: [pinOf(made)] }))).toMatch(/no end of directory/);
    }
  });

  test('a version that the index does not have', async () => {
    const { install } = await open();
    expect(await refusal(install({ pins: [pinOf(wheel, { file: 'torch-9.9.9-cp311-cp311-manylinux_2_28_x86_64.whl' })] }))).toMatch(
      /127\.0\.0\.1:\d+\/simple does not list it/,
    );
  });

  test('no network at all', async () => {
    const { install } = await open();
    expect(await refusal(install({ index: 'http://127.0.0.1:9/simple' }))).toMatch(
      /127\.0\.0\.1:9\/simple\/torch\/: .*(ECONNREFUSED|bad port)/,
    );
  }, 60_000);

  test('a cache that cannot be written', async () => {
    const file = join(writeFiles(makeTemporary(), { file: '' }), 'file');
    expect(await refusal((await open()).install({ env: { HYPERFIT_CACHE: file } }))).toContain('set HYPERFIT_CACHE to another folder');
  });

  test('a series that is not pinned is a mistake of the settings', async () => {
    await expect(installLibtorch({ series: '1.0', env: { HYPERFIT_CACHE: makeTemporary() } })).rejects.toMatchObject({
      code: 'ERR_CONFIG',
      message: expect.stringMatching(/expected 2\.11 or .* for `series`, got "1\.0"/),
    });
  });
});

describe('from files', () => {
  const nvidia = makeWheel({ 'nvidia/cu13/lib/libcudart.so.13': 'cudart' }, { info: 'nvidia_cuda_runtime-13.0.96.dist-info' });
  const NVIDIA_WHEEL = 'nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl';
  const pins = [
    pinOf(wheel),
    pinOf(nvidia, { name: 'nvidia-cuda-runtime', version: '13.0.96', file: NVIDIA_WHEEL, keep: ['nvidia/*/lib/*'] }),
  ];

  function wheels(files: Record<string, Buffer>): string {
    const folder = makeTemporary();
    for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
    return folder;
  }
  const install = (from: string, onProgress = (_: InstallEvent): void => {}): ReturnType<typeof installLibtorch> =>
    installLibtorch({ from, pins, onProgress, env: { HYPERFIT_CACHE: makeTemporary() } });

  test('a folder of wheels, or the torch wheel in it, is unpacked and stays', async () => {
    const folder = wheels({ [TORCH_WHEEL]: wheel.bytes, [NVIDIA_WHEEL]: nvidia.bytes });
    for (const from of [folder, join(folder, TORCH_WHEEL)]) {
      const { path } = await install(from);
      expect(readFileSync(join(path, '../nvidia/cu13/lib/libcudart.so.13'), 'utf8')).toBe('cudart');
      expect(readdirSync(folder).sort()).toEqual([NVIDIA_WHEEL, TORCH_WHEEL]);
    }
  });

  test('a wheel that is missing is named with the command that fetches it', async () => {
    expect(await refusal(install(wheels({ [TORCH_WHEEL]: wheel.bytes })))).toMatch(
      /expected nvidia_cuda_runtime.*got none; run `pip download --no-deps nvidia-cuda-runtime==13\.0\.96`/,
    );
    expect(await refusal(install('/nowhere'))).toMatch(/expected torch-2\.11\.0.*in \/nowhere, got none/);
  });

  test('a wheel that is damaged is refused, and stays', async () => {
    const folder = wheels({ [TORCH_WHEEL]: Buffer.concat([wheel.bytes, Buffer.from('x')]), [NVIDIA_WHEEL]: nvidia.bytes });
    expect(await refusal(install(folder))).toMatch(/expected sha256 [0-9a-f]{64} for .*torch-2\.11\.0.*fetch the wheel again/);
    expect(readdirSync(folder)).toHaveLength(2);
  });

  test('the wheel of another Python or of the CPU alone serves too, against its own list; nothing of NVIDIA is asked for then', async () => {
    const cpu = 'torch-2.11.1+cpu-cp313-cp313-manylinux_2_28_x86_64.whl';
    const notes: string[] = [];
    const { path } = await install(
      wheels({ [cpu]: makeWheel().bytes }),
      (event) => void (event.event === 'note' && notes.push(event.text)),
    );
    expect(existsSync(join(path, 'lib/libtorch_cpu.so'))).toBe(true);
    expect(notes).toEqual([expect.stringContaining('is not the pinned wheel')]);
  });

  test('a folder that is a libtorch already needs no installation', async () => {
    const folder = writeFiles(makeTemporary(), { 'torch/lib/libtorch_cpu.so': '', 'torch/lib/libc10.so': '' });
    expect(await refusal(install(folder))).toContain(`set LIBTORCH=${join(folder, 'torch')}`);
  });
});

test('sizes beyond 4 GB are read where zip64 has them', async () => {
  const made = makeWheel(TORCH_FILES, { zip64: true });
  const { install } = await open({}, made);
  expect((await install()).version).toBe('2.11.0+cu130');
});

test('two processes that install at once do not disturb one another', async () => {
  const { index, cache, events, install } = await open();
  const [first, second] = await Promise.all([install(), install()]);
  expect(second.path).toBe(first.path);
  expect(index.sent()).toBeLessThan(2.5e6);
  expect(events).toContainEqual({ event: 'note', text: expect.stringContaining('another process') });
  expect(readdirSync(join(cache, 'libtorch'))).toEqual(['2.11.0-cpu']);
});

test('the lock of a process that is gone does not count', async () => {
  const { cache, install } = await open();
  writeFiles(cache, {
    'libtorch/.lock': JSON.stringify({ pid: 2 ** 30, host: (require('node:os') as typeof import('node:os')).hostname() }),
  });
  await install();
});

test('a wheel without a pin is chosen by its tags and checked against its own list', async () => {
  const target = makeTemporary();
  const made = makeWheel();
  const index = await serveIndex({ 'torch-2.11.0-cp39-cp39-win_amd64.whl': Buffer.from('no'), [TORCH_WHEEL]: made.bytes });
  opened.push(index);
  await fetchWheels([{ name: 'torch', version: '2.11.0', bytes: 1, keep: ['torch/version.py'] }], target, { env: index.env });
  expect(readdirSync(target)).toEqual(['torch']);
});

test('pip is asked where the index cannot be reached, and what it fetched is held against the pin', async () => {
  const { index, install } = await open({ listing: 403 });
  const bin = makeTemporary();
  mkdirSync(join(bin, 'wheels'));
  writeFileSync(join(bin, 'wheels', TORCH_WHEEL), wheel.bytes);
  const script = `#!/bin/sh\nwhile [ "$1" != --dest ]; do shift; done\ncp ${join(bin, 'wheels', TORCH_WHEEL)} "$2/"\n`;
  writeFileSync(join(bin, 'python'), script, { mode: 0o755 });
  symlinkSync(join(bin, 'python'), join(bin, 'python3'));
  const env = { HYPERFIT_NO_PYTHON: '', HYPERFIT_PYTHON: join(bin, 'python3') };
  const notes: string[] = [];
  const onProgress = (event: InstallEvent): void => void (event.event === 'note' && notes.push(event.text));
  expect((await install({ env, onProgress })).version).toBe('2.11.0+cu130');
  expect(notes).toEqual([expect.stringMatching(/torch: .*403.*; pip fetched it/)]);
  expect(index.sent()).toBe(0);
  writeFileSync(join(bin, 'wheels', TORCH_WHEEL), 'other');
  const { install: again } = await open({ listing: 403 });
  expect(await refusal(again({ env }))).toContain('does not have the sha256');
});
