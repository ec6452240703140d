import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { hubSettings, type HubSettings } from '../../lib/hub/hub-settings.ts';

export type RepoFiles = Record<string, Buffer | string>;

export interface LoopbackRepo {
  /** By path. Those above 1000 bytes are kept in the other origin, as large files are. */
  files: RepoFiles;
  commit: string;
  /** Of main. */
  revision?: string;
  /** Who may read it: anyone, or the holder of this token. */
  token?: string;
  isGated?: boolean;
}

/** What is wrong with the next answers. */
export interface Mischief {
  /** Answers before it gets better, by status. */
  failWith?: { status: number; times: number; headers?: Record<string, string> };
  /** Ends the bodies of large files after so many bytes, so many times. */
  cutAfter?: { bytes: number; times: number };
  /** In place of the body of a large file. */
  body?: (file: Buffer) => Buffer;
  /** Of large files: a body without end. */
  isEndless?: boolean;
  ignoresRanges?: boolean;
  /** In place of the listing. */
  listing?: (value: { sha: string; siblings: object[] }) => unknown;
  redirectTo?: string;
}

export interface Asked {
  method: string;
  url: string;
  authorization: string | undefined;
  range: string | undefined;
  isStore: boolean;
}

const LARGE = 1000;

/** A hub on this machine: the parts of the API that fetching uses, with large files in a store of another origin. */
export class LoopbackHub {
  readonly repos = new Map<string, LoopbackRepo>();
  readonly asked: Asked[] = [];
  mischief: Mischief = {};
  #hub: Server | undefined;
  #store: Server | undefined;

  async start(): Promise<this> {
    this.#store = await listen((request, response) => this.#answerStore(request, response));
    this.#hub = await listen((request, response) => this.#answerHub(request, response));
    return this;
  }

  async stop(): Promise<void> {
    for (const server of [this.#hub, this.#store]) {
      server?.closeAllConnections();
      await new Promise((done) => server?.close(done));
    }
  }

  get endpoint(): string {
    return addressOf(this.#hub!);
  }

  get store(): string {
    // Called otherwise than the hub, as the real one is: where the token must not go.
    return addressOf(this.#store!).replace('127.0.0.1', 'localhost');
  }

  /** Settings of a user whose cache is in `home`; impatient. */
  settings(home: string, env: NodeJS.ProcessEnv = {}): HubSettings {
    return { ...hubSettings({ ...this.env(home), ...env }), retryMs: 5, timeoutMs: 2000 };
  }

  env(home: string): Record<string, string> {
    return {
      HF_ENDPOINT: this.endpoint,
      HF_HOME: home,
      HF_TOKEN: '',
      HF_HUB_OFFLINE: '',
      HF_HUB_CACHE: '',
      NO_PROXY: '*',
      HF_HUB_DISABLE_XET: '1',
    };
  }

  add(id: string, files: RepoFiles, more: Partial<LoopbackRepo> = {}): LoopbackRepo {
    const repo = {
      files,
      commit: createHash('sha1')
        .update(id + Object.keys(files).join())
        .digest('hex'),
      ...more,
    };
    this.repos.set(id, repo);
    return repo;
  }

  /** Bytes of the store and of small files that were asked for. */
  count(pattern: RegExp): number {
    return this.asked.filter(({ url }) => pattern.test(url)).length;
  }

  #answerHub(request: IncomingMessage, response: ServerResponse): void {
    const url = this.#note(request, false);
    const { failWith, redirectTo } = this.mischief;
    if (failWith !== undefined && failWith.times > 0) {
      failWith.times -= 1;
      return end(response, failWith.status, failWith.headers);
    }
    if (redirectTo !== undefined) return end(response, 302, { Location: redirectTo });
    const api =
      /^\/api\/(model|dataset)s\/([^/]+(?:\/[^/]+)?)\/revision\/([^/?]+)/.exec(url) ??
      /^\/api\/(model|dataset)s\/([^/]+(?:\/[^/]+)?)\/tree\/([^/?]+)/.exec(url);
    const file = /^\/(datasets\/)?([^/]+(?:\/[^/]+)?)\/resolve\/([^/]+)\/(.+)$/.exec(url);
    const id = api === null ? `${file?.[1] ?? ''}${file?.[2] ?? ''}` : `${api[1] === 'dataset' ? 'datasets/' : ''}${api[2]}`;
    const repo = this.repos.get(id);
    const refusal = refusalFor(repo, request);
    if (repo === undefined || refusal !== undefined)
      return end(response, refusal?.status ?? 404, { 'X-Error-Code': refusal?.code ?? 'RepoNotFound' });
    const revision = decodeURIComponent((api ?? file)?.[3] ?? '');
    if (![repo.commit, repo.revision ?? 'main', 'main'].includes(revision))
      return end(response, 404, { 'X-Error-Code': 'RevisionNotFound' });
    if (api !== null) return api[0]!.includes('/tree/') ? answerTree(repo, response) : this.#answerListing(repo, response);
    this.#answerFile(repo, decodeURIComponent(file![4]!), request, response);
  }

  #answerListing(repo: LoopbackRepo, response: ServerResponse): void {
    const siblings = Object.entries(repo.files).map(([rfilename, content]) => ({
      rfilename,
      size: Buffer.from(content).length,
      ...hashesOf(content),
    }));
    const value = { id: 'x', sha: repo.commit, siblings };
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify(this.mischief.listing === undefined ? value : this.mischief.listing(value)));
  }

