import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Hono } from 'hono';
import { serveLoopback } from '../../lib/loopback/server.ts';
import { freshFolder } from '../train/tiny.ts';
import { startAll, type Attacked } from './four-servers.ts';
import { head, sendRaw, type RawReply } from './raw-http.ts';

/**
 * What an attacker sends to the servers of this machine: as a page in the browser, as a program, byte by byte. Nothing may be reached that
 * should not be, and the server goes on.
 */

const jobs = freshFolder();
let servers: Attacked[] = [];
const JSON_TYPE = ['content-type', 'application/json'] as const;

beforeAll(async () => {
  servers = await startAll(jobs);
});
afterAll(async () => {
  for (const { close } of servers) await close();
});

const hostOf = ({ url }: Attacked): string => new URL(url).host;
const get = (server: Attacked, path: string, headers: readonly (readonly [string, string])[]): Promise<RawReply> =>
  sendRaw(server.url, head('GET', `/${path}`, headers));

async function expectAlive(server: Attacked): Promise<void> {
  expect({ server: server.name, ...(await get(server, server.open, [['host', hostOf(server)]])) }).toMatchObject({
    server: server.name,
    status: 200,
  });
}

const each = test.each(['compare', 'play', 'live', 'serve'] as const);
const named = (name: string): Attacked => servers.find((server) => server.name === name)!;

each('%s: other names of this machine (DNS rebinding)', async (name) => {
  const server = named(name);
  const { port } = new URL(server.url);
  const hosts = [
    'evil.example',
    `evil.example:${port}`,
    `127.0.0.1.evil.example:${port}`,
    `localhost.evil.example:${port}`,
    `0.0.0.0:${port}`,
    `127.1:${port}`,
    `2130706433:${port}`,
    `localhost.:${port}`,
    `127.0.0.1:${Number(port) + 1}`,
    `evil.example@127.0.0.1:${port}`,
    `127.0.0.1:${port}@evil.example`,
    `127.0.0.1:${port}, evil.example`,
    '',
    ' ',
  ];
  for (const host of hosts)
    expect({ host, isRefused: [400, 403].includes((await get(server, server.open, [['host', host]])).status) }).toEqual({
      host,
      isRefused: true,
    });
  const twice = await get(server, server.open, [
    ['host', hostOf(server)],
    ['host', 'evil.example'],
  ]);
  expect(twice.status).toBeGreaterThanOrEqual(400);
  // A name in the request line, as a proxy is asked: what counts is never somebody else's.
  const absolute = await sendRaw(server.url, head('GET', `http://evil.example/${server.open}`, [['host', 'evil.example']]));
  expect(absolute.status).toBeGreaterThanOrEqual(400);
  await expectAlive(server);
});

each('%s: pages of other origins', async (name) => {
  const server = named(name);
  const host = hostOf(server);
  const origins = [
    'http://evil.example',
    'null',
    `https://${host}`,
    `http://localhost:1`,
    `http://${host}.evil.example`,
    `http://evil.example/${host}`,
    `http://${host} `.trim() + '/',
    'file://',
  ];
  for (const origin of origins)
    expect({
      origin,
      status: (
        await get(server, server.open, [
          ['host', host],
          ['origin', origin],
        ])
      ).status,
    }).toEqual({ origin, status: 403 });
  expect(
    (
      await get(server, server.open, [
        ['host', host],
        ['origin', `http://${host}`],
      ])
    ).status,
  ).toBe(200);
  // In the request line a foreign name, in the head ours: the origin is measured against what the browser was told.
  const absolute = await sendRaw(
    server.url,
    head('GET', `http://evil.example/${server.open}`, [
      ['host', host],
      ['origin', 'http://evil.example'],
    ]),
  );
  expect(absolute.status).toBeGreaterThanOrEqual(400);
});

