import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { randomBytes } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import type { Pin } from '../../lib/libtorch/pins.ts';

export const TORCH_WHEEL = 'torch-2.11.0-cp311-cp311-manylinux_2_28_x86_64.whl';
export const KEEP = ['torch/version.py', 'torch/lib/libtorch_cpu.so', 'torch/lib/libc10.so', 'torch/include/*'];

export const TORCH_FILES: Readonly<Record<string, Buffer | string>> = {
  'torch/version.py': "__version__ = '2.11.0+cu130'\ncuda = '13.0'\n",
  'torch/lib/libtorch_cpu.so': randomBytes(1_200_000),
  'torch/unwanted.bin': randomBytes(3_000_000),
  'torch/lib/libc10.so': 'c10',
  'torch/include/torch/headeronly/version.h': '#define TORCH_VERSION_MAJOR 2\n',
  'torch-2.11.0.dist-info/WHEEL': 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: false\nTag: cp311-cp311-manylinux_2_28_x86_64\n',
  'torch-2.11.0.dist-info/METADATA': 'Metadata-Version: 2.1\nName: torch\nVersion: 2.11.0\n',
};

export interface MadeWheel {
  bytes: Buffer;
  sha256: string;
  /** sha256 of RECORD, in base64url. */
  record: string;
}

/**
 * A zip with a RECORD of its files. `spoil` replaces contents after RECORD was written; `rename` gives names other than those in RECORD;
 * `zip64` writes sizes where very large files have them.
 */
export function makeWheel(
  files = TORCH_FILES,
  {
    spoil = {},
    rename = {},
    info = 'torch-2.11.0.dist-info',
    zip64 = false,
  }: { spoil?: Record<string, string>; rename?: Record<string, string>; info?: string; zip64?: boolean } = {},
): MadeWheel {
  const contents = Object.entries(files).map(([name, data]) => [name, Buffer.from(data)] as const);
  const record = Buffer.from(
    contents
      .map(([name, data]) => `${rename[name] ?? name},sha256=${createHash('sha256').update(data).digest('base64url')},${data.length}\n`)
      .join('') + `${info}/RECORD,,\n`,
  );
  const entries = [
    ...contents.map(([name, data]) => [rename[name] ?? name, Buffer.from(spoil[name] ?? data)] as const),
    [`${info}/RECORD`, record] as const,
  ];
  const bytes = zipOf(entries, zip64);
  return {
    bytes,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    record: createHash('sha256').update(record).digest('base64url'),
  };
}

export function pinOf(wheel: MadeWheel, more: Partial<Pin> = {}): Pin {
  return {
    name: 'torch',
    version: '2.11.0',
    bytes: 3e6,
    keep: KEEP,
    file: TORCH_WHEEL,
    fileBytes: wheel.bytes.length,
    sha256: wheel.sha256,
    record: wheel.record,
    ...more,
  };
}

function zipOf(entries: readonly (readonly [string, Buffer])[], zip64: boolean): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, data] of entries) {
    const packed = deflateRawSync(data, { level: 0 });
    const title = Buffer.from(name);
    const fields = header(title.length, packed.length, data.length);
    const local = Buffer.concat([u32(0x04034b50), fields.subarray(2), u16(0), title, packed]);
    const [size, compressed, place] = zip64 ? [0xffffffff, 0xffffffff, 0xffffffff] : [data.length, packed.length, offset];
    const extra = zip64 ? Buffer.concat([u16(1), u16(24), u64(data.length), u64(packed.length), u64(offset)]) : Buffer.alloc(0);
    const central = header(title.length, compressed, size);
    directory.push(u32(0x02014b50), central, u16(extra.length), u16(0), u16(0), u16(0), u32(0), u32(place), title, extra);
    parts.push(local);
    offset += local.length;
  }
  const list = Buffer.concat(directory);
  const count = entries.length;
  const end64 = Buffer.concat([
    u32(0x06064b50),
    u64(44),
    u16(45),
    u16(45),
    u32(0),
    u32(0),
    u64(count),
    u64(count),
    u64(list.length),
    u64(offset),
    u32(0x07064b50),
    u32(0),
    u64(offset + list.length),
    u32(1),
  ]);
  const [size, place] = zip64 ? [0xffffffff, 0xffffffff] : [list.length, offset];
  const end = Buffer.concat([u32(0x06054b50), u16(0), u16(0), u16(count), u16(count), u32(size), u32(place), u16(0)]);
  return Buffer.concat([...parts, list, ...(zip64 ? [end64] : []), end]);
}