  #answerFile(repo: LoopbackRepo, path: string, request: IncomingMessage, response: ServerResponse): void {
    const content = repo.files[path];
    response.setHeader('X-Repo-Commit', repo.commit);
    if (content === undefined) return end(response, 404, { 'X-Error-Code': 'EntryNotFound' });
    const bytes = Buffer.from(content);
    const { lfs, blobId } = hashesOf(content);
    if (lfs === undefined) {
      response.setHeader('ETag', `"${blobId}"`);
      return sendBytes(bytes, request, response, false);
    }
    response.setHeader('X-Linked-Etag', `"${lfs.sha256}"`);
    response.setHeader('X-Linked-Size', bytes.length);
    end(response, 302, { Location: `${this.store}/${lfs.sha256}?signature=secret` });
  }

  #answerStore(request: IncomingMessage, response: ServerResponse): void {
    const url = this.#note(request, true);
    const sha256 = url.slice(1).split('?')[0];
    const contents = [...this.repos.values()].flatMap(({ files }) => Object.values(files)).map((content) => Buffer.from(content));
    const found = contents.find((bytes) => createHash('sha256').update(bytes).digest('hex') === sha256);
    if (found === undefined) return end(response, 403);
    const { body, isEndless, ignoresRanges = false, cutAfter } = this.mischief;
    if (isEndless === true) return sendForEver(response);
    if (cutAfter === undefined || cutAfter.times === 0) return sendBytes(body?.(found) ?? found, request, response, ignoresRanges);
    cutAfter.times -= 1;
    sendBytes(found, request, response, ignoresRanges, cutAfter.bytes);
  }

  #note(request: IncomingMessage, isStore: boolean): string {
    const { method = '', url = '', headers } = request;
    this.asked.push({ method, url, authorization: headers.authorization, range: headers.range, isStore });
    return url;
  }
}

function refusalFor(repo: LoopbackRepo | undefined, { headers }: IncomingMessage): { status: number; code: string } | undefined {
  if (repo === undefined)
    return headers.authorization === undefined ? { status: 401, code: 'RepoNotFound' } : { status: 404, code: 'RepoNotFound' };
  if (repo.token === undefined || headers.authorization === `Bearer ${repo.token}`) return undefined;
  if (repo.isGated === true) return { status: headers.authorization === undefined ? 401 : 403, code: 'GatedRepo' };
  return { status: headers.authorization === undefined ? 401 : 404, code: 'RepoNotFound' };
}

/** What huggingface_hub lists a repository by. */
function answerTree(repo: LoopbackRepo, response: ServerResponse): void {
  const entries = Object.entries(repo.files).map(([path, content]) => {
    const { lfs, blobId } = hashesOf(content);
    const size = Buffer.from(content).length;
    return { type: 'file', path, size, oid: blobId, ...(lfs === undefined ? {} : { lfs: { oid: lfs.sha256, size, pointerSize: 130 } }) };
  });
  response.setHeader('Content-Type', 'application/json');
  response.end(JSON.stringify(entries));
}

export function hashesOf(content: Buffer | string): { blobId: string; lfs?: { sha256: string; size: number; pointerSize: number } } {
  const bytes = Buffer.from(content);
  const blobId = createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
  if (bytes.length <= LARGE) return { blobId };
  return { blobId, lfs: { sha256: createHash('sha256').update(bytes).digest('hex'), size: bytes.length, pointerSize: 130 } };
}

function sendBytes(
  bytes: Buffer,
  { method, headers }: IncomingMessage,
  response: ServerResponse,
  ignoresRanges: boolean,
  cutAfter = Infinity,
): void {
  const start = ignoresRanges ? 0 : Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0);
  const rest = bytes.subarray(start);
  response.setHeader('Content-Length', rest.length);
  if (start > 0) response.setHeader('Content-Range', `bytes ${start}-${bytes.length - 1}/${bytes.length}`);
  response.statusCode = start > 0 ? 206 : 200;
  if (method === 'HEAD') response.end();
  else if (rest.length <= cutAfter) response.end(rest);
  else response.write(rest.subarray(0, cutAfter), () => setTimeout(() => response.destroy(), 20));
}

function sendForEver(response: ServerResponse): void {
  const chunk = Buffer.alloc(1 << 16);
  const more = (): void => {
    while (!response.destroyed && response.write(chunk));
    if (!response.destroyed) response.once('drain', more);
  };
  more();
}

function end(response: ServerResponse, status: number, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'Content-Length': 0, ...headers }).end();
}

async function listen(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<Server> {
  const server = createServer(answer);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return server;
}

function addressOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The files of a folder, as those of a repository. */
export function filesOf(folder: string): RepoFiles {
  return Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]));
}
