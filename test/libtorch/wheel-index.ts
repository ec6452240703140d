import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

const MAKE_WHEEL = `
import base64, hashlib, os, sys, zipfile
path, spoil = sys.argv[1], sys.argv[2] == "spoil"
noise = os.urandom(3_000_000)
files = {
    "torch/version.py": b"__version__ = '2.11.0+cu130'\\ncuda = '13.0'\\n",
    "torch/lib/libtorch_cpu.so": noise,
    "torch/unwanted.bin": os.urandom(9_000_000),
    "torch/lib/libc10.so": b"c10",
    "torch/include/torch/headeronly/version.h": b"#define TORCH_VERSION_MAJOR 2\\n",
    "torch-2.11.0.dist-info/METADATA": b"Metadata-Version: 2.1\\nName: torch\\nVersion: 2.11.0\\n",
    "torch-2.11.0.dist-info/WHEEL": b"Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: false\\nTag: cp311-cp311-manylinux_2_28_x86_64\\n",
}
record = ""
for name, data in files.items():
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    record += "%s,sha256=%s,%d\\n" % (name, digest, len(data))
if spoil:
    files["torch/lib/libc10.so"] = b"c11"
files["torch-2.11.0.dist-info/RECORD"] = record.encode()
with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
    for name, data in files.items():
        archive.writestr(name, data)
`;

const WHEEL = 'torch-2.11.0-cp311-cp311-manylinux_2_28_x86_64.whl';
const METADATA = 'Metadata-Version: 2.1\nName: torch\nVersion: 2.11.0\n';

/** Makes a small wheel with the shape of torch's; `spoiled` has one file that is not what its RECORD says. */
export function makeWheel(folder: string, spoiled = false): string {
  const path = join(folder, WHEEL);
  const run = spawnSync('python3', ['-c', MAKE_WHEEL, path, spoiled ? 'spoil' : 'keep'], { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(run.stderr);
  return path;
}

export interface WheelIndex {
  /** Environment in which pip asks this index only. */
  env: NodeJS.ProcessEnv;
  /** Bytes of the wheel that were sent. */
  sent(): number;
  close(): Promise<void>;
}

/** A package index with one wheel on this machine, with or without range requests. */
export async function serveWheel(path: string, ranges: boolean): Promise<WheelIndex> {
  const wheel = readFileSync(path);
  let sent = 0;
  const server = createServer((request, response) => {
    if (request.url?.endsWith(`${WHEEL}.metadata`)) response.end(METADATA);
    else if (request.url?.endsWith(WHEEL)) sent += answerWheel(request, response, wheel, ranges);
    else answerListing(response, wheel);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const env = {
    ...process.env,
    PIP_INDEX_URL: `http://127.0.0.1:${port}/simple`,
    PIP_FIND_LINKS: '',
    PIP_EXTRA_INDEX_URL: '',
    PIP_CONFIG_FILE: '/dev/null',
    PIP_NO_CACHE_DIR: '1',
    NO_PROXY: '127.0.0.1',
    no_proxy: '127.0.0.1',
  };
  return { env, sent: () => sent, close: () => new Promise((resolve) => void server.close(() => resolve())) };
}

function answerListing(response: ServerResponse, wheel: Buffer): void {
  const digest = createHash('sha256').update(wheel).digest('hex');
  response.setHeader('Content-Type', 'text/html');
  response.end(`<!DOCTYPE html><html><body><a href="/files/${WHEEL}#sha256=${digest}" data-dist-info-metadata="true" data-core-metadata="true">${WHEEL}</a></body></html>`);
}

function answerWheel(request: IncomingMessage, response: ServerResponse, wheel: Buffer, ranges: boolean): number {
  const range = ranges ? /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') : null;
  if (range === null) {
    response.setHeader('Content-Length', wheel.length).end(wheel);
    return wheel.length;
  }
  const [start, end] = [Number(range[1]), Number(range[2])];
  response.writeHead(206, { 'Content-Range': `bytes ${start}-${end}/${wheel.length}`, 'Content-Length': end - start + 1 });
  response.end(wheel.subarray(start, end + 1));
  return end - start + 1;
}