/** Made by, needed, flags, method, time, date, crc, sizes, length of the name. */
function header(name: number, compressed: number, size: number): Buffer {
  return Buffer.concat([u16(20), u16(20), u16(0), u16(8), u16(0), u16(0), u32(0), u32(compressed), u32(size), u16(name)]);
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

/** What an index does beside what it should. */
export interface Behaviour {
  /** Answers ranges. Default true. */
  ranges?: boolean;
  /** A listing in HTML, as older mirrors have it. Default JSON. */
  html?: boolean;
  /** Cuts the connection after so many bytes of the file, each time. */
  cutAfter?: number;
  /** From this request of the file on, connections are cut no more. Default never. */
  healsAfter?: number;
  /** Added to the size that is stated. */
  sizeLie?: number;
  /** Answers a range from another place than was asked. */
  shiftRange?: number;
  /** sha256 in the listing; null leaves it out. */
  sha256?: string | null;
  /** Status of the first answers for the file. */
  statuses?: number[];
  /** Status of every listing. */
  listing?: number;
  /** "user:password" that is asked for. */
  credentials?: string;
  /** Sends more than a range has. */
  surplus?: Buffer;
}

export interface WheelIndex {
  url: string;
  /** Environment in which this index alone is asked, and no Python. */
  env: NodeJS.ProcessEnv;
  /** Bytes of files that were sent. */
  sent(): number;
  /** The ranges that were asked for. */
  asked: string[];
  behaviour: Behaviour;
  close(): Promise<void>;
}

/** A package index on this machine, with files by name. */
export async function serveIndex(files: Readonly<Record<string, Buffer>>, behaviour: Behaviour = {}): Promise<WheelIndex> {
  const state = { sent: 0, asked: [] as string[], requests: 0, behaviour };
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    const { credentials } = state.behaviour;
    const expected = credentials && `Basic ${Buffer.from(credentials).toString('base64')}`;
    if (expected && request.headers.authorization !== expected) return void response.writeHead(401).end();
    const file = files[decodeURIComponent(request.url?.split('/').pop() ?? '')];
    if (file !== undefined) sendFile(request, response, file, state);
    else sendListing(response, files, state.behaviour);
  });
  server.on('connection', (socket) => void sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://${behaviour.credentials === undefined ? '' : `${behaviour.credentials}@`}127.0.0.1:${port}/simple`;
  const env = { PATH: process.env.PATH, HOME: '/nowhere', PIP_INDEX_URL: url, PIP_CONFIG_FILE: '/dev/null', HYPERFIT_NO_PYTHON: '1' };
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => void server.close(() => resolve()));
  };
  return { url, env, sent: () => state.sent, asked: state.asked, behaviour: state.behaviour, close };
}

function sendListing(
  response: ServerResponse,
  files: Readonly<Record<string, Buffer>>,
  { html = false, sha256, listing = 200 }: Behaviour,
): void {
  const rows = Object.entries(files).map(([name, bytes]) => ({
    name,
    digest: sha256 === undefined ? createHash('sha256').update(bytes).digest('hex') : sha256,
  }));
  response.statusCode = listing;
  if (html) {
    response.setHeader('Content-Type', 'text/html');
    response.end(
      `<!DOCTYPE html><html><body>${rows.map(({ name, digest }) => `<a href="../../files/${encodeURIComponent(name)}${digest === null ? '' : `#sha256=${digest}`}" data-requires-python="&gt;=3.9">${name}</a><br/>`).join('\n')}</body></html>`,
    );
    return;
  }
  response.setHeader('Content-Type', 'application/vnd.pypi.simple.v1+json');
  response.end(
    JSON.stringify({
      meta: { 'api-version': '1.0' },
      name: 'x',
      files: rows.map(({ name, digest }) => ({
        filename: name,
        url: `/files/${encodeURIComponent(name)}`,
        hashes: digest === null ? {} : { sha256: digest },
      })),
    }),
  );
}

function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  file: Buffer,
  state: { sent: number; asked: string[]; requests: number; behaviour: Behaviour },
): void {
  const {
    ranges = true,
    cutAfter,
    healsAfter = Number.POSITIVE_INFINITY,
    sizeLie = 0,
    shiftRange = 0,
    statuses = [],
    surplus,
  } = state.behaviour;
  state.requests += 1;
  const status = statuses.shift();
  if (status !== undefined) return void response.writeHead(status, status === 302 ? { Location: request.url } : {}).end();
  const range = ranges ? /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') : null;
  state.asked.push(request.headers.range ?? '');
  const [start, end] = range === null ? [0, file.length] : [Number(range[1]), Number(range[2]) + 1];
  const body = Buffer.concat([file.subarray(start, end), surplus ?? Buffer.alloc(0)]);
  const isCut = cutAfter !== undefined && body.length > cutAfter && state.requests < healsAfter;
  const length = surplus === undefined ? { 'Content-Length': body.length } : {};
  if (range === null) response.writeHead(200, { ...length, ...(sizeLie === 0 ? {} : { 'Content-Length': file.length + sizeLie }) });
  else
    response.writeHead(206, { 'Content-Range': `bytes ${start + shiftRange}-${end - 1 + shiftRange}/${file.length + sizeLie}`, ...length });
  const sent = isCut ? body.subarray(0, cutAfter) : body;
  state.sent += sent.length;
  if (isCut) response.write(sent, () => setTimeout(() => response.destroy(), 5));
  else response.end(sent);
}
