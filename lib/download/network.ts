import { rootCertificates } from 'node:tls';
import type { Dispatcher, Response } from 'undici';
import { readTextSync } from '../regular-file.ts';
import { DownloadError, plainUrl } from './download-error.ts';

export interface NetworkOptions {
  env?: NodeJS.ProcessEnv | undefined;
  /** Goes before the proxies of the environment. */
  proxy?: string | undefined;
  /** A PEM file of certificates to trust beside Node's own. */
  certificates?: string | undefined;
}

export interface FetchOptions {
  headers?: Readonly<Record<string, string>>;
  signal?: AbortSignal | undefined;
}

export interface RequestOptions extends FetchOptions {
  method?: 'GET' | 'HEAD' | undefined;
  /** Milliseconds without a byte after which it is given up. Default 60,000. */
  silence?: number | undefined;
}

const SILENCE_MS = 60_000;
const CONNECT_MS = 20_000;

/** HTTP as the user's machine wants it: proxies, certificates, and no request that waits for ever. */
export class Network {
  readonly #options: NetworkOptions;
  #dispatcher: Promise<Dispatcher> | undefined;

  constructor(options: NetworkOptions = {}) {
    this.#options = options;
  }

  /**
   * A GET that follows redirects. User and password of the address become a header, which a redirect to another host drops.
   * @throws DownloadError of kind 'network' when no answer comes; the signal's reason when aborted
   */
  async get(url: string, { headers = {}, signal }: FetchOptions = {}): Promise<Response> {
    const { fetch } = await import('undici'); // 40 ms that no other command should wait for
    const { address, authorization } = takeCredentials(url);
    const all = { 'Accept-Encoding': 'identity', 'User-Agent': 'hyperfit', ...authorization, ...headers };
    try {
      return await fetch(address, { headers: all, dispatcher: await this.#agent(), ...(signal === undefined ? {} : { signal }) });
    } catch (cause) {
      signal?.throwIfAborted();
      if (cause instanceof DownloadError) throw cause;
      throw new DownloadError('network', `${plainUrl(url)}: ${innermost(cause)}`, { cause });
    }
  }

  /**
   * One request; what it redirects to is the caller's to follow. The body is to be read, or destroyed.
   * @throws DownloadError of kind 'network' when no answer comes, 'setting' for a proxy that cannot be; the signal's reason when aborted
   */
  async request(
    url: string,
    { method = 'GET', headers = {}, signal, silence = SILENCE_MS }: RequestOptions = {},
  ): Promise<Dispatcher.ResponseData> {
    const { request } = await import('undici');
    const timeouts = { headersTimeout: silence, bodyTimeout: silence };
    const all = { 'Accept-Encoding': 'identity', 'User-Agent': 'hyperfit', ...headers };
    try {
      return await request(url, {
        method,
        headers: all,
        dispatcher: await this.#agent(),
        ...timeouts,
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (cause) {
      signal?.throwIfAborted();
      if (cause instanceof DownloadError) throw cause;
      throw new DownloadError('network', `${plainUrl(new URL(url).host)}: ${innermost(cause)}`, { cause });
    }
  }

  async close(): Promise<void> {
    await (await this.#dispatcher)?.destroy();
  }

  #agent(): Promise<Dispatcher> {
    this.#dispatcher ??= makeAgent(this.#options);
    return this.#dispatcher;
  }
}

async function makeAgent({ env = process.env, proxy, certificates }: NetworkOptions): Promise<Dispatcher> {
  const { EnvHttpProxyAgent } = await import('undici');
  const ca = certificates === undefined ? {} : { ca: [...rootCertificates, readCertificates(certificates)] };
  const every = setting(env, 'ALL_PROXY');
  const proxies = { httpProxy: proxy ?? setting(env, 'HTTP_PROXY') ?? every, httpsProxy: proxy ?? setting(env, 'HTTPS_PROXY') ?? every };
  for (const address of Object.values(proxies)) checkProxy(address);
  return new EnvHttpProxyAgent({
    httpProxy: proxies.httpProxy ?? '', // an empty text keeps it from looking into the environment itself
    httpsProxy: proxies.httpsProxy ?? '',
    noProxy: setting(env, 'NO_PROXY') ?? '',
    connect: { timeout: CONNECT_MS, ...ca },
    requestTls: ca,
    proxyTls: ca,
    headersTimeout: SILENCE_MS,
    bodyTimeout: SILENCE_MS,
  });
}

/** As curl reads them: the name in small letters first. */
function setting(env: NodeJS.ProcessEnv, name: string): string | undefined {
  return env[name.toLowerCase()] || env[name] || undefined;
}

function checkProxy(address: string | undefined): void {
  if (address === undefined || /^https?:\/\//.test(address)) return;
  throw new DownloadError('setting', `expected a proxy that begins with http:// or https://, got ${plainUrl(address)}`);
}

function readCertificates(path: string): string {
  try {
    return readTextSync(path);
  } catch (cause) {
    throw new DownloadError('setting', `expected a file of certificates, got ${path}: ${(cause as Error).message}`, { cause });
  }
}

function takeCredentials(url: string): { address: string; authorization: Record<string, string> } {
  const parsed = new URL(url);
  const { username, password } = parsed;
  if (username === '' && password === '') return { address: url, authorization: {} };
  parsed.username = parsed.password = '';
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { address: parsed.href, authorization: { Authorization: `Basic ${Buffer.from(pair).toString('base64')}` } };
}

/** "fetch failed" says nothing; what lies below it does. */
function innermost(error: unknown): string {
  const { cause, message, code } = error as { cause?: unknown; message?: string; code?: string };
  if (cause !== undefined && cause !== null) return innermost(cause);
  return message || code || String(error);
}
