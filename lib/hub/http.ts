import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { openTunnel, proxyAuthorization, proxyFor } from './proxy.ts';

export interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  /** Headers of the replies that led here by redirects within the first origin, and its own where it is of that origin: what the hub itself said. */
  said: IncomingHttpHeaders;
  body: IncomingMessage;
}

export interface Asking {
  method?: 'GET' | 'HEAD';
  headers?: Readonly<Record<string, string>>;
  /** Sent to the origin of the address alone; wherever a redirect leads, it stays behind. */
  token?: string | undefined;
  /** Without a byte, milliseconds. */
  timeoutMs: number;
  env: NodeJS.ProcessEnv;
  signal?: AbortSignal | undefined;
}

/** A connection that failed, was cut or fell silent: worth another try. */
export class ConnectionError extends Error {}

const MOST_REDIRECTS = 8;

/**
 * Asks for `address` and follows redirects. The body has not been read.
 * @throws ConnectionError for a connection that fails; Error for redirects that lead nowhere
 */
export async function ask(address: string, asking: Asking): Promise<Reply> {
  const first = new URL(address);
  let url = first;
  let token = asking.token;
  let said: IncomingHttpHeaders = {};
  for (let redirects = 0; ; redirects += 1) {
    const body = await askOnce(url, asking, token);
    const status = body.statusCode ?? 0;
    if (url.origin === first.origin) said = { ...said, ...body.headers };
    const { location } = body.headers;
    if (![301, 302, 303, 307, 308].includes(status) || location === undefined) return { status, headers: body.headers, said, body };
    body.destroy();
    if (redirects === MOST_REDIRECTS) throw new Error(`${place(first)} redirects more than ${MOST_REDIRECTS} times`);
    url = nextAddress(url, location);
    // Once away from the hub the token is gone for good.
    if (url.origin !== first.origin) token = undefined;
  }
}

function nextAddress(from: URL, location: string): URL {
  if (!URL.canParse(location, from.href)) throw new Error(`${place(from)} redirects to what is no address`);
  const to = new URL(location, from.href);
  if (!['http:', 'https:'].includes(to.protocol)) throw new Error(`${place(from)} redirects to ${to.protocol}, which is not followed`);
  if (from.protocol === 'https:' && to.protocol === 'http:') throw new Error(`${place(from)} redirects to http:, which is not safe`);
  return to;
}

/** Signed addresses of a store hold secrets behind the question mark. */
function place({ origin, pathname }: URL): string {
  return `${origin}${pathname}`;
}

async function askOnce(url: URL, { method = 'GET', headers = {}, timeoutMs, env, signal }: Asking, token: string | undefined): Promise<IncomingMessage> {
  signal?.throwIfAborted();
  const proxy = proxyFor(url, env);
  const options: RequestOptions = {
    method,
    signal,
    headers: { 'User-Agent': 'hyperfit', 'Accept-Encoding': 'identity', ...headers, ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }) },
  };
  try {
    return await send(url, proxy, options, timeoutMs);
  } catch (cause) {
    signal?.throwIfAborted();
    throw new ConnectionError(`${url.host}: ${reasonOf(cause)}`, { cause });
  }
}

async function send(url: URL, proxy: URL | undefined, options: RequestOptions, timeoutMs: number): Promise<IncomingMessage> {
  if (url.protocol === 'https:') {
    // A tunnel is for this one request; without one, Node keeps connections for the next.
    if (proxy === undefined) return reply(httpsRequest(url, options), timeoutMs);
    const tunnel = await openTunnel(proxy, url, timeoutMs);
    const createConnection = (): TLSSocket => connectTls({ socket: tunnel, servername: isIP(url.hostname) === 0 ? url.hostname : '', ALPNProtocols: ['http/1.1'] });
    return reply(httpsRequest(url, { ...options, createConnection }), timeoutMs);
  }
  if (proxy === undefined) return reply(httpRequest(url, options), timeoutMs);
  const through = { host: proxy.hostname, port: proxy.port || 80, path: url.href, headers: { ...options.headers, Host: url.host, ...proxyAuthorization(proxy) } };
  return reply(httpRequest({ ...options, ...through }), timeoutMs);
}

function reply(request: ReturnType<typeof httpRequest>, timeoutMs: number): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.setTimeout(timeoutMs, () => request.destroy(new Error(`silent for ${timeoutMs / 1000} s`)));
    request.on('response', resolve).on('error', reject).end();
  });
}

/** A name for what Node says of a connection: some of its errors have a code and no words. */
export function reasonOf(cause: unknown): string {
  const { code, message, errors } = cause as NodeJS.ErrnoException & { errors?: unknown[] };
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'no such host, or no network';
  if (code === 'ECONNREFUSED') return 'the connection was refused';
  if (code === 'ECONNRESET') return 'the connection was cut';
  return message || (errors !== undefined ? reasonOf(errors[0]) : (code ?? String(cause)));
}

/**
 * The body as text.
 * @throws ConnectionError when it is cut; Error when it is longer than `limit` bytes
 */
export async function readText({ body }: Reply, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of body) {
      length += (chunk as Buffer).length;
      if (length > limit) break;
      chunks.push(chunk as Buffer);
    }
  } catch (cause) {
    throw new ConnectionError(reasonOf(cause), { cause });
  }
  if (length > limit) throw new Error(`an answer of more than ${limit} bytes`);
  return Buffer.concat(chunks).toString('utf8');
}