test.each(['compare', 'play', 'live'] as const)('%s: another page may link here, and load nothing', async (name) => {
  const server = named(name);
  const host = hostOf(server);
  const from = (site: string, mode: string): Promise<RawReply> =>
    get(server, server.open, [
      ['host', host],
      ['sec-fetch-site', site],
      ['sec-fetch-mode', mode],
    ]);
  for (const site of ['cross-site', 'same-site']) {
    for (const mode of ['no-cors', 'cors', 'websocket']) expect((await from(site, mode)).status).toBe(403);
    expect((await from(site, 'navigate')).status).toBe(200);
  }
  expect((await from('same-origin', 'cors')).status).toBe(200);
  const refused = await get(server, server.open, [['host', 'evil.example']]);
  for (const reply of [await get(server, server.open, [['host', host]]), refused]) {
    for (const line of [
      /content-security-policy: default-src 'none'/i,
      /frame-ancestors 'none'/i,
      /x-content-type-options: nosniff/i,
      /cross-origin-resource-policy: same-origin/i,
      /cache-control: no-store/i,
    ])
      expect(reply.head).toMatch(line);
  }
});

test.each(['compare', 'play', 'serve'] as const)('%s: what a form of another page can post changes nothing', async (name) => {
  const server = named(name);
  const { path, body } = server.post!;
  const post = (headers: readonly (readonly [string, string])[]): Promise<RawReply> =>
    sendRaw(
      server.url,
      head('POST', `/${path}`, [['host', hostOf(server)], ['content-length', String(Buffer.byteLength(body))], ...headers]) + body,
    );
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'text/plain; charset=application/json',
    'text/plain, application/json',
  ]) {
    expect({ type, status: (await post([['content-type', type]])).status }).toEqual({ type, status: 415 });
  }
  expect((await post([])).status).toBe(415);
  expect((await post([JSON_TYPE, ['origin', 'http://evil.example']])).status).toBe(403);
  expect((await post([JSON_TYPE])).status).toBe(200);
});

const TRICKS = [
  '../../../../../../etc/passwd',
  '..%2f..%2f..%2fetc%2fpasswd',
  '%2e%2e/%2e%2e/etc/passwd',
  '%2e%2e%2fetc%2fpasswd',
  '/etc/passwd',
  '//etc/passwd',
  '%2fetc%2fpasswd',
  '..\\..\\etc\\passwd',
  '%5c..%5cetc%5cpasswd',
  '%00',
  'answers%00.html',
  '%c0%ae%c0%ae/etc/passwd',
  '%252e%252e%252fetc%252fpasswd',
  'file:///etc/passwd',
  '%',
  '%zz',
  '?../../etc/passwd',
  '#',
  '.git/config',
  'run.json',
  'answers.jsonl',
  'history/../../etc/passwd',
  'history/__proto__',
  'sequences/..%2f0',
  'sequences/-1',
  'sequences/1e999',
  'sequences/NaN',
  'v1/files/..%2f..%2fjobs',
  'v1/files/../jobs',
  'v1/files/..',
  'v1/files/%2e%2e%2ffile.json/content',
  'v1/fine_tuning/jobs/..%2f..',
  'v1/fine_tuning/jobs/__proto__',
  'v1/models/__proto__',
  'v1/models/constructor',
  'v1/models/..%2f..%2fetc%2fpasswd',
  'v1/fine_tuning/jobs/ftjob-000000000000000000000000%0a/events',
];

each('%s: path tricks', async (name) => {
  const server = named(name);
  const front = (await get(server, '', [['host', hostOf(server)]])).body;
  for (const trick of TRICKS) {
    const { status, body } = await get(server, trick, [['host', hostOf(server)]]);
    expect({
      trick,
      is: status >= 400 && status < 500 ? 'refused' : status === 200 && body === front ? 'the front page' : `${status} ${body}`,
    }).toEqual({ trick, is: expect.stringMatching(/^(refused|the front page)$/) });
    expect(body).not.toMatch(/root:x:/);
  }
  await expectAlive(server);
});

each('%s: heads that are none, and such as want to add a line to the answer', async (name) => {
  const server = named(name);
  const host = hostOf(server);
  const heads = [
    '\0\0\0\0\r\n\r\n',
    'GET\r\n\r\n',
    `GET / HTTP/9.9\r\nhost: ${host}\r\n\r\n`,
    `GET / HTTP/1.1\r\nhost: ${host}\r\nx y: 1\r\n\r\n`,
    `GET / HTTP/1.1\r\nhost: ${host}\r\nx:\u0000\r\n\r\n`,
    `GET /${'x'.repeat(70_000)} HTTP/1.1\r\nhost: ${host}\r\n\r\n`,
    `GET / HTTP/1.1\r\nhost: ${host}\r\n${Array.from({ length: 3000 }, (_, index) => `x-${index}: 1`).join('\r\n')}\r\n\r\n`,
    `POST / HTTP/1.1\r\nhost: ${host}\r\ncontent-length: -1\r\n\r\n`,
    `POST / HTTP/1.1\r\nhost: ${host}\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx`,
    `POST / HTTP/1.1\r\nhost: ${host}\r\ntransfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n`,
    `POST / HTTP/1.1\r\nhost: ${host}\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n`,
  ];
  for (const bytes of heads) expect([0, 400, 403, 404, 405, 431]).toContain((await sendRaw(server.url, bytes, { waitMs: 1500 })).status);
  for (const [field, value] of [
    ['origin', 'http://evil.example%0d%0aset-cookie:%20a=b'],
    ['origin', 'http://a\tset-cookie: a=b'],
    ['access-control-request-headers', 'x%0d%0aset-cookie: a=b'],
    ['x-request-id', 'a%0d%0aset-cookie: a=b'],
    ['referer', '\u00e9\u00ff'],
  ] as const) {
    expect(
      (
        await get(server, server.open, [
          ['host', host],
          [field, value],
        ])
      ).head
        .split('\r\n')
        .filter((line) => /^set-cookie/i.test(line)),
    ).toEqual([]);
  }
  await expectAlive(server);
});

test('who is slow with a head or a body is let go, and idle clients do not keep others out', async () => {
  const app = (): Hono =>
    new Hono().post('/', async (context) => context.text(await context.req.text())).get('/', (context) => context.text('here'));
  const server = await serveLoopback(app, 0, {
    requestTimeout: 700,
    headersTimeout: 400,
    connectionsCheckingInterval: 100,
    maxConnections: 40,
  });
  const started = performance.now();
  const slow = ['', 'GET / HTTP/1.1\r\nhost: x\r\nx-a: ', 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n123'];
  for (const reply of await Promise.all(slow.map((bytes) => sendRaw(server.url, bytes, { waitMs: 20_000 }))))
    expect([0, 408]).toContain(reply.status);
  expect(performance.now() - started).toBeLessThan(15_000);
  const { port } = new URL(server.url);
  const idle = Array.from({ length: 200 }, () =>
    connect({ host: '127.0.0.1', port: Number(port) })
      .on('error', () => {})
      .resume(),
  );
  await Promise.all(idle.map((socket) => new Promise((done) => socket.once('close', done))));
  expect(await (await fetch(server.url)).text()).toBe('here');
  await server.close();
});

test('serve: a file that is a link, or lies in one, is no upload', async () => {
  const server = named('serve');
  const outside = join(freshFolder(), 'file-aaaaaaaaaaaaaaaaaaaaaaaa');
  mkdirSync(outside);
  writeFileSync(join(outside, 'file.json'), '{"id":"file-aaaaaaaaaaaaaaaaaaaaaaaa","purpose":"fine-tune","created_at":1}');
  writeFileSync(join(outside, 'content.jsonl'), 'secret');
  symlinkSync(outside, join(jobs, 'files', 'file-aaaaaaaaaaaaaaaaaaaaaaaa'));
  const own = join(jobs, 'files', 'file-bbbbbbbbbbbbbbbbbbbbbbbb');
  mkdirSync(own);
  writeFileSync(join(own, 'file.json'), '{"id":"file-bbbbbbbbbbbbbbbbbbbbbbbb","purpose":"fine-tune","created_at":1}');
  symlinkSync('/etc/passwd', join(own, 'content.jsonl'));
  for (const id of ['file-aaaaaaaaaaaaaaaaaaaaaaaa', 'file-bbbbbbbbbbbbbbbbbbbbbbbb']) {
    expect((await fetch(`${server.url}v1/files/${id}/content`)).status).toBe(404);
    expect((await fetch(`${server.url}v1/files/${id}`, { method: 'DELETE' })).status).toBe(404);
  }
  expect(await (await fetch(`${server.url}v1/files`)).json()).toMatchObject({ data: [] });
  expect(readdirSync(outside)).toHaveLength(2);
});
